"""Arrays that safetensors has no dtype for: saved from memory, they come back in their dtype, with their bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import candle_spec
from candle_spec import limits
from candle_spec.checkpoint.contents import Contents, Framework, Group
from candle_spec.errors import CorruptFileError, InvalidInputError, LimitExceededError, UnsupportedFormatError
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.series import Series
from candle_spec.validation import validate
from candle_spec.weights.dtypes import DTYPES, to_numpy
from candle_spec.weights.encodings import EncodedArray, decode
from candle_spec.weights.live import Leaf, array_leaf
from candle_spec.weights.native_dtype import as_native
from candle_spec.weights.packing import ORDERS, fields, packed, unpacked
from candle_spec.weights.records import described, record_columns
from candle_spec.weights.safetensors import layout
from candle_spec.weights.strings import is_unicode, stored_strings
from tests.helpers.arrays import ARRAYS, same


def test_arrays_come_back(tmp_path: Path) -> None:
    tensors = [array_leaf(array).named("model", name) for name, array in ARRAYS.items()]
    with Series.create_or_open(tmp_path / "s") as series:
        path = series.save(TrainingState(1, Contents(Framework("numpy"), [Group("model", "model")], tensors))).path
    assert validate(path).errors == []
    found = candle_spec.load(path).state_dict(framework="numpy")
    for name, array in ARRAYS.items():
        assert same(found[name], array), name


def test_a_tensor_has_one_identity_saved_from_memory_or_converted(tmp_path: Path) -> None:
    """But of ml_dtypes, of which NumPy's files keep the bytes alone."""
    arrays = {name: array for name, array in ARRAYS.items() if _is_npy(array.dtype)}
    assert arrays.keys() > {"records that NumPy knows", "big wide", "no text"}
    np.savez(tmp_path / "m.npz", **arrays)
    tensors = {entry.name: entry for entry in candle_spec.convert(tmp_path / "m.npz", tmp_path / "c").tensors}
    with Series.create_or_open(tmp_path / "s") as series:
        live = [array_leaf(array).named("model", name) for name, array in arrays.items()]
        path = series.save(TrainingState(1, Contents(Framework("numpy"), [Group("model", "model")], live))).path
    for saved in candle_spec.load(path).tensors:
        found = tensors[saved.name]
        assert (saved.dtype, saved.params, saved.digest) == (found.dtype, found.params, found.digest), saved.name
    loaded = candle_spec.load(tmp_path / "c").state_dict(framework="numpy")
    for name, array in arrays.items():
        assert same(loaded[name], array), name


def _is_npy(dtype: np.dtype[Any]) -> bool:
    try:
        return bool(np.lib.format.descr_to_dtype(np.lib.format.dtype_to_descr(dtype)) == dtype)
    except TypeError:
        return False


def test_views_of_the_same_bytes_in_another_dtype_are_another_tensor() -> None:
    bytes_ = np.zeros(8, np.uint8)
    views = [bytes_.view(ml_dtypes.int4), bytes_.view(ml_dtypes.uint4), bytes_.view([("a", "<f4")])]
    views.append(bytes_.view([("a", "<i4")]))
    assert len({array_leaf(view).identity for view in views}) == 4
    assert array_leaf(bytes_.view(ml_dtypes.int4)).identity == array_leaf(views[0]).identity


@pytest.mark.parametrize("array", [np.array([1, "a"], object), np.zeros(1, [("a", object)]), np.zeros(2, "V0")])
def test_what_is_no_array_of_values(array: np.ndarray) -> None:
    with pytest.raises(UnsupportedFormatError, match="cannot be saved as numbers"):
        array_leaf(array)


def undone(leaf: Leaf) -> Any:
    """Return what the parts of a leaf give, without a file."""
    assert leaf.encoding is not None
    parts = {
        name: np.frombuffer(b"".join(bytes(block) for block in part.data.blocks()), np.uint8)
        .view(to_numpy(part.dtype))
        .reshape(part.shape)
        for name, part in leaf.parts.items()
    }
    found = decode(leaf.dtype, leaf.shape, leaf.encoding.name, leaf.encoding.params, parts)
    return as_native(found, leaf.attributes)


NUMBERS = st.sampled_from(["?", "i1", "u2", "i4", "u8", "f2", "f4", "f8", "c8", "c16"])
TEXTS = st.tuples(st.sampled_from("SU"), st.integers(1, 5)).map(lambda row: f"{row[0]}{row[1]}")
FLAT = st.tuples(st.sampled_from("<>"), NUMBERS | TEXTS | st.sampled_from(["M8[us]", "m8", "V3"])).map("".join)
SHAPES = st.lists(st.integers(0, 3), max_size=2).map(tuple)


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=3)


@st.composite
def dtypes(draw: st.DrawFn, depth: int = 0) -> np.dtype[Any]:
    names = draw(st.lists(NAMES, min_size=1, unique=True, max_size=4))
    inner = FLAT | dtypes(depth + 1) if depth < 2 else FLAT
    try:
        return np.dtype([(name, draw(inner), draw(SHAPES)) for name in names], align=draw(st.booleans()))
    except ValueError:  # a record of no bytes
        return np.dtype([("a", "<i2")])


@given(dtypes(), SHAPES, st.randoms(use_true_random=False))
def test_records_of_any_kind_come_back(dtype: np.dtype[Any], shape: tuple[int, ...], chance: Any) -> None:
    if not dtype.itemsize:
        return
    size = dtype.itemsize * int(np.prod(shape))
    array = np.frombuffer(chance.randbytes(size), dtype).reshape(shape) if size else np.zeros(shape, dtype)
    back = undone(array_leaf(array))
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    for column in record_columns(described(dtype)):
        assert column.items(back).tobytes() == column.items(array).tobytes()


