"""Sorted string tables and snappy blocks: read, packed or not; hostile ones."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_spec import limits
from candle_spec.errors import CandleSpecError, CorruptFileError, LimitExceededError, UnsupportedFormatError
from candle_spec.readers.signatures import SSTABLE, is_sstable
from candle_spec.readers.snappy import unpack
from candle_spec.readers.sstable import header_kind, read_table
from tests.helpers.native.tensorflow_files import block, snappy, table, trailer, varint

ROWS = [[(b"", b"header"), (b"a", b"1")], [(b"ab", b"xyxy" * 10), (b"b", b"")]]


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_reads_all_blocks(packed: bool, tmp_path: Path) -> None:
    path = write(tmp_path / "t", table(ROWS, packed=packed))
    assert list(read_table(path).items()) == [row for rows in ROWS for row in rows]
    assert is_sstable(path)
    assert header_kind(path) == ord("h")


def test_a_database_is_told_apart(tmp_path: Path) -> None:
    assert not header_kind(write(tmp_path / "t", table([[(b"key", b"value")]])))
    assert not header_kind(write(tmp_path / "u", table([[(b"key", b"value")]], packed=True)))
    assert not is_sstable(write(tmp_path / "v", b"short"))


def whole(data: bytes, kind: int = 0, handle: bytes | None = None, seal: bytes | None = None) -> bytes:
    """A table of one block, given as bytes."""
    out = data + (trailer(data, kind) if seal is None else seal)
    index = block([(b"\xff", handle or varint(0) + varint(len(data)))])
    place = varint(len(out)) + varint(len(index))
    return out + index + trailer(index) + (varint(0) + varint(0) + place).ljust(40, b"\x00") + SSTABLE


def raw(*entries: tuple[int, bytes, bytes], restarts: int = 1) -> bytes:
    body = b"".join(varint(s) + varint(len(k)) + varint(len(v)) + k + v for s, k, v in entries)
    return body + struct.pack("<II", 0, restarts)


BOMB = raw((0, b"k" * 60_000, b""), *((60_000, b"%06d" % n, b"") for n in range(20_000)))

HOSTILE: dict[str, tuple[bytes, type[CandleSpecError], str]] = {
    "no-end": (b"x" * 100, CorruptFileError, "no end"),
    "empty": (b"", CorruptFileError, "no end"),
    "block-beyond": (whole(raw(), handle=varint(0) + varint(1 << 40)), CorruptFileError, "beyond the table"),
    "offset-beyond": (whole(raw(), handle=varint(1 << 60) + varint(1)), CorruptFileError, "beyond the table"),
    "handle-without-end": (whole(raw(), handle=b"\xff" * 12), CorruptFileError, "no end"),
    "restarts": (whole(raw(restarts=1 << 30)), CorruptFileError, "list of restarts"),
    "tiny-block": (whole(b"\x00"), CorruptFileError, "list of restarts"),
    "checksum": (whole(raw(), seal=b"\x00abcd"), CorruptFileError, "checksum of a block"),
    "shared-beyond": (whole(raw((5, b"a", b""))), CorruptFileError, "beyond its block"),
    "value-beyond": (whole(varint(0) * 2 + varint(1 << 30) + struct.pack("<II", 0, 1)), CorruptFileError, "beyond"),
    "order": (whole(raw((0, b"b", b""), (0, b"a", b""))), CorruptFileError, "not in order"),
    "twice": (whole(raw((0, b"b", b""), (0, b"b", b""))), CorruptFileError, "not in order"),
    "unknown-packing": (whole(raw(), kind=7), UnsupportedFormatError, "packed in the way 7"),
    "not-snappy": (whole(b"\xff" * 9, kind=1), CorruptFileError, "without its length"),
    "key-bomb": (whole(BOMB), LimitExceededError, "keys of the table"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_tables(name: str, tmp_path: Path) -> None:
    data, error, text = HOSTILE[name]
    with pytest.raises(error, match=text):
        read_table(write(tmp_path / "t", data))


def test_a_huge_table_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SSTABLE_BYTES", 100)
    with pytest.raises(LimitExceededError, match="more than 100"):
        read_table(write(tmp_path / "t", table(ROWS)))


@given(st.binary(max_size=300))
def test_snappy_of_any_bytes(data: bytes) -> None:
    assert unpack(snappy(data), 1000, "x") == data
    assert unpack(snappy(data[:40] * 2), 1000, "x") == data[:40] * 2


def test_snappy_copies_may_overlap() -> None:
    literal = bytes([2 << 2]) + b"abc"
    assert unpack(varint(10) + literal + bytes([(7 - 4) << 2 | 1, 3]), 99, "x") == b"abcabcabca"
    assert unpack(varint(7) + literal + bytes([(4 - 1) << 2 | 3, 3, 0, 0, 0]), 99, "x") == b"abcabca"
    long = varint(61) + bytes([60 << 2, 60]) + b"z" * 61
    assert unpack(long, 99, "x") == b"z" * 61


BAD_SNAPPY: dict[str, tuple[bytes, type[CandleSpecError], str]] = {
    "bomb": (varint(1 << 31) + b"\x00a", LimitExceededError, "more than 1000"),
    "too-good": (varint(999) + b"\x00a", CorruptFileError, "cannot hold 999"),
    "more-than-said": (varint(1) + bytes([1 << 2]) + b"ab", CorruptFileError, "more than it says"),
    "less-than-said": (varint(3) + bytes([1 << 2]) + b"ab", CorruptFileError, "less than it says"),
    "literal-beyond": (varint(3) + bytes([9 << 2]) + b"ab", CorruptFileError, "literal goes beyond"),
    "long-literal-beyond": (varint(3) + bytes([63 << 2]) + b"\xff" * 4, CorruptFileError, "literal goes beyond"),
    "copy-before": (varint(9) + b"\x00a" + bytes([1, 9]), CorruptFileError, "copy from outside"),
    "copy-of-nothing": (varint(9) + b"\x00a" + bytes([1, 0]), CorruptFileError, "copy from outside"),
    "copy-cut": (varint(9) + b"\x00a" + bytes([2, 1]), CorruptFileError, "copy from outside"),
    "length": (b"\xff" * 9, CorruptFileError, "without its length"),
    "nothing": (b"", CorruptFileError, "without its length"),
}


@pytest.mark.parametrize("name", BAD_SNAPPY)
def test_hostile_snappy(name: str) -> None:
    data, error, text = BAD_SNAPPY[name]
    with pytest.raises(error, match=text):
        unpack(data, 1000, "x")
