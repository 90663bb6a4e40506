"""What each opcode of a pickle does with the machine; FRAME and PROTO are only checked."""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from typing import Any, Final

from candle_spec.readers.inert_pickle.machine import MARK, Machine
from candle_spec.readers.inert_pickle.nodes import Mapping, SetNode

_PROTOCOL: Final = 5


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


def _extension(machine: Machine, code: int) -> None:
    """EXT1, EXT2, EXT4: names from a registry of the process, which no file of ours has; keep the number."""
    machine.find("copyreg", f"extension_{code}")


def _pop_any(machine: Machine) -> None:
    machine.drop()


def _frame(machine: Machine) -> None:
    """FRAME only announces a length."""
    if machine.number("Q") > len(machine.data) - machine.at:
        raise ValueError("a frame longer than the stream")


def _protocol(machine: Machine) -> None:
    if machine.byte() > _PROTOCOL:
        raise ValueError("a pickle protocol newer than 5")


def _dup(machine: Machine) -> None:
    machine.push(machine.top())


def _obj(machine: Machine) -> None:
    items = machine.marked()
    machine.instance(items[0], items[1:])


def _inst(machine: Machine) -> None:
    module, name = machine.line().decode("utf-8"), machine.line().decode("utf-8")
    args = machine.marked()
    machine.find(module, name)
    machine.instance(machine.pop(), args)


def _dict_from_mark(machine: Machine) -> None:
    items = machine.marked()
    machine.push(Mapping())
    machine.set_items(items)


def _stack_global(machine: Machine) -> None:
    name = machine.pop()
    machine.find(machine.pop(), name)


def _single_item(machine: Machine) -> None:
    value = machine.pop()
    machine.set_items([machine.pop(), value])


def _tuple(count: int) -> Callable[[Machine], None]:
    def handler(machine: Machine) -> None:
        machine.push(tuple(reversed([machine.pop() for _ in range(count)])))

    return handler


def _constant(make: Callable[[], Any]) -> Callable[[Machine], None]:
    return lambda machine: machine.push(make())


HANDLERS: Final[dict[int, Callable[[Machine], Any]]] = {
    ord("("): _constant(lambda: MARK),
    ord("0"): _pop_any,
    ord("1"): lambda m: m.marked(),
    ord("2"): _dup,
    ord("F"): lambda m: m.push(float(m.line())),
    ord("I"): lambda m: m.push(_decimal(m.line())),
    ord("J"): lambda m: m.push(m.number("i")),
    ord("K"): lambda m: m.push(m.byte()),
    ord("L"): lambda m: m.push(int(_decimal(m.line().removesuffix(b"L")))),
    ord("M"): lambda m: m.push(m.number("H")),
    ord("N"): _constant(lambda: None),
    ord("P"): lambda m: m.refer(m.line().decode("ascii")),
    ord("Q"): lambda m: m.refer(m.pop()),
    ord("R"): lambda m: m.call(),
    ord("S"): lambda m: m.push(_quoted(m.line())),
    ord("T"): lambda m: m.old_text(m.number("i")),
    ord("U"): lambda m: m.old_text(m.byte()),
    ord("V"): lambda m: m.push(m.line().decode("raw-unicode-escape")),
    ord("X"): lambda m: m.text(m.number("I")),
    ord("a"): lambda m: m.add([m.pop()]),
    ord("b"): lambda m: m.build(),
    ord("c"): lambda m: m.find(m.line().decode("utf-8"), m.line().decode("utf-8")),
    ord("d"): _dict_from_mark,
    ord("e"): lambda m: m.add(m.marked()),
    ord("g"): lambda m: m.get(int(m.line())),
    ord("h"): lambda m: m.get(m.byte()),
    ord("i"): _inst,
    ord("j"): lambda m: m.get(m.number("I")),
    ord("l"): lambda m: m.push(m.marked()),
    ord("o"): _obj,
    ord("p"): lambda m: m.memoize(_put_text(m.line())),
    ord("q"): lambda m: m.memoize(m.byte()),
    ord("r"): lambda m: m.memoize(m.number("I")),
    ord("s"): _single_item,
    ord("t"): lambda m: m.push(tuple(m.marked())),
    ord("u"): lambda m: m.set_items(m.marked()),
    ord("}"): _constant(Mapping),
    ord("]"): _constant(list),
    ord(")"): _constant(tuple),
    ord("G"): lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
    0x80: _protocol,
    0x81: lambda m: m.call(),
    0x82: lambda m: _extension(m, m.byte()),
    0x83: lambda m: _extension(m, m.number("H")),
    0x84: lambda m: _extension(m, m.number("i")),
    0x85: _tuple(1),
    0x86: _tuple(2),
    0x87: _tuple(3),
    0x88: _constant(lambda: True),
    0x89: _constant(lambda: False),
    0x8A: lambda m: m.long(m.take(m.byte())),
    0x8B: lambda m: m.long(m.take(m.number("i"))),
    ord("B"): lambda m: m.binary(m.number("I")),
    ord("C"): lambda m: m.binary(m.byte()),
    0x8C: lambda m: m.text(m.byte()),
    0x8D: lambda m: m.text(m.number("Q")),
    0x8E: lambda m: m.binary(m.number("Q")),
    0x8F: _constant(SetNode),
    0x90: lambda m: m.add(m.marked()),
    0x91: lambda m: m.push(SetNode(m.marked(), frozen=True)),
    0x92: lambda m: m.call(kwargs=True),
    0x93: _stack_global,
    0x94: lambda m: m.memoize(len(m.memo)),
    0x95: _frame,
    0x96: lambda m: m.binary(m.number("Q"), bytearray),
}
