"""Licence expressions: the grammar of SPDX 2.3, annex D, over the identifiers of its list and one's own references.

Source: https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from candle_spec import resources
from candle_spec.manifest.spelling import nearest

_TOKEN: Final = re.compile(r"\s*([()]|[^\s()]+)")
_OWN: Final = re.compile(r"(DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
"""A licence that the list does not have."""


def licence_fault(text: str) -> str:
    """Return what is wrong with a licence expression, or ``""``. No recursion: parentheses are counted."""
    broken = f"{text!r} is no licence expression of SPDX"
    depth, expected = 0, "licence"
    for sign in _TOKEN.findall(text):
        word = sign.lower()
        if expected == "exception":
            if word not in _exceptions():
                return _unknown(sign, "exception", _exceptions())
            expected = "operator"
        elif expected == "licence":
            if sign == "(":
                depth += 1
            elif sign == ")" or word in ("and", "or", "with"):
                return broken
            elif not _OWN.fullmatch(sign) and word not in _licences() and word.removesuffix("+") not in _licences():
                return _unknown(sign, "licence", _licences())
            else:
                expected = "operator or with"
        elif sign == ")" and depth:
            depth, expected = depth - 1, "operator"
        elif sign in ("AND", "OR", "and", "or"):
            expected = "licence"
        elif sign in ("WITH", "with") and expected == "operator or with":
            expected = "exception"
        else:
            return broken
    return broken if depth or expected in ("licence", "exception") else ""


def _unknown(sign: str, what: str, known: dict[str, str]) -> str:
    near = nearest(sign, known.values())
    return f"{sign!r} is no {what} of SPDX" + (f"; nearest: {near}" if near else "")


@cache
def _licences() -> dict[str, str]:
    return _listed("licenses")


@cache
def _exceptions() -> dict[str, str]:
    return _listed("exceptions")


def _listed(kind: str) -> dict[str, str]:
    """Identifiers by what they are in lower case: in SPDX, no two differ by their case alone."""
    return {name.lower(): name for name in resources.read_json("vocabularies/licences.json")[kind]}
