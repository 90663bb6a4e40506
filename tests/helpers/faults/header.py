"""Corruptions of the bytes of a safetensors file, by the code of the rule that each breaks."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any, NamedTuple


class HeaderFault(NamedTuple):
    """One corruption: the code that must be found, its name, and what it does to the bytes of a file."""

    code: str
    name: str
    corrupt: Callable[[bytes], bytes]


def parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header and the arrays' bytes of a sound file."""
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def joined(header: Any, body: bytes) -> bytes:
    """Return a file of any header, given as JSON or as its bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + body


def first_key(header: dict[str, Any]) -> str:
    """Return the first array of a header."""
    return next(key for key in header if key != "__metadata__")


def _entry(code: str, name: str, change: Callable[[dict[str, Any]], Any]) -> HeaderFault:
    """Change the first entry in place."""

    def corrupt(data: bytes) -> bytes:
        header, body = parts(data)
        change(header[first_key(header)])
        return joined(header, body)

    return HeaderFault(code, name, corrupt)


def _header(code: str, name: str, change: Callable[[dict[str, Any]], Any]) -> HeaderFault:
    """Change the header in place, or return another one."""

    def corrupt(data: bytes) -> bytes:
        header, body = parts(data)
        changed = change(header)
        return joined(header if changed is None else changed, body)

    return HeaderFault(code, name, corrupt)


def _set(member: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda about: about.update({member: value})


def _text(code: str, name: str, change: Callable[[bytes], bytes]) -> HeaderFault:
    """Change the header's text."""

    def corrupt(data: bytes) -> bytes:
        length = struct.unpack("<Q", data[:8])[0]
        return joined(change(data[8 : 8 + length]), data[8 + length :])

    return HeaderFault(code, name, corrupt)


def _raw(code: str, name: str, change: Callable[[bytes], bytes]) -> HeaderFault:
    return HeaderFault(code, name, change)


def _length(code: str, name: str, length: Callable[[bytes], int]) -> HeaderFault:
    return HeaderFault(code, name, lambda data: struct.pack("<Q", length(data)) + data[8:])


def _twice(key: bytes) -> Callable[[bytes], bytes]:
    """Repeat the first member of the header under the same key, spelled with an escape or not."""
    return lambda text: b'{"' + key + b'":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},' + text[1:]


def _key(text: bytes) -> bytes:
    return first_key(json.loads(text)).encode()


def _shift(header: dict[str, Any], by: int) -> None:
    for key, entry in header.items():
        if key != "__metadata__":
            entry["data_offsets"] = [position + by for position in entry["data_offsets"]]


def _hole(data: bytes) -> bytes:
    """Move all arrays but the first, header and bytes alike: the file ends where it should."""
    header, body = parts(data)
    keys = [key for key in header if key != "__metadata__"]
    at = header[keys[0]]["data_offsets"][1]
    _shift({key: header[key] for key in keys[1:]}, 8)
    return joined(header, body[:at] + bytes(8) + body[at:])


def _overlap(data: bytes) -> bytes:
    header, body = parts(data)
    keys = [key for key in header if key != "__metadata__"]
    _shift({key: header[key] for key in keys[1:]}, -4)
    return joined(header, body[:-4])


def _same_place(header: dict[str, Any]) -> None:
    keys = [key for key in header if key != "__metadata__"]
    header["copy of the first"] = dict(header[keys[0]])


SHAPES: dict[str, Any] = {
    "another": [3],
    "negative": [-4],
    "two negatives": [-6, -4],
    "2^63": [1 << 63],
    "2^63 and nothing": [1 << 63, 0],
    "2^64": [1 << 64],
    "true": [True, 1, 8],
    "a fraction": [2.5],
    "a whole float": [4.0],
    "a text": ["4"],
    "null": [None],
    "nested": [[6, 4]],
    "no list": 24,
    "an object": {"0": 4},
    "65 dimensions": [1] * 65,
    "infinite": [float("inf")],
    "no number": [float("nan")],
}
"""Shapes that none of the arrays has."""

OFFSETS: dict[str, Any] = {
    "too few bytes": [0, 1],
    "backwards": [8, 0],
    "negative": [-8, 0],
    "one": [0],
    "three": [0, 8, 8],
    "true": [False, True],
    "2^63": [1 << 63, (1 << 63) + 8],
    "2^64": [0, 1 << 64],
    "a whole float": [0.0, 8.0],
    "texts": ["0", "8"],
    "nested": [[0, 8]],
    "null": None,
    "no list": 8,
}
"""Offsets that no array can have."""

DTYPES: dict[str, Any] = {
    "lower case": "f32",
    "of NumPy": "float32",
    "logical only": "C128",
    "with a line feed": "F32\n",
    "empty": "",
    "a number": 32,
    "a list": ["F32"],
    "an object": {"F32": 1},
    "null": None,
    "true": True,
}
"""Dtypes that no stored array has."""

METADATA: dict[str, Any] = {
    "a list": [],
    "a text": "pt",
    "null": None,
    "a number inside": {"format": 1},
    "null inside": {"format": None},
    "nested": {"format": {"name": "pt"}},
    "a list inside": {"format": ["pt"]},
    "true inside": {"format": True},
}
"""What ``__metadata__`` must not be."""

