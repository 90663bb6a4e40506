"""Read for a mapping, within bounds: nested loops make much of few items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from candle_spec.errors import LimitExceededError
from candle_spec.limits import MIB
from candle_spec.repositories.engine.source import Source, gather
from candle_spec.repositories.language.terms import Pointer

WORK: Final = 2_000_000
"""Values that one mapping may read and make: a manifest of 10,000 files takes about 200,000."""

TEXT: Final = 64 * MIB
"""Characters of all texts that one mapping makes."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A value that a name stands for, and its place in the manifest."""

    value: Any
    origin: str


Scope = Mapping[str, Bound]


@dataclass(slots=True)
class BoundedSource:
    """A source of which no more is read, and from which no more is made, than one mapping may.

    Args:
        source: The source; what is read of it is noted there.
        location: What reads, for messages.
    """

    source: Source
    location: str
    _values: int = 0
    _characters: int = 0

    def read(self, pointer: Pointer, scope: Scope) -> tuple[Any, str]:
        """Return the value of a pointer and its place; see :func:`candle_spec.repositories.engine.source.gather`.

        Raises:
            LimitExceededError: The mapping reads and makes too much.
        """
        bound = scope[pointer.scope]
        value, origin = gather(bound.value, pointer, bound.origin)
        self.spend(len(value) if "*" in pointer.parts and isinstance(value, list) else 1)
        if origin:
            self.source.read.add(origin)
        return value, origin

    def spend(self, values: int, characters: int = 0) -> None:
        """Count what was read or made.

        Raises:
            LimitExceededError: It is too much.
        """
        self._values += values
        self._characters += characters
        if self._values > WORK or self._characters > TEXT:
            message = f"the mapping reads and makes more than {WORK} values or {TEXT} characters"
            raise LimitExceededError(message, location=self.location)
