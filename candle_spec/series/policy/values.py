"""Values of hyperparameters from anywhere: typed, or text as command lines, INI and YAML files have it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from candle_spec.errors import InvalidInputError

TRUE: Final = ("yes", "true", "t", "y", "1")
FALSE: Final = ("no", "false", "f", "n", "0")
_UNITS: Final = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|sec|m|min|h|d)?")
_CLOCK: Final = re.compile(r"(?:([0-9]+)-)?([0-9]+):([0-9]{2}):([0-9]{2})")


def unquoted(value: Any) -> Any:
    """Return a value without the quotes that an INI file may keep; ``None`` where it is none or says so."""
    if not isinstance(value, str):
        return value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value
    text = value.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return None if text in ("", "None", "null", "~") else text


def boolean(value: Any) -> bool:
    """Return a truth value: CANDLE's words in any case, ``on`` and ``off`` of YAML, 0 and 1.

    Raises:
        InvalidInputError: It is none.
    """
    word = str(value).strip().lower()
    if isinstance(value, bool) or word in (*TRUE, *FALSE, "on", "off", "1.0", "0.0"):
        return word in (*TRUE, "on", "1.0")
    raise InvalidInputError(f"a truth value is expected, such as True or False, not {value!r}")


def count(value: Any) -> int:
    """Return an integer from 0.

    Raises:
        InvalidInputError: It is none.
    """
    found = number(value)
    if found != int(found) if math.isfinite(found) else True:
        raise InvalidInputError(f"a whole number is expected, not {value!r}")
    if found < 0:
        raise InvalidInputError(f"a number from 0 is expected, not {value!r}")
    return int(found)


def positive(value: Any) -> int:
    """Return an integer from 1.

    Raises:
        InvalidInputError: It is none.
    """
    found = count(value)
    if not found:
        raise InvalidInputError(f"a number from 1 is expected, not {value!r}")
    return found


def number(value: Any) -> float:
    """Return a number.

    Raises:
        InvalidInputError: It is none.
    """
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    raise InvalidInputError(f"a number is expected, not {value!r}")


def duration(value: Any) -> float:
    """Return seconds: a number, ``10m``, ``1.5h``, or ``[days-]hours:minutes:seconds`` as batch systems write it.

    Raises:
        InvalidInputError: It is none of them, or negative.
    """
    text = str(value).strip()
    clock = _CLOCK.fullmatch(text)
    if clock:
        days, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    simple = _DURATION.fullmatch(text)
    if simple and not isinstance(value, bool):
        return float(simple[1]) * _UNITS[simple[2] or ""]
    raise InvalidInputError(f"a duration is expected, such as 600, 10m, 2h or 1:30:00, not {value!r}")


def text(value: Any) -> str:
    """Return a text."""
    return str(value)


def words(value: Any) -> tuple[str, ...]:
    """Return a list of texts: a list, or names between commas or spaces."""
    parts = value if isinstance(value, (list, tuple, set)) else re.split(r"[,\s]+", str(value).strip("[]() "))
    return tuple(word for part in parts if (word := str(part).strip().strip("'\"")))


READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "boolean": boolean,
    "count": count,
    "positive": positive,
    "number": number,
    "duration": duration,
    "text": text,
    "list": words,
    "choice": text,
}
"""Reader of each type of ``schemas/vocabularies/ckpt-parameters.json``."""
