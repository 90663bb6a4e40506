"""A pickle machine that builds inert records (:mod:`.nodes`) instead of objects.

It reads all opcodes of protocols 0 to 5 (https://github.com/python/cpython/blob/main/Lib/pickletools.py describes
them), imports nothing, calls nothing, and hashes no object of the stream. Every length is compared with what is left
of the stream before anything is allocated; the numbers of opcodes and of memo entries are bounded, and no step
recurses, so that depth costs nothing here.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from candle_spec import limits
from candle_spec.errors import CandleSpecError, CorruptFileError, LimitExceededError, TruncatedFileError
from candle_spec.readers.inert_pickle.nodes import Call, Global, Mapping, Persistent, SetNode, Span

_MARK: Final = object()
_PROTOCOL: Final = 5
_LONG_BYTES: Final = 1 << 12
_STOP: Final = 0x2E
_SPAN: Final = 64
"""Bytes from which on a byte string is left where it stands, if that is asked for."""

_TEXT_SPAN: Final = 64 * 1024
"""The same for a text: those that are keys and names are shorter."""

Embedded = Callable[[Call, int], "tuple[Any, int] | None"]
"""Reads what stands in the stream after an object was built, and is no pickle: given the object and the position, it
returns what takes the object's place and the position after it, or ``None`` where nothing stands there."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one stream describes.

    Attributes:
        value: The root.
        globals: Everything named, in order of first appearance.
        persistent: All references to the container, in the order of the stream.
        end: Position after the stream's last byte.
    """

    value: Any
    globals: tuple[Global, ...]
    persistent: tuple[Persistent, ...]
    end: int


def load(
    data: bytes | memoryview, *, location: str, start: int = 0, spans: bool = False, embedded: Embedded | None = None
) -> Loaded:
    """Read one pickle from ``data`` at ``start``.

    Args:
        data: The stream, or a file that holds it.
        location: The file in words, for errors.
        start: First byte of the pickle.
        spans: Whether long byte strings and texts are left where they stand (:class:`.Span`).
        embedded: Reads what a container has put between the opcodes.

    Raises:
        CorruptFileError: The stream breaks the rules of pickle; the message names the byte.
        LimitExceededError: It is larger than the bounds of :mod:`candle_spec.limits`.
    """
    return _Machine(memoryview(data).cast("B"), start, location, spans, embedded).run()


class _Machine:
    def __init__(self, data: memoryview, start: int, location: str, spans: bool, embedded: Embedded | None) -> None:
        self._data = data
        self._at = start
        self._end = min(len(data), start + limits.PICKLE_BYTES)
        self._location = location
        self._spans = spans
        self._embedded = embedded
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._globals: dict[Global, None] = {}
        self._persistent: list[Persistent] = []

    def run(self) -> Loaded:
        opcodes = 0
        while True:
            position = self._at
            code = self._take(1)[0]
            opcodes += 1
            if opcodes > limits.PICKLE_OPCODES:
                raise LimitExceededError(f"more than {limits.PICKLE_OPCODES} pickle opcodes", location=self._location)
            try:
                if code == _STOP:
                    return Loaded(self._pop(), tuple(self._globals), tuple(self._persistent), self._at)
                _HANDLERS[code](self)
            except CandleSpecError:
                raise
            except (IndexError, KeyError, ValueError, TypeError, OverflowError, struct.error) as error:
                raise self._corrupt(f"malformed pickle: {error}", position) from error

    def _corrupt(self, message: str, position: int) -> CorruptFileError:
        return CorruptFileError(
            message, location=f"{self._location}, byte {position}", hint="the file was changed, or is hostile"
        )

    def _cut_off(self, message: str, position: int) -> TruncatedFileError:
        return TruncatedFileError(message, location=f"{self._location}, byte {position}", hint="fetch it again")

    # Reading the stream.

    def _take(self, count: int) -> memoryview:
        if count < 0 or count > self._end - self._at:
            if 0 <= count <= len(self._data) - self._at:
                raise LimitExceededError(f"a pickle of more than {limits.PICKLE_BYTES} bytes", location=self._location)
            raise self._cut_off(f"the pickle ends early: {count} bytes wanted, {self._end - self._at} left", self._at)
        self._at += count
        return self._data[self._at - count : self._at]

    def _number(self, form: str) -> int:
        return int(struct.unpack("<" + form, self._take(struct.calcsize(form)))[0])

    def _line(self) -> bytes:
        window = 1 << 12
        begin = self._at
        while True:
            chunk = bytes(self._data[begin : min(begin + window, self._end)])
            newline = chunk.find(b"\n")
            if newline >= 0:
                self._at = begin + newline + 1
                return chunk[:newline]
            if begin + window >= self._end:
                raise self._cut_off("the pickle ends inside a line", begin)
            window *= 4

    def binary(self, size: int, kind: type[bytes] | type[bytearray] = bytes) -> None:
        """Push a byte string, or where it stands; what stands there does not count towards the pickle's size."""
        if not self._spans or size < _SPAN:
            self.push(kind(self._take(size)))
            return
        self.push(Span(self._skip(size), self._at - size))

    def _skip(self, size: int) -> memoryview:
        """Pass over bytes that stay where they are."""
        if size > len(self._data) - self._at:
            raise self._cut_off(
                f"the pickle ends early: {size} bytes wanted, {len(self._data) - self._at} left", self._at
            )
        self._at += size
        self._end = min(len(self._data), self._end + size)
        return self._data[self._at - size : self._at]

    # The stack.

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value is needed")
        return value

    def _top(self) -> Any:
        value = self._stack[-1]
        if value is _MARK:
            raise ValueError("a mark where a value is needed")
        return value

    def _marked(self) -> list[Any]:
        items: list[Any] = []
        while (item := self._stack.pop()) is not _MARK:
            items.append(item)
        items.reverse()
        return items

    def push(self, value: Any) -> None:
        self._stack.append(value)

    # Opcodes that need more than a line.

    def memoize(self, index: int) -> None:
        self._memo[index] = self._top()

    def get(self, index: int) -> None:
        self.push(self._memo[index])

    def find(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a global is not named by text")
        found = Global(module, name)
        self._globals.setdefault(found)
        self.push(found)

    def refer(self, identity: Any) -> None:
        self._persistent.append(Persistent(identity))
        self.push(self._persistent[-1])

    def set_items(self, items: list[Any]) -> None:
        if len(items) % 2:
            raise ValueError("a key without a value")
        keys = [key.value() if isinstance(key, Span) else key for key in items[::2]]
        pairs = list(zip(keys, items[1::2], strict=True))
        target = self._top()
        if isinstance(target, Mapping):
            target.pairs.extend(pairs)
        elif isinstance(target, Call):
            target.items.pairs.extend(pairs)
        else:
            raise ValueError(f"items set on a {type(target).__name__}")

    def add(self, items: list[Any]) -> None:
        target = self._top()
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, SetNode):
            target.items.extend(items)
        elif isinstance(target, Call):
            target.elements.extend(items)
        else:
            raise ValueError(f"elements added to a {type(target).__name__}")

    def build(self) -> None:
        state = self._pop()
        target = self._top()
        if not isinstance(target, Call):
            # An object without a constructor call of its own: keep target and state together.
            target = Call(target, ())
            self._stack[-1] = target
        target.states.append(state)
        if self._embedded is None:
            return
        found = self._embedded(target, self._at)
        if found is not None:
            self._stack[-1], after = found
            self._skip(after - self._at)

    def call(self, kwargs: bool = False) -> None:
        keywords = self._pop() if kwargs else None
        args = self._pop()
        self.push(Call(self._pop(), args, keywords))

    def instance(self, function: Any, args: list[Any]) -> None:
        self.push(Call(function, tuple(args)))

    def long(self, data: memoryview) -> None:
        if len(data) > _LONG_BYTES:
            raise LimitExceededError(f"an integer of {len(data)} bytes", location=self._location)
        self.push(int.from_bytes(data, "little", signed=True))

    def text(self, size: int, encoding: str = "utf-8") -> None:
        if self._spans and size >= _TEXT_SPAN:
            view = self._skip(size)
            str(view, encoding, "surrogatepass")  # the rules of the stream hold for what is left where it is, too
            self.push(Span(view, self._at - size, encoding))
            return
        self.push(str(self._take(size), encoding, "surrogatepass"))

    def old_text(self, size: int) -> None:
        """A string of Python 2, which is as often bytes (those of an array) as a text."""
        if self._spans and size >= _SPAN:
            self.push(Span(self._skip(size), self._at - size, "latin-1"))
            return
        self.push(str(self._take(size), "latin-1"))


