"""Hyperparameters as programs of CANDLE look them up through a checkpoint object: typed, and checked.

Names and calls are those of https://github.com/ECP-CANDLE/candle_lib (``ckpt_utils.py``); :class:`CandleCkpt` has these
functions as its methods.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Any, Final

from candle_spec.candle.checkpoints.interface import Ckpt
from candle_spec.errors import InvalidInputError
from candle_spec.series.policy import values


class ParamType(Enum):
    """Types of hyperparameters; NN is "not negative", GZ "greater than zero"."""

    STRING = 1
    BOOLEAN = 2
    INTEGER = 3
    INTEGER_NN = 4
    INTEGER_GZ = 5
    FLOAT = 6
    FLOAT_NN = 7


class ParamRequired:
    """Stands as the default of a hyperparameter that has none."""


class ParamTypeError(InvalidInputError, TypeError):
    """A hyperparameter is not of its type."""


_LEAST: Final = {ParamType.INTEGER_NN: 0, ParamType.INTEGER_GZ: 1, ParamType.FLOAT_NN: 0}
_INTEGERS: Final = (ParamType.INTEGER, ParamType.INTEGER_NN, ParamType.INTEGER_GZ)


def typed(key: str, value: Any, type_: ParamType) -> Any:
    """Return a value as its type has it; ``None`` is of every type.

    Raises:
        ParamTypeError: It is not of the type.
    """
    if value is None:
        return None
    if type_ is ParamType.BOOLEAN:
        return boolean(key, value)
    if type_ in _INTEGERS:
        return integer(key, value, type_)
    if type_ in (ParamType.FLOAT, ParamType.FLOAT_NN):
        return number(key, value, type_)
    if type_ is ParamType.STRING:
        return str(value)
    raise ParamTypeError(f"{key}: {type_!r} is no type of hyperparameters")


def boolean(key: str, value: Any) -> bool:
    """Return a truth value, also of text and of 0 and 1."""
    try:
        return values.boolean(value)
    except InvalidInputError as error:
        raise ParamTypeError(f"{key}: {error.message}") from error


def integer(key: str, value: Any, type_: ParamType = ParamType.INTEGER) -> int:
    """Return a whole number within the range of its type."""
    found = number(key, value, type_)
    if not found.is_integer():
        raise ParamTypeError(f"{key}: a whole number is expected, not {value!r}")
    return int(found)


def number(key: str, value: Any, type_: ParamType = ParamType.FLOAT) -> float:
    """Return a number within the range of its type."""
    try:
        found = values.number(values.unquoted(value))
    except InvalidInputError as error:
        raise ParamTypeError(f"{key}: {error.message}") from error
    least = _LEAST.get(type_)
    if least is not None and not found >= least:
        raise ParamTypeError(f"{key}: a number from {least} is expected, not {value!r}")
    return found


def check_allowed(key: str, value: Any, allowed: Collection[Any] | None) -> None:
    """Check that a value is one of the possible ones; ``None``: all are.

    Raises:
        InvalidInputError: It is not.
    """
    if allowed is not None and value not in allowed:
        raise InvalidInputError(f"{key} is one of {', '.join(map(str, allowed))}, not {value!r}")


def param(
    ckpt: Ckpt, key: str, dflt: Any, type_: ParamType = ParamType.STRING, allowed: Collection[Any] | None = None
) -> Any:
    """Return a hyperparameter of a type.

    Args:
        ckpt: The checkpoint object.
        key: Its name.
        dflt: What holds where it is not set; :class:`ParamRequired`: it has to be.
        type_: Its type; text is read as that.
        allowed: Its possible values.

    Raises:
        InvalidInputError: It has to be set and is not, or is none of the possible values.
        ParamTypeError: It is not of its type.
    """
    found = ckpt.gParams.get(key, dflt)
    if isinstance(found, ParamRequired) or found is ParamRequired:
        raise InvalidInputError(f"the hyperparameter {key} has to be set")
    found = typed(key, found, type_)
    check_allowed(key, found, allowed)
    return found


def enabled(ckpt: Ckpt, key: str = "") -> bool:
    """Whether a hyperparameter is set and true; without a name, whether anything is ever saved."""
    return param(ckpt, key, None, ParamType.BOOLEAN) is True if key else ckpt.policy.enabled


def disabled(ckpt: Ckpt, key: str = "") -> bool:
    """Whether a hyperparameter is set and false; without a name, whether nothing is ever saved."""
    return param(ckpt, key, None, ParamType.BOOLEAN) is False if key else not ckpt.policy.enabled
