"""A pickle machine that builds inert records (:mod:`.nodes`), no objects: its stack, its memo, what it builds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from candle_spec.errors import LimitExceededError
from candle_spec.readers.inert_pickle.nodes import Call, Global, Mapping, Persistent, SetNode, Span
from candle_spec.readers.inert_pickle.stream import Stream

MARK: Final = object()
"""Stands on the stack where an opcode that takes many items begins."""

_LONG_BYTES: Final = 1780
"""Bytes of the longest integer that is read: Python itself prints no number of more than 4,300 digits."""
_SPAN: Final = 64
"""Bytes from which on a byte string is left where it stands, if that is asked for."""

_TEXT_SPAN: Final = 64 * 1024
"""The same for a text: those that are keys and names are shorter."""

Embedded = Callable[[Call, int], "tuple[Any, int] | None"]
"""Reads what stands in the stream after an object was built, and is no pickle: given the object and the position, it
returns what takes the object's place and the position after it, or ``None`` where nothing stands there."""


class Machine(Stream):
    """What the opcodes work on.

    Attributes:
        memo: Objects by their number in the stream.
        globals: Everything named, in order of first appearance.
        persistent: All references to the container, in the order of the stream.
    """

    def __init__(self, data: memoryview, start: int, location: str, spans: bool, embedded: Embedded | None) -> None:
        super().__init__(data, start, location)
        self.memo: dict[int, Any] = {}
        self.globals: dict[Global, None] = {}
        self.persistent: list[Persistent] = []
        self._spans = spans
        self._embedded = embedded
        self._stack: list[Any] = []
        self.push: Callable[[Any], None] = self._stack.append
        """Puts a value on top."""

    def pop(self) -> Any:
        """Take the value on top."""
        value = self._stack.pop()
        if value is MARK:
            raise ValueError("a mark where a value is needed")
        return value

    def drop(self) -> None:
        """Take what is on top, a mark as well."""
        self._stack.pop()

    def top(self) -> Any:
        """Return the value on top."""
        value = self._stack[-1]
        if value is MARK:
            raise ValueError("a mark where a value is needed")
        return value

    def marked(self) -> list[Any]:
        """Take all values above the last mark, and the mark."""
        items: list[Any] = []
        while (item := self._stack.pop()) is not MARK:
            items.append(item)
        items.reverse()
        return items

    def memoize(self, index: int) -> None:
        """Remember the value on top under a number."""
        self.memo[index] = self.top()

    def get(self, index: int) -> None:
        """Push what is remembered under a number."""
        self.push(self.memo[index])

    def find(self, module: Any, name: Any) -> None:
        """Push a name that unpickling would import."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a global is not named by text")
        found = Global(module, name)
        self.globals.setdefault(found)
        self.push(found)

    def refer(self, identity: Any) -> None:
        """Push a reference to what the container holds."""
        self.persistent.append(Persistent(identity))
        self.push(self.persistent[-1])

    def set_items(self, items: list[Any]) -> None:
        """Give keys and values, in turn, to the mapping or object on top."""
        if len(items) % 2:
            raise ValueError("a key without a value")
        keys = [key.value() if isinstance(key, Span) else key for key in items[::2]]
        pairs = list(zip(keys, items[1::2], strict=True))
        target = self.top()
        if isinstance(target, Mapping):
            target.pairs.extend(pairs)
        elif isinstance(target, Call):
            target.set_items(pairs)
        else:
            raise ValueError(f"items set on a {type(target).__name__}")

    def add(self, items: list[Any]) -> None:
        """Give elements to the list, set or object on top."""
        target = self.top()
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, SetNode):
            target.items.extend(items)
        elif isinstance(target, Call):
            target.add_elements(items)
        else:
            raise ValueError(f"elements added to a {type(target).__name__}")

    def build(self) -> None:
        """Give a state to the object on top, and let the container read what follows it."""
        state = self.pop()
        target = self.top()
        if not isinstance(target, Call):
            # An object without a constructor call of its own: keep target and state together.
            target = Call(target, ())
            self._stack[-1] = target
        target.add_state(state)
        if self._embedded is None:
            return
        found = self._embedded(target, self.at)
        if found is not None:
            self._stack[-1], after = found
            self.skip(after - self.at)

    def call(self, kwargs: bool = False) -> None:
        """Push what a call of a function with arguments, both on the stack, would make."""
        keywords = self.pop() if kwargs else None
        args = self.pop()
        self.push(Call(self.pop(), args, keywords))

    def instance(self, function: Any, args: list[Any]) -> None:
        """Push what a call with these arguments would make."""
        self.push(Call(function, tuple(args)))

    def binary(self, size: int, kind: type[bytes] | type[bytearray] = bytes) -> None:
        """Push a byte string, or where it stands; what stands there does not count towards the pickle's size."""
        if not self._spans or size < _SPAN:
            self.push(kind(self.take(size)))
            return
        self.push(Span(self.skip(size), self.at - size))

    def long(self, data: memoryview) -> None:
        """Push an integer of any length."""
        if len(data) > _LONG_BYTES:
            raise LimitExceededError(f"an integer of {len(data)} bytes", location=self.location)
        self.push(int.from_bytes(data, "little", signed=True))

    def text(self, size: int, encoding: str = "utf-8") -> None:
        """Push a text, or where it stands."""
        if self._spans and size >= _TEXT_SPAN:
            view = self.skip(size)
            str(view, encoding, "surrogatepass")  # the rules of the stream hold for what is left where it is, too
            self.push(Span(view, self.at - size, encoding))
            return
        self.push(str(self.take(size), encoding, "surrogatepass"))

    def old_text(self, size: int) -> None:
        """A string of Python 2, which is as often bytes (those of an array) as a text."""
        if self._spans and size >= _SPAN:
            self.push(Span(self.skip(size), self.at - size, "latin-1"))
            return
        self.push(str(self.take(size), "latin-1"))
