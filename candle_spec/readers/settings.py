"""Settings of training runs as CANDLE and IMPROVE write them, read without evaluating anything.

Three kinds of text occur: INI files (``default_model.txt``, ``*_params.ini``, Supervisor's ``parameters.txt``) whose
values are Python literals (CANDLE, with comments behind them) or bare words (IMPROVE); a Python dictionary as text
(``param_log_file.txt``); and one as ``pprint`` writes it (``final_params.txt``), where types stand as ``<class '…'>``.
"""

from __future__ import annotations

import ast
import configparser
import re
import warnings
from collections.abc import Mapping
from typing import Any, Final

from candle_spec import limits
from candle_spec.canonical import tag_number
from candle_spec.errors import CorruptFileError, LimitExceededError

_OBJECT: Final = re.compile(r"<[a-z ]*'?([A-Za-z0-9_.]+)'?[^<>\n]*>")
"""How a type, function or module looks as text: ``<class 'numpy.float32'>``, ``<function f at 0x7f…>``."""


def literal(text: str, location: str) -> dict[str, Any]:
    """Return a Python dictionary that stands in a text, as JSON.

    Raises:
        CorruptFileError: It is none.
        LimitExceededError: The text is too long.
    """
    if len(text) > limits.SETTINGS_BYTES:
        raise LimitExceededError(f"settings of {len(text)} characters", location=location)
    try:
        value = _evaluated(_OBJECT.sub(lambda found: repr(found[1]), text.strip()))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError) as error:
        raise CorruptFileError(f"not a Python dictionary: {error}", location=location) from error
    if not isinstance(value, dict):
        raise CorruptFileError(f"a {type(value).__name__}, not a Python dictionary", location=location)
    return {str(key): as_json(item) for key, item in value.items()}


def _evaluated(text: str) -> Any:
    """Return a literal; what Python would remark on the style of a stranger's text helps nobody."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.literal_eval(text)


def ini(text: str, location: str) -> dict[str, dict[str, Any]]:
    """Return the sections of an INI file; values that are Python literals are taken as such, all others as text.

    Raises:
        CorruptFileError: It is no INI file.
        LimitExceededError: The text is too long.
    """
    if len(text) > limits.SETTINGS_BYTES:
        raise LimitExceededError(f"settings of {len(text)} characters", location=location)
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, delimiters=("=", ":"))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise CorruptFileError(f"not an INI file: {' '.join(str(error).split())}", location=location) from error
    sections = {name: dict(parser.items(name)) for name in parser.sections()}
    return {name: {key: word(value) for key, value in rows.items()} for name, rows in sections.items()}


def word(text: str | None) -> Any:
    """Return one value of an INI file as JSON."""
    if text is None:
        return None
    if not text.strip() or len(text) > limits.SETTINGS_BYTES:
        return text.strip()
    try:
        return as_json(_evaluated(text.strip()))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return re.sub(r"\s+#.*\Z", "", text.strip())


def as_json(value: Any) -> Any:
    """Return a Python literal as JSON: tuples and sets as lists, numbers that JSON lacks tagged."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        return tag_number(value)
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return [as_json(item) for item in sorted(value, key=repr)]
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    return repr(value)
