"""Makers of PyTorch files that nobody should trust: a small assembler for pickles, and the containers around them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

PROTOCOL: Final = b"\x80\x02"
STOP: Final = b"."
LEGACY_MAGIC: Final = bytes.fromhex("80028a0a6cfc9c46f9206aa85019") + STOP

# The assembler: each function gives opcodes that leave one value on the stack.


def text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    if 0 <= value < 256:
        return b"K" + bytes([value])
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data if len(data) < 256 else b"\x8b" + struct.pack("<i", len(data)) + data


def items(*values: bytes) -> bytes:
    """A tuple."""
    return b"(" + b"".join(values) + b"t"


def listed(*values: bytes) -> bytes:
    return b"](" + b"".join(values) + b"e"


def mapping(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"}(" + b"".join(key + value for key, value in pairs) + b"u"


def named(module: str, name: str) -> bytes:
    """A global by STACK_GLOBAL, which takes dotted names."""
    return text(module) + text(name) + b"\x93"


def line(module: str, name: str) -> bytes:
    """A global by the opcode of protocol 0."""
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + items(*arguments) + b"R"


def storage(key: bytes = text("0"), numel: int = 4, kind: str = "FloatStorage", device: bytes = text("cpu")) -> bytes:
    return items(text("storage"), line("torch", kind), key, device, number(numel)) + b"Q"


def sizes(values: Iterable[int]) -> bytes:
    return items(*(number(value) for value in values))


def tensor(
    shape: Iterable[int] = (4,),
    strides: Iterable[int] | None = None,
    offset: int = 0,
    of: bytes | None = None,
    *more: bytes,
) -> bytes:
    """A tensor as ``torch.save`` writes it, with sizes of our choice."""
    shape = tuple(shape)
    steps = sizes((1,) * len(shape) if strides is None else strides)
    arguments = [storage() if of is None else of, number(offset), sizes(shape), steps, b"\x89", b"N", *more]
    return call(line("torch._utils", "_rebuild_tensor_v2"), *arguments)


def doubled(times: int, start: bytes = b"N") -> bytes:
    """A tuple that holds one tuple twice, that holds one twice, …: 2 bytes for each doubling."""
    return start + b"2\x86" * times


def doubled_lists(times: int, width: int = 10) -> bytes:
    """A list that holds one list ten times, that holds one ten times, …."""
    body = listed(number(1))
    for _ in range(times):
        body = body + b"\x940](" + (b"h\x00" * width) + b"e" if False else b"(" + body + b"2" * (width - 1) + b"l"
    return body


def deep(times: int) -> bytes:
    """A tuple in a tuple in a tuple …."""
    return b"N" + b"\x85" * times


def stream(body: bytes) -> bytes:
    return PROTOCOL + body + STOP


# The containers.


def zipped(members: Mapping[str, bytes], path: Path, compress: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compress) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def zip_file(body: bytes, path: Path, data: bytes = bytes(16)) -> Path:
    """A file as ``torch.save`` writes it, whose pickle is ``body``, with one storage."""
    return zipped({"m/data.pkl": stream(body), "m/byteorder": b"little", "m/data/0": data, "m/version": b"3\n"}, path)


def legacy_file(
    body: bytes,
    path: Path,
    *,
    magic: bytes = LEGACY_MAGIC,
    protocol: bytes = number(1001),
    system: bytes = mapping([(text("little_endian"), b"\x88")]),
    keys: bytes = listed(text("0")),
    data: bytes = struct.pack("<q", 4) + bytes(16),
    after: bytes = b"",
) -> Path:
    """A legacy stream, each part of which may be another."""
    path.write_bytes(magic + stream(protocol) + stream(system) + stream(body) + stream(keys) + data + after)
    return path


def directory_entry(archive: bytes, number: int = 0) -> int:
    """Position of one record in the directory of a zip archive."""
    at = archive.index(b"PK\x01\x02")
    for _ in range(number):
        at = archive.index(b"PK\x01\x02", at + 4)
    return at


def patched(path: Path, changes: Mapping[int, bytes]) -> Path:
    data = bytearray(path.read_bytes())
    for at, new in changes.items():
        data[at : at + len(new)] = new
    path.write_bytes(bytes(data))
    return path


# What would run code, as a body that leaves the outcome on the stack; each would make the file ``marker``.


def _source(marker: Path) -> bytes:
    return text(f"open({str(marker)!r}, 'w').close()")


def _touch(marker: Path) -> bytes:
    return text(f"touch {marker}")


def _getattr_chain(marker: Path) -> bytes:
    """``getattr(importlib.import_module("os"), "system")(…)``."""
    module = call(line("importlib", "import_module"), text("os"))
    return call(call(line("builtins", "getattr"), module, text("system")), _touch(marker))


def _globals_chain(marker: Path) -> bytes:
    """Through the globals of a function that is itself harmless."""
    through = named("torch._utils", "_rebuild_tensor_v2.__builtins__.__getitem__")
    return call(call(through, text("eval")), _source(marker))


def _built(marker: Path) -> bytes:
    """An object whose state is set by a function of the file's choice."""
    return call(line("types", "SimpleNamespace")) + mapping([(text("x"), _eval(marker))]) + b"b"