HEADER_FAULTS: tuple[HeaderFault, ...] = (
    _raw("CKP4001", "empty file", lambda data: b""),
    _raw("CKP4001", "7 bytes", lambda data: data[:7]),
    _raw("CKP4001", "cut off in the header", lambda data: data[:40]),
    _raw("CKP4001", "nothing but the length", lambda data: data[:8]),
    _length("CKP4001", "length beyond the file", lambda data: len(data) - 7),
    _length("CKP4001", "length at the limit", lambda data: 100_000_000),
    _length("CKP4009", "length one over the limit", lambda data: 100_000_001),
    _length("CKP4009", "length 2^63", lambda data: 1 << 63),
    _length("CKP4009", "length 2^64-1", lambda data: (1 << 64) - 1),
    _raw("CKP4009", "length in the other byte order", lambda data: data[7::-1] + data[8:]),
    _length("CKP4002", "length 0", lambda data: 0),
    _length("CKP4002", "length one too small", lambda data: len(data[8:].partition(b"}}")[0]) + 1),
    _text("CKP4002", "first byte a space", lambda text: b" " + text),
    _text("CKP4002", "first byte a bracket", lambda text: b"[" + text[1:]),
    _text("CKP4002", "byte-order mark", lambda text: b"\xef\xbb\xbf" + text),
    _text("CKP4002", "no end", lambda text: text.rstrip()[:-1]),
    _text("CKP4002", "something after the end", lambda text: text + b"{}"),
    _text("CKP4002", "a null byte after the end", lambda text: text + b"\0"),
    _text("CKP4002", "not UTF-8", lambda text: text[:3] + b"\xff" + text[4:]),
    _text("CKP4002", "a comma too many", lambda text: text.rstrip()[:-1] + b",}"),
    _text("CKP4002", "a name that is not Unicode", _twice(b"\\ud800")),
    _text("CKP4002", "UTF-16", lambda text: text.decode().encode("utf-16-le")),
    _text("CKP4002", "nested 100,000 deep", lambda text: b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"," + text[1:]),
    _text("CKP4002", "objects 100,000 deep", lambda text: b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    _text("CKP4002", "a number of 5,000 digits", lambda text: b'{"a":' + b"9" * 5000 + b"," + text[1:]),
    _header("CKP4002", "a list", lambda header: [header]),
    _header("CKP4002", "an entry that is a list", lambda header: header.update(x=[])),
    _header("CKP4002", "an entry that is null", lambda header: header.update(x=None)),
    _header("CKP4002", "an entry that is empty", lambda header: header.update(x={})),
    _entry("CKP4002", "no dtype", lambda entry: entry.pop("dtype")),
    _entry("CKP4002", "no shape", lambda entry: entry.pop("shape")),
    _entry("CKP4002", "no offsets", lambda entry: entry.pop("data_offsets")),
    _entry("CKP4002", "one member more", lambda entry: entry.update(extra=1)),
    _text("CKP4003", "a name twice", lambda text: _twice(_key(text))(text)),
    _text(
        "CKP4003", "a name twice, once escaped", lambda text: _twice(b"\\u%04x" % _key(text)[0] + _key(text)[1:])(text)
    ),
    _text("CKP4003", "metadata twice", lambda text: b'{"__metadata__":{},' + text[1:]),
    _text("CKP4003", "dtype twice", lambda text: text.replace(b'"dtype":', b'"dtype":"U8","dtype":', 1)),
    _text(
        "CKP4003",
        "a word of the metadata twice",
        lambda text: text.replace(b'"format":', b'"format":"pt","format":', 1),
    ),
    _raw("CKP4004", "a hole", _hole),
    _raw("CKP4004", "an overlap", _overlap),
    _header("CKP4004", "two arrays at one place", _same_place),
    _header("CKP4004", "a hole at the start", lambda header: _shift(header, 8)),
    _header("CKP4004", "an empty array far away", lambda header: header.update(x=_nothing_at(1 << 40))),
    _header("CKP4004", "an empty array inside another", lambda header: header.update(x=_nothing_at(9))),
    *(_entry("CKP4005", f"shape: {name}", _set("shape", value)) for name, value in SHAPES.items()),
    *(_entry("CKP4005", f"offsets: {name}", _set("data_offsets", value)) for name, value in OFFSETS.items()),
    _raw("CKP4006", "one byte missing", lambda data: data[:-1]),
    _raw("CKP4006", "all arrays missing", lambda data: joined(*_without_body(data))),
    _raw("CKP4006", "one byte more", lambda data: data + b"\0"),
    _raw("CKP4006", "a megabyte more", lambda data: data + bytes(1 << 20)),
    _header("CKP4006", "no entries", lambda header: {}),
    _header("CKP4006", "the last entry gone", lambda header: header.popitem() and None),
    *(_entry("CKP4007", f"dtype: {name}", _set("dtype", value)) for name, value in DTYPES.items()),
    *(_header("CKP4008", name, _set("__metadata__", value)) for name, value in METADATA.items()),
)
"""Every rule of the format, broken by itself in at least two ways."""


def _nothing_at(position: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [0], "data_offsets": [position, position]}


def _without_body(data: bytes) -> tuple[dict[str, Any], bytes]:
    return parts(data)[0], b""
