"""Values in Markdown: as words that mean themselves, as code, as links, or as Markdown that keeps to its own place.

The rules are those of CommonMark 0.31 with the tables, strike-through and formulas of the sites that show cards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from markdown_it.token import Token

_MARKUP: Final = re.compile(r"[\\`*<>\[\]|~$]|&(?=#?[A-Za-z0-9]+;)|(?<![^\W_])_|_(?![^\W_])")
"""What is markup wherever it stands; an underscore within a word is none."""

_LEADING: Final = re.compile(r"[-+](?=[\s-]|$)|=(?==*\s*$)|#(?=#*(?:\s|$))|:(?=-)|\d{1,9}[.)](?=\s|$)")
"""What begins a list, a heading or the line below one, where it stands first."""

_PLAIN: Final = re.compile(r"[\w .,;()/\"'%@?-]*")
"""Letters of a line in which nothing can be markup, but for what its first ones are."""

_HEADING: Final = 4
"""Level of the largest heading that a value may have: those above are the card's own."""


def one_line(value: str) -> str:
    """Return a text on one line: what is no letter to print becomes a space, but for the joiners of some scripts."""
    if value.isprintable():
        return " ".join(value.split())
    shown = (letter if letter.isprintable() or letter in "\u200c\u200d" else " " for letter in value)
    return " ".join("".join(shown).split())


def words(value: str) -> str:
    """Return a text as one line of Markdown that shows the very text, wherever on a line it is put."""
    line = one_line(value)
    if _PLAIN.fullmatch(line) and not _LEADING.match(line) and "_" not in line:
        return line
    return _escaped(line)


def _escaped(line: str) -> str:
    text = _unlike_a_block(_MARKUP.sub(lambda match: "\\" + match[0], line))
    stripped = text.rstrip("#")
    if stripped == text or not stripped.endswith(" "):
        return text
    return stripped + "\\#" * (len(text) - len(stripped))  # a heading would lose them


def code(value: str) -> str:
    """Return a text as a code span: between more grave accents than stand in it."""
    line = " ".join(value.split())
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence, pad = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line else ""


def link(value: str) -> str:
    """Return an address of the web as a link to itself, and any other text as words."""
    return f"<{value}>" if re.fullmatch(r"https?://[^\s<>\x00-\x20]+", value) else words(value)


def contained(value: str) -> str:
    """Return Markdown with the same text, in which nothing reaches beyond it.

    Every block is closed, headings are smaller than those of a card, raw HTML is shown as text, links lead to the web
    only. It is written anew from what CommonMark reads in it, so that nothing else can be in it.
    """
    if all(_PLAIN.fullmatch(line) and not _LEADING.match(line.lstrip()) and "_" not in line and line == line.strip()
           for line in value.split("\n")):  # fmt: skip
        return re.sub(r"\n{3,}", "\n\n", value).strip("\n")
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table")
    return "\n".join(_blocks(parser.parse(value))).strip("\n")


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield the lines of blocks, with an empty one between two."""
    index, first = 0, True
    while index < len(tokens):
        end = _end(tokens, index)
        lines = list(_block(tokens[index], tokens[index + 1 : end]))
        if lines:
            if not first:
                yield ""
            yield from lines
            first = False
        index = end + 1


def _end(tokens: Sequence[Token], start: int) -> int:
    depth = 0
    for index in range(start, len(tokens)):
        depth += tokens[index].nesting
        if depth == 0:
            return index
    return len(tokens) - 1


def _block(token: Token, inside: Sequence[Token]) -> Iterator[str]:
    match token.type:
        case "paragraph_open":
            yield from _inline(inside)
        case "heading_open":
            level = min(6, int(token.tag[1]) + _HEADING - 1)
            yield f"{'#' * level} {' '.join(_inline(inside))}"
        case "fence" | "code_block":
            yield from _fence(token)
        case "html_block":
            yield from (words(line) for line in token.content.splitlines() if line.strip())
        case "hr":
            yield "* * *"
        case "table_open":
            yield from _table(inside)
        case "blockquote_open":
            yield from (f"> {line}".rstrip() for line in _blocks(inside))
        case "bullet_list_open" | "ordered_list_open":
            yield from _list(token, inside)


def _list(token: Token, inside: Sequence[Token]) -> Iterator[str]:
    number = int(token.attrGet("start") or 1) if token.type == "ordered_list_open" else None
    tight = any(each.hidden for each in inside if each.type == "paragraph_open" and each.level == token.level + 2)
    index, first = 0, True
    while index < len(inside):
        end = _end(inside, index)
        mark = "- " if number is None else f"{number}. "
        lines = list(_blocks(inside[index + 1 : end])) or [""]
        if tight:
            lines = [line for n, line in enumerate(lines) if line or not _is_list(lines[n + 1 : n + 2])]
        if not first and not tight:
            yield ""
        yield f"{mark}{lines[0]}".rstrip()
        yield from (f"{' ' * len(mark)}{line}".rstrip() for line in lines[1:])
        number, index, first = None if number is None else number + 1, end + 1, False


def _is_list(lines: Sequence[str]) -> bool:
    return any(re.match(r"- |\d+\. ", line) for line in lines)


def _table(inside: Sequence[Token]) -> Iterator[str]:
    rows: list[list[str]] = []
    for index, token in enumerate(inside):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            rows[-1].append(" ".join(_inline(inside[index + 1 : index + 2])))
    for number, row in enumerate(rows):
        yield f"| {' | '.join(row)} |"
        if number == 0:
            yield "|" + "---|" * len(row)


def _fence(token: Token) -> Iterator[str]:
    longest = max((len(run) for run in re.findall("`+", token.content)), default=0)
    fence = "`" * max(3, longest + 1)
    yield fence + re.sub(r"[^A-Za-z0-9+#.-]", "", token.info.partition(" ")[0])
    yield from token.content.rstrip("\n").split("\n")
    yield fence


def _inline(tokens: Sequence[Token]) -> list[str]:
    """Return the lines of a paragraph, written anew."""
    out: list[str] = []
    closing: list[str] = []
    for token in (child for each in tokens for child in each.children or ()):
        match token.type:
            case "text" | "html_inline":
                out.append(token.content if _PLAIN.fullmatch(token.content) and "_" not in token.content
                           else _MARKUP.sub(lambda match: "\\" + match[0], token.content))  # fmt: skip
            case "code_inline":
                out.append(code(token.content))
            case "em_open" | "em_close":
                out.append("*")
            case "strong_open" | "strong_close":
                out.append("**")
            case "softbreak":
                out.append("\n")
            case "hardbreak":
                out.append("\\\n")
            case "link_open":
                href = _web(str(token.attrGet("href") or ""))
                if href and out and out[-1].endswith("!"):  # an image otherwise
                    out.append(f"{out.pop()[:-1]}\\!")
                out.append("[" if href else "")
                closing.append(f"](<{href}>)" if href else "")
            case "link_close":
                out.append(closing.pop())
            case "image":
                source, text = _web(str(token.attrGet("src") or "")), words(token.content)
                out.append(f"![{text}](<{source}>)" if source else text)
    return [_unlike_a_block(line) for line in "".join(out).split("\n")]


def _unlike_a_block(line: str) -> str:
    leading = _LEADING.match(line := line.strip())
    return line if leading is None else line[: leading.end() - 1] + "\\" + line[leading.end() - 1 :]


def _web(address: str) -> str:
    return address if re.fullmatch(r"(?:https?://|mailto:)[^\s<>\\]+", address) else ""
