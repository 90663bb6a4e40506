"""Protocol buffers: fields, positions, and messages that lie."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_spec import limits
from candle_spec.errors import CandleSpecError, CorruptFileError, LimitExceededError
from candle_spec.readers import protobuf


def number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def window(data: bytes) -> protobuf.Window:
    return protobuf.Window(data, 0, len(data), "test")


def delimited(at: int, content: bytes) -> bytes:
    return number(at << 3 | 2) + number(len(content)) + content


def test_every_wire_type(tmp_path: Path) -> None:
    data = (
        number(1 << 3) + number(300)
        + number(2 << 3 | 1) + struct.pack("<d", 0.1)
        + delimited(3, b"abc")
        + number(4 << 3 | 5) + struct.pack("<f", 0.5)
    )  # fmt: skip
    path = tmp_path / "message.pb"
    path.write_bytes(data)
    with protobuf.open_message(path) as message:
        first, second, third, fourth = protobuf.fields(message)
        assert (first.number, first.value) == (1, 300)
        assert struct.unpack("<d", second.window.bytes()) == (0.1,)
        assert third.window.bytes() == b"abc" == data[third.window.offset : third.window.offset + third.window.size]
        assert struct.unpack("<f", fourth.window.bytes()) == (0.5,)


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.pb"
    path.touch()
    with protobuf.open_message(path) as message:
        assert list(protobuf.fields(message)) == []


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_packed_and_single_integers(values: list[int]) -> None:
    packed = delimited(1, b"".join(number(value % 2**64) for value in values))
    single = b"".join(number(1 << 3) + number(value % 2**64) for value in values)
    assert [v for field in protobuf.fields(window(packed)) for v in protobuf.ints(field)] == values
    assert [v for field in protobuf.fields(window(single)) for v in protobuf.ints(field)] == values


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(number(1 << 3 | 2) + number(5) + b"abc", id="longer than its message"),
        pytest.param(number(1 << 3 | 2) + number(2**63) + b"abc", id="size of 2^63"),
        pytest.param(number(1 << 3 | 3), id="a group"),
        pytest.param(number(1 << 3 | 7), id="no wire type"),
        pytest.param(number(0) + number(0), id="number zero"),
        pytest.param(b"\x08" + b"\xff" * 11, id="a number that never ends"),
        pytest.param(b"\x08\x80", id="a number cut off"),
        pytest.param(number(1 << 3 | 1) + b"1234", id="a double cut off"),
    ],
)
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(CorruptFileError):
        list(protobuf.fields(window(data)))


def test_depth_is_bounded() -> None:
    message = window(b"")
    for _ in range(limits.PROTOBUF_DEPTH + 5):
        message = window(delimited(1, message.bytes()))
    with pytest.raises(LimitExceededError):
        while True:
            (message,) = (field.window for field in protobuf.fields(message))


@given(st.binary(max_size=200))
def test_any_bytes_give_fields_or_a_clear_error(data: bytes) -> None:
    try:
        for field in protobuf.fields(window(data)):
            assert field.window.offset + field.window.size <= len(data)
    except CandleSpecError:
        pass