@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=5), max_size=5)
    | st.lists(st.binary(max_size=5), max_size=5)
)
def test_strings_come_back(items: list[Any]) -> None:
    text = bool(items) and isinstance(items[0], str)
    for width in (None, 5):
        stripped = [item.rstrip("\0" if text else b"\0") for item in items] if width else items
        given_ = [item.encode() if text else item for item in stripped]
        dtype, parts, encoding = stored_strings(given_, text=text, width=width)
        assert undone(Leaf(dtype, (len(items),), parts, encoding)).tolist() == stripped


@given(st.lists(st.integers(0, 0x110010), min_size=1, max_size=4), st.sampled_from("<>"))
def test_code_points_come_back_whatever_they_are(codes: list[int], order: str) -> None:
    array = np.array(codes, f"{order}u4").view(f"{order}U1")
    assert is_unicode(array) == all(n < 0x110000 and not 0xD800 <= n < 0xE000 for n in codes)
    back = undone(array_leaf(array))
    assert (back.dtype.str, back.tobytes()) == (array.dtype.str, array.tobytes())


@given(st.sampled_from([2, 4, 6]), st.lists(st.integers(0, 63), max_size=30), st.sampled_from(ORDERS))
def test_fields_of_bits(bits: int, numbers: list[int], order: str) -> None:
    """Against numbers as long as the array: in one order the first is the last digits, in the other the first ones."""
    items = [n & (1 << bits) - 1 for n in numbers]
    size = -(-len(items) * bits // 8)
    low = sum(n << i * bits for i, n in enumerate(items)).to_bytes(size, "little")
    joined = sum(n << 8 * size - (i + 1) * bits for i, n in enumerate(items)).to_bytes(size, "big")
    data = low if order == "low-first" else joined
    assert fields(np.frombuffer(data, np.uint8), bits, len(items), order).tolist() == items
    blocks = [bytes(items[:5]), bytes(items[5:6]), bytes(items[6:])]
    assert b"".join(bytes(block) for block in packed(blocks, bits)) == low
    with pytest.raises(CorruptFileError):
        fields(np.frombuffer(data + b"\0", np.uint8), bits, len(items), order)


@pytest.mark.parametrize("dtype", [row.name for row in DTYPES.values() if row.numpy and row.bits < 8])
def test_every_element_of_less_than_a_byte(dtype: str) -> None:
    """All of them, by the numbers that ml_dtypes takes them for."""
    bits = DTYPES[dtype].bits
    data = np.frombuffer(b"".join(map(bytes, packed([bytes(range(1 << bits))], bits))), np.uint8)
    found = unpacked(dtype, (1 << bits,), data)
    whole = np.arange(1 << bits, dtype=np.uint8).view(to_numpy(dtype))
    assert found.dtype == whole.dtype
    assert found.astype(float).tolist() == whole.astype(float).tolist()


@pytest.mark.parametrize("width", [10, 12, 16])
@pytest.mark.parametrize("order", ["little", "big"])
def test_wide_floats_of_other_machines(width: int, order: str) -> None:
    numbers = np.array([0, 1, -2, 1 / 3, 2.0**-1074], np.longdouble)
    ten = np.zeros((5, 16), np.uint8)
    for row, number in zip(ten, numbers.tolist(), strict=True):
        mantissa, exponent = np.frexp(np.abs(number))
        whole = int(mantissa * 2**64) | (int(exponent) + 16382 if number else 0) << 64 | int(number < 0) << 79
        row[:10] = np.frombuffer(whole.to_bytes(10, "little"), np.uint8)
    items = ten[:, :width] if order == "little" else ten[:, width - 1 :: -1] if width < 16 else ten[:, ::-1]
    found = decode("F80", (5,), "raw", {"byte_order": order}, {"values": np.ascontiguousarray(items)})
    if np.finfo(np.longdouble).nmant == 63:
        assert found.astype(float).tolist() == [0, 1, -2, 1 / 3, 2.0**-1074]
    else:
        assert isinstance(found, EncodedArray)
    quad = decode("F128", (1,), "raw", {"byte_order": order}, {"values": np.zeros((1, 16), np.uint8)})
    assert isinstance(quad, EncodedArray) or np.finfo(np.longdouble).nmant == 112


def test_what_is_almost_all_padding_is_not_made() -> None:
    """A small file that says of its items how large they were cannot take all memory."""
    many = 1 << 10
    blob, offsets = np.zeros(0, np.uint8), np.zeros(many + 1, "<i8")
    parts = {"bytes": blob, "offsets": offsets}
    with pytest.raises(LimitExceededError):
        decode("BYTES", (many,), "strings", {"text": "none", "width": limits.STRING_BYTES}, parts)
    with pytest.raises(LimitExceededError):
        as_native(decode("BYTES", (many,), "strings", {"text": "none"}, parts), {"numpy_dtype": "|S9999999"})
    about = {"fields": [{"name": "a", "dtype": "|u1", "offset": 0}], "item_size": 1 << 24}
    with pytest.raises(LimitExceededError):
        decode("STRUCT", (many,), "structured", about, {"a": np.zeros(many, np.uint8)})


@pytest.mark.parametrize(("dtype", "shape"), [("F4", (3,)), ("F6_E2M3", (2, 3)), ("F4", ())])
def test_elements_that_do_not_fill_bytes_are_no_plain_array(dtype: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInputError, match="do not fill whole bytes"):
        layout([("w", dtype, shape)], {})
