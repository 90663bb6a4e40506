"""Hyperparameters as programs of CANDLE look them up through a checkpoint object."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any, Final

from candle_spec.errors import InvalidInputError
from candle_spec.series.policy import values


class ModelType(Enum):
    """The two frameworks that CANDLE knows."""

    KERAS = 1
    PYTORCH = 2


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


class Parameters:
    """Typed look-up in ``gParams``; ``None`` is of every type."""

    gParams: Mapping[str, Any]

    def param(
        self, key: str, dflt: Any, type_: ParamType = ParamType.STRING, allowed: Collection[Any] | None = None
    ) -> Any:
        """Return a hyperparameter of a type.

        Args:
            key: Its name.
            dflt: What holds where it is not set; :class:`ParamRequired`: it has to be.
            type_: Its type; text is read as that.
            allowed: Its possible values.

        Raises:
            InvalidInputError: It has to be set and is not, or is none of the possible values.
            ParamTypeError: It is not of its type.
        """
        value = self.gParams.get(key, dflt)
        if isinstance(value, ParamRequired) or value is ParamRequired:
            raise InvalidInputError(f"the hyperparameter {key} has to be set")
        value = self.param_type_check(key, value, type_)
        self.param_allowed(key, value, allowed)
        return value

    def param_type_check(self, key: str, value: Any, type_: ParamType) -> Any:
        """Return a value as its type has it.

        Raises:
            ParamTypeError: It is not of the type.
        """
        if value is None:
            return None
        if type_ is ParamType.BOOLEAN:
            return self.param_type_check_bool(key, value)
        if type_ in _INTEGERS:
            return self.param_type_check_int(key, value, type_)
        if type_ in (ParamType.FLOAT, ParamType.FLOAT_NN):
            return self.param_type_check_float(key, value, type_)
        if type_ is ParamType.STRING:
            return str(value)
        raise ParamTypeError(f"{key}: {type_!r} is no type of hyperparameters")

    def param_type_check_bool(self, key: str, value: Any) -> bool:
        """Return a truth value, also of text and of 0 and 1."""
        try:
            return values.boolean(value)
        except InvalidInputError as error:
            raise ParamTypeError(f"{key}: {error.message}") from error

    def param_type_check_int(self, key: str, value: Any, type_: ParamType = ParamType.INTEGER) -> int:
        """Return a whole number within the range of its type."""
        found = self.param_type_check_float(key, value, type_)
        if not found.is_integer():
            raise ParamTypeError(f"{key}: a whole number is expected, not {value!r}")
        return int(found)

    def param_type_check_float(self, key: str, value: Any, type_: ParamType = ParamType.FLOAT) -> float:
        """Return a number within the range of its type."""
        try:
            found = values.number(values.unquoted(value))
        except InvalidInputError as error:
            raise ParamTypeError(f"{key}: {error.message}") from error
        least = _LEAST.get(type_)
        if least is not None and not found >= least:
            raise ParamTypeError(f"{key}: a number from {least} is expected, not {value!r}")
        return found

    def param_allowed(self, key: str, value: Any, allowed: Collection[Any] | None) -> None:
        """Check that a value is one of the possible ones; ``None``: all are.

        Raises:
            InvalidInputError: It is not.
        """
        if allowed is not None and value not in allowed:
            raise InvalidInputError(f"{key} is one of {', '.join(map(str, allowed))}, not {value!r}")

    def _is_on(self, key: str) -> bool | None:
        """Return the truth value of a hyperparameter; ``None`` where it is not set."""
        value = self.param(key, None, ParamType.BOOLEAN)
        return None if value is None else bool(value)
