"""Licence expressions: the grammar of SPDX 2.3, annex D, over the identifiers of its list and one's own references."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from candle_spec.manifest.spelling import nearest

if TYPE_CHECKING:
    from license_expression import Licensing

_OWN: Final = re.compile(r"(DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
"""A licence that the list does not have (https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions)."""


def licence_fault(text: str) -> str:
    """Return what is wrong with a licence expression, or ``""``."""
    from boolean import ParseError
    from license_expression import ExpressionError

    licensing = _licensing()
    try:
        parsed = licensing.parse(text, strict=True)
        unknown = [] if parsed is None else licensing.unknown_license_keys(parsed)
    except (ExpressionError, ParseError):
        return f"{text!r} is no licence expression of SPDX"
    for key in unknown:
        if not _OWN.fullmatch(key):
            near = nearest(key, licensing.known_symbols)
            return f"{key!r} is no licence of SPDX" + (f"; nearest: {near}" if near else "")
    return "" if parsed is not None else "an empty text is no licence expression"


@cache
def _licensing() -> Licensing:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()
