"""Markdown to HTML of harmless elements: what repositories take in descriptions."""

from __future__ import annotations

from typing import Final

ELEMENTS: Final = "a blockquote br code em h1 h2 h3 h4 h5 h6 hr li ol p pre strong ul".split()
"""All elements that can come out."""


def to_html(markdown: str) -> str:
    """Return HTML: raw HTML becomes text, images their titles, links only to harmless addresses."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "xhtmlOut": True}).disable(["image", "html_block", "html_inline"])
    return str(parser.render(markdown)).strip()
