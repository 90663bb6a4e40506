"""Markdown to HTML, and HTML to its text."""

from __future__ import annotations

import pytest

from candle_spec.repositories.markup.html import to_html, to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a &lt; b", "a < b"),
        ("<p>one</p>\n<p>two<br/>three</p>", "one\n\ntwo\nthree"),
        ("<ul>\n<li>a</li>\n<li><b>b</b> c</li>\n</ul>", "- a\n- b c"),
        ("<p>x</p><script>alert(1)</script><style>p {}</style>y", "x\n\ny"),
        ("<p>never closed <b>bold", "never closed bold"),
        ("<p>one\nline</p><pre>two\nlines</pre>", "one line\n\ntwo\nlines"),
        ("</script>kept", "kept"),
        ("", ""),
    ],
)
def test_to_text(html: str, text: str) -> None:
    assert to_text(html) == text


def test_text_comes_back() -> None:
    text = "First *paragraph*.\n\n- an item\n- another < item"
    assert to_text(to_html(text)) == "First paragraph.\n\n- an item\n- another < item"
