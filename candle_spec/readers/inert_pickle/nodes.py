"""What a pickle describes, as inert records: nothing here is ever imported, called or hashed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Global:
    """A class or function that the pickle names."""

    module: str
    name: str

    @property
    def path(self) -> str:
        """Dotted path, for example ``"torch._utils._rebuild_tensor_v2"``."""
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class Mapping:
    """A dictionary, as ordered pairs: keys of strangers are not hashed."""

    pairs: list[tuple[Any, Any]] = field(default_factory=list)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a string key; as in a dictionary, the last one set wins."""
        for name, value in reversed(self.pairs):
            if isinstance(name, str) and name == key:
                return value
        return default

    def unique(self) -> list[tuple[Any, Any]]:
        """Return the pairs as a dictionary holds them: a key set twice keeps its place and its last value."""
        result: list[tuple[Any, Any]] = []
        places: dict[tuple[str, str], int] = {}
        for key, value in self.pairs:
            identity = _identity(key)
            if identity is not None:
                place = places.setdefault(identity, len(result))
                if place < len(result):
                    result[place] = (result[place][0], value)
                    continue
            result.append((key, value))
        return result


def _identity(key: Any) -> tuple[str, str] | None:
    """Return what equal keys have in common; ``None`` for a key that equals no other, as it is of no plain type."""
    if isinstance(key, str):
        return "str", key
    if isinstance(key, (int, float)):  # 1 == True == 1.0
        return "number", repr(float(key) if abs(key) < 2**53 else key)
    return (type(key).__name__, repr(key)) if isinstance(key, bytes) else None


_EMPTY: Final = Mapping()


def _extended(items: Sequence[Any], more: list[Any]) -> list[Any]:
    """Add to a list, or begin one: no copy for each of many additions."""
    found = items if isinstance(items, list) else list(items)
    found.extend(more)
    return found


@dataclass(eq=False, slots=True)
class SetNode:
    """A set or frozenset, as its items in the pickle's order."""

    items: list[Any] = field(default_factory=list)
    frozen: bool = False


@dataclass(eq=False, slots=True)
class Call:
    """What a call or a construction would have made.

    Attributes:
        function: What would have been called: mostly a :class:`Global`.
        args: Positional arguments.
        kwargs: Keyword arguments, or ``None``.
        states: Arguments of BUILD, in order.
        items: Pairs set on the result.
        elements: Elements appended or added to the result.

    The last three are empty in nearly all of the many calls of a file, which share what is empty: they grow by
    :meth:`add_state`, :meth:`set_items` and :meth:`add_elements` alone.
    """

    function: Any
    args: Any
    kwargs: Any = None
    states: Sequence[Any] = ()
    items: Mapping = _EMPTY
    elements: Sequence[Any] = ()

    def add_state(self, state: Any) -> None:
        """Note an argument of BUILD."""
        self.states = _extended(self.states, [state])

    def set_items(self, pairs: list[tuple[Any, Any]]) -> None:
        """Note pairs that are set on the result."""
        if self.items is _EMPTY:
            self.items = Mapping()
        self.items.pairs.extend(pairs)

    def add_elements(self, elements: list[Any]) -> None:
        """Note elements that are appended or added to the result."""
        self.elements = _extended(self.elements, elements)

    @property
    def path(self) -> str:
        """Dotted path of what would have been called, or ``""``."""
        return self.function.path if isinstance(self.function, Global) else ""

    @property
    def state(self) -> Any:
        """The last state set, or ``None``."""
        return self.states[-1] if self.states else None


@dataclass(frozen=True, slots=True)
class Persistent:
    """A reference that the pickle's container resolves (a tensor storage, in torch)."""

    id: Any


@dataclass(eq=False, slots=True)
class Span:
    """Bytes or a text of the stream that are long, and so stay where they stand.

    Attributes:
        view: The bytes; of a text, its UTF-8 (or, of the strings of Python 2, their Latin-1).
        offset: Where they stand in the data that was read.
        encoding: ``""`` for bytes, else that of a text.
    """

    view: memoryview
    offset: int
    encoding: str = ""

    def value(self) -> bytes | str:
        """Return a copy: bytes, or the text."""
        return str(self.view, self.encoding, "surrogatepass") if self.encoding else bytes(self.view)
