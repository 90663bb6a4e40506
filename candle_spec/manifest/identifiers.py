"""Identifiers: the shapes and the check digits of their schemes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

_SHAPES: Final = {
    "orcid": re.compile(r"(?:https://orcid\.org/)?([0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X])"),
    "ror": re.compile(r"(?:https://ror\.org/)?(0[a-hj-km-np-tv-z0-9]{6}[0-9]{2})"),
    "doi": re.compile(r"(10\.[0-9]{4,9}(?:\.[0-9]+)*/[^\s]+)"),
    "swhid": re.compile(r"(swh:1:(?:cnt|dir|rev|rel|snp):[0-9a-f]{40})(?:;[^\s]+)?"),
    "uuid": re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", re.IGNORECASE),
    "purl": re.compile(r"(pkg:[a-zA-Z][a-zA-Z0-9.+-]*/[^\s]+)"),
    "hf": re.compile(
        r"(?:https://huggingface\.co/)?((?:datasets/)?[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)?(?:[@/][^\s]*)?)"
    ),
    "url": re.compile(r"([a-z][a-z0-9+.-]*://[^\s]+)"),
}
_CROCKFORD: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def fault_of(scheme: str, value: str) -> str:
    """Return what is wrong with an identifier, or ``""``; schemes without rules take anything."""
    shape = _SHAPES.get(scheme)
    if shape is None:
        return ""
    match = shape.fullmatch(value)
    name = scheme.upper() if scheme not in ("orcid", "url") else {"orcid": "ORCID iD", "url": "URL"}[scheme]
    if match is None:
        return f"{value!r} is no valid {name}"
    check = _CHECK_DIGITS.get(scheme)
    return f"the check digits of {value!r} are wrong: a typing error" if check and not check(match[1]) else ""


def _orcid(text: str) -> bool:
    """ISO 7064 mod 11-2 (https://support.orcid.org/hc/en-us/articles/360006897674)."""
    total = 0
    for digit in text.replace("-", "")[:15]:
        total = (total + int(digit)) * 2
    return "0123456789X"[(12 - total % 11) % 11] == text[-1]


def _ror(text: str) -> bool:
    """ISO 7064 mod 97-10 over the number in Crockford's base 32 (https://ror.readme.io/docs/identifier)."""
    number = 0
    for digit in text[1:7]:
        number = number * 32 + _CROCKFORD.index(digit)
    return int(text[7:]) == 98 - number * 100 % 97


_CHECK_DIGITS: Final[Mapping[str, Callable[[str], bool]]] = {"orcid": _orcid, "ror": _ror}
