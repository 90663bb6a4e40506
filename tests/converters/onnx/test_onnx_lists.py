"""Lists in attributes, written by hand: no writer of Python packs one, or has it in pieces."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import candle_spec
from candle_spec.conversion.convert import convert
from candle_spec.conversion.source import resolve_source
from candle_spec.converters.onnx import CONVERTER
from candle_spec.errors import CandleSpecError


def number(value: int) -> bytes:
    value %= 1 << 64
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def message(at: int, content: bytes) -> bytes:
    return number(at << 3 | 2) + number(len(content)) + content


def packed(values: list[int], reals: list[float]) -> bytes:
    return message(8, b"".join(map(number, values))) + message(7, struct.pack(f"<{len(reals)}f", *reals))


def single(values: list[int], reals: list[float]) -> bytes:
    return b"".join(b"\x40" + number(v) for v in values) + b"".join(b"\x3d" + struct.pack("<f", r) for r in reals)


def mixed(values: list[int], reals: list[float]) -> bytes:
    return packed(values[:3], reals[:3]) + single(values[3:], reals[3:])


def written(folder: Path, lists: bytes) -> Path:
    node = message(4, b"Own") + message(7, b"ai.onnx.ml") + message(5, message(1, b"values") + lists)
    (folder / "m.onnx").write_bytes(
        b"\x08\x08" + message(2, b"tests") + message(7, message(1, node) + message(2, b"g"))
    )
    return folder / "m.onnx"


@pytest.mark.parametrize("write", [packed, single, mixed])
def test_lists_are_the_same_however_they_are_written(write: Callable[..., bytes], tmp_path: Path) -> None:
    values, reals = [1, -1, 2**63 - 1, -(2**63), 0, 300, 64, 61] * 9, [0.5, -1.5, 2.0**100, 0.0, 3e-45, 61.0] * 9
    native = written(tmp_path, write(values, reals))
    made = convert(native, tmp_path / "x.candle").path
    assert candle_spec.validate(made).errors == []
    found = candle_spec.load(made).state_dict(framework="numpy")
    assert found["Own_0.values"].tobytes() == np.array(reals, "<f4").tobytes()
    assert found["Own_0.values#2"].tolist() == values
    (restored,) = candle_spec.restore(made, tmp_path / "back.onnx")
    assert restored.path.read_bytes() == native.read_bytes()


@pytest.mark.slow
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=60),
    st.lists(st.floats(width=32), max_size=60),
    st.sampled_from([packed, single, mixed]),
)
def test_any_list_is_read_as_it_is(tmp_path_factory: Any, values: list[int], reals: list[float], write: Any) -> None:
    native = written(tmp_path_factory.mktemp("lists"), write(values, reals) + message(9, b"text"))
    tensors = CONVERTER.read(resolve_source(native)).tensors
    found = [b"".join(bytes(b) for b in t.parts[""].data.blocks()) for t in tensors if "" in t.parts]
    expected = [np.array(reals, "<f4").tobytes(), np.array(values, "<i8").tobytes()]
    assert found == [data for data in expected if data]


@pytest.mark.parametrize(
    "lists", [message(7, b"abc"), b"\x38\x01", b"\x45abcd", message(8, b"\xff" * 11), b"\x48\x01", b"\x3d\x00\x00"]
)
def test_lists_that_are_none(lists: bytes, tmp_path: Path) -> None:
    with pytest.raises(CandleSpecError):
        convert(written(tmp_path, lists), tmp_path / "x.candle")
    assert not (tmp_path / "x.candle").exists()


def test_scattered_lists_are_refused(tmp_path: Path) -> None:
    """Each element alone, as no writer has it: what is kept of each would fill the memory."""
    with pytest.raises(CandleSpecError, match="pieces"):
        convert(written(tmp_path, (b"\x40\x01" + b"\x3d\x00\x00\x80\x3f") * 10_001), tmp_path / "x.candle")
