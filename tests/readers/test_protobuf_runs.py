"""Repeated fields that are not packed: read many at a time, they are those that are read one by one."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_spec.errors import CorruptFileError
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf_runs import Run, runs, untagged

JOINED = (7, 8, 9)


def number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def window(data: bytes) -> protobuf.Window:
    return protobuf.Window(data, 0, len(data), "test")


def real(value: float) -> bytes:
    return b"\x3d" + struct.pack("<f", value)


def whole(value: int) -> bytes:
    return b"\x40" + number(value)


def text(value: bytes) -> bytes:
    return b"\x4a" + number(len(value)) + value


def elements(found: protobuf.Field | Run) -> Iterator[tuple[int, int, bytes]]:
    """The elements of what was found, one by one."""
    if not isinstance(found, Run):
        yield found.number, found.wire, found.window.bytes()
        return
    assert found.count > 1
    if found.wire == protobuf.BYTES:
        items = list(found.items())
    else:
        data, used = untagged(found.window.bytes(), found.wire, found.number)
        assert (used, len(data)) == (found.window.size, found.size)
        width = {protobuf.FIXED32: 4, protobuf.FIXED64: 8}.get(found.wire)
        ends = [i + 1 for i, byte in enumerate(data) if byte < 0x80]
        cuts = [0, *(range(width, len(data) + 1, width) if width else ends)]
        items = [data[a:b] for a, b in itertools.pairwise(cuts)]
    assert len(items) == found.count
    yield from ((found.number, found.wire, item) for item in items)


def one_by_one(data: bytes) -> list[tuple[int, int, bytes]]:
    return [(item.number, item.wire, item.window.bytes()) for item in protobuf.fields(window(data))]


FIELD = st.one_of(
    st.floats(width=32).map(real),
    st.integers(0, 2**64 - 1).map(whole),
    st.sampled_from([0x3D, 0x40, 0x4A, 0x3D4A40]).map(whole),
    st.binary(max_size=200).map(text),
    st.sampled_from(
        [b"\x08\x01", b"\x3a\x00", b"\x42\x02\x01\x02", b"\x0a\x03\x3d\x40\x4a", b"\xc0\x00\x05", b"\x4a\x81\x00x"]
    ),
)
MESSAGE = st.lists(st.tuples(FIELD, st.integers(1, 40))).map(lambda rows: b"".join(one * often for one, often in rows))


@pytest.mark.slow
@given(MESSAGE)
def test_runs_are_the_fields(data: bytes) -> None:
    found = [row for item in runs(window(data), JOINED) for row in elements(item)]
    assert found == one_by_one(data)


@pytest.mark.slow
@given(MESSAGE, st.data())
def test_damaged_messages_are_refused_alike(data: bytes, draw: st.DataObject) -> None:
    data = data[: draw.draw(st.integers(0, len(data)))]
    if data:
        at = draw.draw(st.integers(0, len(data) - 1))
        data = data[:at] + bytes([draw.draw(st.integers(0, 255))]) + data[at + 1 :]
    try:
        expected = one_by_one(data)
    except CorruptFileError:
        with pytest.raises(CorruptFileError):
            list(runs(window(data), JOINED))
        return
    assert [row for item in runs(window(data), JOINED) for row in elements(item)] == expected


@pytest.mark.slow
def test_long_runs_are_whole() -> None:
    """Runs that are longer than what is looked at in one go, with elements across its ends."""
    random = np.random.default_rng(0)
    values = [int(value) for value in random.integers(0, 2**63, 40_000) >> random.integers(0, 63, 40_000)]
    data = b"".join(map(whole, values)) + b"".join(map(real, range(70_000))) + text(b"LEAF") * 9_000 + b"\x08\x01"
    first, second, third, last = runs(window(data), JOINED)
    assert [item.count for item in (first, second, third) if isinstance(item, Run)] == [40_000, 70_000, 9_000]
    assert isinstance(first, Run)
    assert b"".join(row[2] for row in elements(first)) == b"".join(map(number, values))
    assert last.number == 1
