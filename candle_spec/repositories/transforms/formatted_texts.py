"""Transforms from and to formatted texts: HTML, Markdown, reStructuredText."""

from __future__ import annotations

from typing import Any, Final

from candle_spec.repositories.markup import markdown, rst
from candle_spec.repositories.markup.html import to_html, to_text
from candle_spec.repositories.transforms.transform import Context, Transform, of_texts
from candle_spec.repositories.values import plain_text


def _rst_link(value: Any, argument: Any, _: Context) -> Any:
    return rst.link(plain_text(value), argument)


TRANSFORMS: Final = (
    Transform(
        "html",
        lambda v, *_: to_html(plain_text(v)),
        ("none",),
        "Makes HTML of Markdown: only harmless elements, no raw HTML.",
        ("*a* <b>", None, "<p><em>a</em> &lt;b&gt;</p>"),
    ),
    Transform(
        "plain",
        lambda v, *_: to_text(plain_text(v)),
        ("none",),
        "Makes plain text of HTML.",
        ("<p>a &lt; <b>b</b></p>", None, "a < b"),
    ),
    Transform(
        "markdown-text",
        of_texts(markdown.words),
        ("none",),
        "Writes a text on one line so that Markdown shows that very text.",
        ("<b> *x*", None, "\\<b\\> \\*x\\*"),
        markup=True,
    ),
    Transform(
        "markdown",
        of_texts(markdown.contained),
        ("none",),
        "Keeps Markdown, but for what would reach beyond it: raw HTML, blocks left open, large headings.",
        ("# A *b* <i>", None, "#### A *b* \\<i\\>"),
        markup=True,
    ),
    Transform(
        "markdown-code",
        of_texts(markdown.code),
        ("none",),
        "Writes a text as a code span of Markdown.",
        ("a`b", None, "`` a`b ``"),
        markup=True,
    ),
    Transform(
        "markdown-link",
        of_texts(markdown.link),
        ("none",),
        "Writes an address of the web as a link of Markdown, any other text as markdown-text does.",
        ("https://example.org/a", None, "<https://example.org/a>"),
        markup=True,
    ),
    Transform(
        "rst-text",
        of_texts(rst.words),
        ("none",),
        "Writes a text on one line so that reStructuredText shows that very text.",
        ("a_ *x*", None, "a\\_ \\*x\\*"),
        markup=True,
    ),
    Transform(
        "rst-title",
        of_texts(rst.title),
        ("none",),
        "Writes a text as a title of reStructuredText, with its line below.",
        ("A net", None, "A net\n====="),
        markup=True,
    ),
    Transform(
        "rst-prose",
        of_texts(rst.prose),
        ("none",),
        "Writes the paragraphs and lists of a text so that reStructuredText shows their very words.",
        ("a\n\n- *b*", None, "a\n\n* \\*b\\*"),
        markup=True,
    ),
    Transform(
        "rst-link",
        _rst_link,
        ("text",),
        "Writes an address of the web as a link of reStructuredText, under the text given.",
        ("https://example.org/a", "Data", "`Data <https://example.org/a>`__"),
        markup=True,
    ),
    Transform(
        "verbatim",
        of_texts(markdown.one_line),
        ("none",),
        "Writes a text on one line, nothing escaped: for a line in a block of code.",
        ("a\n*b*", None, "a *b*"),
        markup=True,
    ),
)
