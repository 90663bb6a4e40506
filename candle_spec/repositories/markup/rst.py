"""Values in reStructuredText: as words that mean themselves, as prose, as a title, as links.

Source of the rules: https://docutils.sourceforge.io/docs/ref/rst/restructuredtext.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from candle_spec.repositories.markup.markdown import one_line

_MARKUP: Final = re.compile(r"[\\*`|]|_(?![^\W_])|(?<![^\W_])_|(?<=:):")
"""What may begin or end markup; an underscore within a word does not."""

_LEADING: Final = re.compile(r"[^\w\s\\]|(?:\w|#|\d+|[ivxlcdmIVXLCDM]+)[.)](?=\s|$)")
"""What at the beginning of a line may be a bullet, an enumeration, a field, an underline, a directive."""

_SCHEME: Final = re.compile(r"\b(?!https?:)[A-Za-z][A-Za-z0-9.+-]*:(?=\S)")
"""Where an address begins that is made a link; those of the web may be."""

_ITEM: Final = re.compile(r"(?:[-*+]|\d{1,9}[.)])\s+(?=\S)")


def words(value: str) -> str:
    """Return a text as one line that shows the very text, wherever on a line it is put."""
    text = _MARKUP.sub(lambda match: "\\" + match[0], one_line(value))
    text = _SCHEME.sub(lambda match: f"{match[0][:-1]}\\:", text)
    if text and not text.strip("\\"):  # a line of nothing else would be a transition
        return f"\\ {text}"
    leading = None if text.startswith("\\") else _LEADING.match(text)
    if leading is None:
        return text
    at = leading.end() - 1
    return f"{text[:at]}\\{text[at:]}"


def title(value: str) -> str:
    """Return a text as the title of a page, over a line that is long enough for letters of any width."""
    from unicodedata import east_asian_width

    line = words(value)
    width = sum(2 if east_asian_width(letter) in "WF" else 1 for letter in line)
    return f"{line}\n{'=' * max(4, width)}"


def link(value: str, shown: str) -> str:
    """Return an address of the web as a link with a text; any other text as words."""
    if not re.match(r"https?://\S", value):
        return f"{words(shown)}: {words(value)}"
    address = re.sub(r"[\s<>`\\]|_$", lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), value)
    return f"`{words(shown)} <{address}>`__"


def prose(value: str) -> str:
    """Return paragraphs and lists of Markdown or plain text as paragraphs and lists whose words mean themselves."""
    return "\n\n".join(_paragraphs(value))


def _paragraphs(value: str) -> Iterator[str]:
    lines: list[str] = []
    mark = ""
    for line in [*value.splitlines(), ""]:
        item = _ITEM.match(stripped := line.strip())
        if (not stripped or item) and lines:
            yield f"{mark}{words(' '.join(lines))}"
            lines, mark = [], ""
        if item:
            mark, stripped = "* ", stripped[item.end() :]
        if stripped:
            lines.append(stripped)
