"""Markdown to HTML of harmless elements, which repositories take in descriptions; and the text of such HTML."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final


def to_html(markdown: str) -> str:
    """Return HTML: raw HTML becomes text, images their titles, links only to harmless addresses."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "xhtmlOut": True}).disable(["image", "html_block", "html_inline"])
    return str(parser.render(markdown)).strip()


_BREAKS: Final = {"br": "\n", "li": "\n- ", "tr": "\n"} | dict.fromkeys(
    "p div pre blockquote ul ol table h1 h2 h3 h4 h5 h6".split(), "\n\n"
)
_HIDDEN: Final = ("script", "style")


class _Text(HTMLParser):
    """Collects the text of HTML, with a line's end where the elements mean one."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden = self.verbatim = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in _HIDDEN
        self.verbatim += tag == "pre"
        self.parts.append(_BREAKS.get(tag, ""))

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in _HIDDEN and self.hidden > 0
        self.verbatim -= tag == "pre" and self.verbatim > 0
        self.parts.append("\n\n" if _BREAKS.get(tag) == "\n\n" else "")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data if self.verbatim else data.replace("\n", " "))


def to_text(html: str) -> str:
    """Return the text of HTML: paragraphs, lines and list items stay apart, scripts and styles are left out."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    lines = [" ".join(line.split()) for line in "".join(parser.parts).split("\n")]
    return "\n".join(line for n, line in enumerate(lines) if line or (n and lines[n - 1])).strip()