def _eval(marker: Path) -> bytes:
    return call(line("builtins", "eval"), _source(marker))


RUNNING: Final[Mapping[str, Callable[[Path], bytes]]] = {
    "os.system": lambda marker: call(line("os", "system"), _touch(marker)),
    "posix.system": lambda marker: call(line("posix", "system"), _touch(marker)),
    "eval": _eval,
    "exec": lambda marker: call(line("builtins", "exec"), _source(marker)),
    "python-2-eval": lambda marker: call(line("__builtin__", "eval"), _source(marker)),
    "open": lambda marker: call(line("io", "open"), text(str(marker)), text("w")),
    "getattr-chain": _getattr_chain,
    "globals-chain": _globals_chain,
    "module-chain": lambda marker: call(named("torch.nn.modules.module", "torch.os.system"), _touch(marker)),
    "jit-chain": lambda marker: call(named("torch.jit._pickle", "torch.os.system"), _touch(marker)),
    "inst": lambda marker: b"(" + _touch(marker) + b"ios\nsystem\n",
    "obj": lambda marker: b"(" + line("os", "system") + _touch(marker) + b"o",
    "newobj": lambda marker: line("subprocess", "Popen") + items(_touch(marker)) + b"\x81",
    "build": _built,
    "dict-key": lambda marker: mapping([(_eval(marker), number(1))]),
    "shape": lambda marker: call(line("torch._utils", "_rebuild_tensor_v2"), storage(), number(0), _eval(marker)),
    "torch.load": lambda marker: call(line("torch", "load"), text(str(marker))),
    "torch.hub": lambda marker: call(line("torch.hub", "load"), text("who/ever"), text("main")),
    "runpy": lambda marker: call(line("runpy", "run_path"), text(str(marker))),
    "extension": lambda _: b"\x82\x07",
    "dunder": lambda _: named("torch.nn.modules.linear", "Linear.__init_subclass__"),
}


def bomb(path: Path, size: int = 1 << 26) -> Path:
    """An archive whose pickle is a thousand times larger than its file."""
    return zipped({"m/data.pkl": PROTOCOL + b"N" * size + STOP}, path, zipfile.ZIP_DEFLATED)


def overlapping(path: Path) -> Path:
    """Two names for the same bytes: the second entry of the directory points at the first one's data."""
    zipped({"m/data.pkl": stream(number(1)), "m/data/0": bytes(16)}, path)
    data = path.read_bytes()
    first, second = directory_entry(data), directory_entry(data, 1)
    return patched(path, {second + 16: data[first + 16 : first + 28], second + 42: data[first + 42 : first + 46]})


def two_ends(path: Path, hidden: bytes) -> Path:
    """One archive before another: some readers take the first one's entries, others the second one's."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("m/data.pkl", hidden)
    zipped({"m/data.pkl": stream(number(1))}, path)
    path.write_bytes(buffer.getvalue() + path.read_bytes())
    return path


def crc(data: bytes) -> bytes:
    return struct.pack("<I", zlib.crc32(data))
