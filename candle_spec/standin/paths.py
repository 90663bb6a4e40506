"""Paths as the service takes them from a raw address: cut, never decoded.

Sources: ``paths.json``; the form of a path: ``HpcUtil.toNormalizedPath`` of DME.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from candle_spec.standin.facts import document


def part(name: str) -> Any:
    """Return a part of ``paths.json``."""
    return document("paths.json")[name]


def parent(path: str) -> str:
    """Return the path of what a path stands in; ``/`` for what stands at the top."""
    above, _, _ = path.rstrip("/").rpartition("/")
    return above or "/"


def normal(path: str) -> str:
    """Return a path with one ``/`` before it, none behind it, none twice."""
    return "/" + re.sub("/+", "/", path).strip("/")


def cut(raw: str, mark: str, *, acted: bool = False) -> str:
    """Return the path in a raw address: what stands between a mark and its next occurrence.

    Args:
        raw: The address.
        mark: One of the marks of the service's handlers.
        acted: Whether the last segment says what is done with the path: it is dropped, whatever it is.
    """
    if mark not in part("marks")["words"]:
        raise KeyError(mark)
    found = raw.split(mark)[1]
    return normal(found.rpartition("/")[0] if acted else found)


def refused(raw: str) -> bool:
    """Whether the container refuses an address before any code of the service sees it."""
    return _firewall().search(raw) is not None


@cache
def _firewall() -> re.Pattern[str]:
    rule = part("refused")
    texts = [re.escape(text) for text in rule["texts"]]
    texts += [f"%{code:02x}" for first, last in rule["controls"] for code in range(_code(first), _code(last) + 1)]
    texts += [f"/{re.escape(segment)}(?:/|$)" for segment in rule["segments"]]
    return re.compile("|".join(texts), re.IGNORECASE)


def _code(encoded: str) -> int:
    return int(encoded[1:], 16)


def invalid_character(path: str) -> str:
    """Return the first character, in the order of the server's list, that no path may hold; ``""`` for none."""
    return next((one for one in part("invalid")["characters"] if one in path), "")