def _decimal(line: bytes) -> int | bool:
    """INT of protocol 0 holds booleans as ``00`` and ``01``."""
    if line in (b"00", b"01"):
        return line == b"01"
    if len(line) > 4000:
        raise ValueError("a number of too many digits")
    return int(line)


def _quoted(line: bytes) -> str:
    if len(line) < 2 or line[:1] not in b"'\"" or line[-1:] != line[:1]:
        raise ValueError("a string without quotes")
    return codecs.escape_decode(line[1:-1])[0].decode("latin-1")


def _put_text(line: bytes) -> int:
    index = int(line)
    if index < 0:
        raise ValueError("a negative memo index")
    return index


def _extension(machine: _Machine, code: int) -> None:
    """EXT1, EXT2, EXT4: names from a registry of the process, which no file of ours has; keep the number."""
    machine.find("copyreg", f"extension_{code}")


def _pop_any(machine: _Machine) -> None:
    machine._stack.pop()


def _frame(machine: _Machine) -> None:
    """FRAME only announces a length."""
    if machine._number("Q") > len(machine._data) - machine._at:
        raise ValueError("a frame longer than the stream")


def _protocol(machine: _Machine) -> None:
    if machine._take(1)[0] > _PROTOCOL:
        raise ValueError("a pickle protocol newer than 5")


