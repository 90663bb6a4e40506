"""The values of YAML's plain scalars, by the core schema of YAML 1.2; what readers differ about is refused.

The core schema: https://yaml.org/spec/1.2.2/#103-core-schema
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, NoReturn

from candle_spec.errors import CorruptFileError, LimitExceededError

_NULL: Final = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE: Final = frozenset(("true", "True", "TRUE"))
_FALSE: Final = frozenset(("false", "False", "FALSE"))
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)\.[0-9]*)([eE][-+][0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: Final = re.compile(r"yes|no|on|off|=|<<", re.IGNORECASE)
"""YAML 1.1 has ``y`` and ``n`` too, but its usual readers do not, and ``n`` is a member of the manifest."""
_NUMBERS: Final = re.compile(
    r"""[-+]?0[0-9_]+(\.[0-9_]*)?       # octal in 1.1
    | [-+]?0[box][0-9a-fA-F_]+          # octal, binary, hexadecimal: not in both
    | [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?      # base 60 in 1.1
    | [-+]?[0-9.]*_[0-9_.]*([eE][-+]?[0-9]+)?           # underlines in numbers in 1.1
    | [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+  # exponent without point or sign: text in 1.1
    """,
    re.VERBOSE,
)

_EXPONENT: Final = re.compile(r"([-+]?)([0-9]*\.?[0-9]*)[eE]([-+]?)([0-9]+)")


def resolve(text: str, *, lenient: bool = False) -> Any:
    """Return the value of a plain scalar.

    Args:
        text: The scalar.
        lenient: Keep as text what readers differ about; only ``1e-5`` is the number that YAML 1.2 takes it for.

    Raises:
        CorruptFileError: Readers differ about it (``CKP0007``), or it is no finite number (``CKP0006``).
        LimitExceededError: It has more digits than a number may have (``CKP0004``).
    """
    if lenient and any(form.fullmatch(text) for form in (_WORDS, _NOT_FINITE, _NUMBERS)):
        return _exponent(text)
    if _WORDS.fullmatch(text):
        hint = "write true or false, or put it in quotes" if text not in ("=", "<<") else "write it out"
        _refuse(f"{text!r} is read differently by YAML 1.1 and YAML 1.2", hint)
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _NOT_FINITE.fullmatch(text):
        _refuse(f"{text} is not a JSON number", 'write {"$float": "nan"}', code="CKP0006")
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            _refuse(f"the number {text} is out of range", code="CKP0006")
        return value
    if _NUMBERS.fullmatch(text):
        _refuse(f"{text!r} is read differently by YAML 1.1 and YAML 1.2", _spelling(text))
    return text


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:  # more digits than the interpreter converts
        raise LimitExceededError(f"a number is too long: {error}", code="CKP0004") from error


def _exponent(text: str) -> str | float:
    """Return the number that a text like ``1e-5`` is in YAML 1.2; any other text as it is."""
    if re.fullmatch(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)[eE][-+]?[0-9]+", text) and math.isfinite(float(text)):
        return float(text)
    return text


def _spelling(text: str) -> str:
    """Say how to write a number that all readers take as one."""
    if match := _EXPONENT.fullmatch(text):
        sign, digits, exponent_sign, exponent = match.groups()
        point = digits if "." in digits else f"{digits}.0"
        return f"write {sign}{point}e{exponent_sign or '+'}{exponent}, or put it in quotes"
    return "write it in decimal digits, or put it in quotes"


def _refuse(message: str, hint: str = "", *, code: str = "CKP0007") -> NoReturn:
    raise CorruptFileError(message, hint=hint, code=code)
