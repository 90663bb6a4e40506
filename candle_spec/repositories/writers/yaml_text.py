"""Write YAML that readers of YAML 1.1 and 1.2 read alike: block style, every doubtful text in quotes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_/.+() -]*[A-Za-z0-9_/+()]|[A-Za-z]")
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_WORDS: Final = frozenset("y n yes no on off true false null nan inf".split())


def dump(value: Any) -> str:
    """Return a JSON value as YAML, with a final newline."""
    return "\n".join(_lines(value)) + "\n"


def yaml(document: Any, _: Mapping[str, Any]) -> bytes:
    """Return YAML."""
    return dump(document).encode("utf-8")


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS and len(value) < 200:
            return value
        return '"' + "".join(map(_letter, value)) + '"'
    text = json.dumps(value)
    if isinstance(value, float) and "e" in text and "." not in text:  # 5e-324 is text to YAML 1.1
        text = text.replace("e", ".0e")
    return text


def _letter(letter: str) -> str:
    """Return a character as it stands in double quotes; YAML's escapes, which know no surrogates."""
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if letter.isprintable() and letter != "\ufeff":
        return letter
    number = ord(letter)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _entry(f"{_scalar(str(key))}:", inner, nested="  " if isinstance(inner, dict) else "")
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _entry("-", inner, nested="  ")
    else:
        yield _scalar(value)


def _entry(head: str, inner: Any, *, nested: str) -> Iterator[str]:
    if not isinstance(inner, (dict, list)) or not inner:
        yield f"{head} {_scalar(inner)}"
        return
    lines = list(_lines(inner))
    if head == "-":
        yield f"- {lines[0]}"
        yield from (f"  {line}" for line in lines[1:])
        return
    yield head
    yield from (f"{nested}{line}" for line in lines)