def _dup(machine: _Machine) -> None:
    machine.push(machine._top())


def _obj(machine: _Machine) -> None:
    items = machine._marked()
    machine.instance(items[0], items[1:])


def _inst(machine: _Machine) -> None:
    module, name = machine._line().decode("utf-8"), machine._line().decode("utf-8")
    args = machine._marked()
    machine.find(module, name)
    machine.instance(machine._pop(), args)


def _dict_from_mark(machine: _Machine) -> None:
    items = machine._marked()
    machine.push(Mapping())
    machine.set_items(items)


def _stack_global(machine: _Machine) -> None:
    name = machine._pop()
    machine.find(machine._pop(), name)


def _single_item(machine: _Machine) -> None:
    value = machine._pop()
    machine.set_items([machine._pop(), value])


def _tuple(count: int) -> Callable[[_Machine], None]:
    def handler(machine: _Machine) -> None:
        items = [machine._pop() for _ in range(count)]
        machine.push(tuple(reversed(items)))

    return handler


def _constant(make: Callable[[], Any]) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(make())


_HANDLERS: Final[dict[int, Callable[[_Machine], Any]]] = {
    ord("("): _constant(lambda: _MARK),
    ord("0"): _pop_any,
    ord("1"): lambda m: m._marked(),
    ord("2"): _dup,
    ord("F"): lambda m: m.push(float(m._line())),
    ord("I"): lambda m: m.push(_decimal(m._line())),
    ord("J"): lambda m: m.push(m._number("i")),
    ord("K"): lambda m: m.push(m._number("B")),
    ord("L"): lambda m: m.push(int(_decimal(m._line().removesuffix(b"L")))),
    ord("M"): lambda m: m.push(m._number("H")),
    ord("N"): _constant(lambda: None),
    ord("P"): lambda m: m.refer(m._line().decode("ascii")),
    ord("Q"): lambda m: m.refer(m._pop()),
    ord("R"): lambda m: m.call(),
    ord("S"): lambda m: m.push(_quoted(m._line())),
    ord("T"): lambda m: m.old_text(m._number("i")),
    ord("U"): lambda m: m.old_text(m._number("B")),
    ord("V"): lambda m: m.push(m._line().decode("raw-unicode-escape")),
    ord("X"): lambda m: m.text(m._number("I")),
    ord("a"): lambda m: m.add([m._pop()]),
    ord("b"): lambda m: m.build(),
    ord("c"): lambda m: m.find(m._line().decode("utf-8"), m._line().decode("utf-8")),
    ord("d"): _dict_from_mark,
    ord("e"): lambda m: m.add(m._marked()),
    ord("g"): lambda m: m.get(int(m._line())),
    ord("h"): lambda m: m.get(m._number("B")),
    ord("i"): _inst,
    ord("j"): lambda m: m.get(m._number("I")),
    ord("l"): lambda m: m.push(m._marked()),
    ord("o"): _obj,
    ord("p"): lambda m: m.memoize(_put_text(m._line())),
    ord("q"): lambda m: m.memoize(m._number("B")),
    ord("r"): lambda m: m.memoize(m._number("I")),
    ord("s"): _single_item,
    ord("t"): lambda m: m.push(tuple(m._marked())),
    ord("u"): lambda m: m.set_items(m._marked()),
    ord("}"): _constant(Mapping),
    ord("]"): _constant(list),
    ord(")"): _constant(tuple),
    ord("G"): lambda m: m.push(struct.unpack(">d", m._take(8))[0]),
    0x80: _protocol,
    0x81: lambda m: m.call(),
    0x82: lambda m: _extension(m, m._number("B")),
    0x83: lambda m: _extension(m, m._number("H")),
    0x84: lambda m: _extension(m, m._number("i")),
    0x85: _tuple(1),
    0x86: _tuple(2),
    0x87: _tuple(3),
    0x88: _constant(lambda: True),
    0x89: _constant(lambda: False),
    0x8A: lambda m: m.long(m._take(m._number("B"))),
    0x8B: lambda m: m.long(m._take(m._number("i"))),
    ord("B"): lambda m: m.binary(m._number("I")),
    ord("C"): lambda m: m.binary(m._number("B")),
    0x8C: lambda m: m.text(m._number("B")),
    0x8D: lambda m: m.text(m._number("Q")),
    0x8E: lambda m: m.binary(m._number("Q")),
    0x8F: _constant(SetNode),
    0x90: lambda m: m.add(m._marked()),
    0x91: lambda m: m.push(SetNode(m._marked(), frozen=True)),
    0x92: lambda m: m.call(kwargs=True),
    0x93: _stack_global,
    0x94: lambda m: m.memoize(len(m._memo)),
    0x95: _frame,
    0x96: lambda m: m.binary(m._number("Q"), bytearray),
}
