"""Encoded tensors: every part, parameter, offset and index that the table of spec.md forbids is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from candle_spec.checkpoint.contents import Contents, Framework, Group
from candle_spec.checkpoint.inventory import StoredArray, Tensor
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.series import Series
from candle_spec.validation import validate
from candle_spec.validation.rules.encodings import encoding_fault
from candle_spec.weights.sources import Encoding, MemoryBytes, Part, TensorSource

Row = tuple[str, list[int], dict[str, Any], dict[str, tuple[str, list[int]]]]

FIELD = {"name": "a", "dtype": "<f4", "offset": 0}
CSR = {"compressed": ("I32", [3]), "plain": ("I64", [2]), "values": ("F32", [2])}
ONE = {"scales": ("F64", [1]), "zero_points": ("I64", [1])}
SOUND: dict[str, tuple[str, Row]] = {
    "pairs": ("complex_pairs", ("C128", [3], {}, {"values": ("F64", [3, 2])})),
    "half pairs": ("complex_pairs", ("C32", [], {}, {"values": ("F16", [2])})),
    "one scale": ("quantized", ("QI8", [2, 3], {"scheme": "per_tensor"}, {"values": ("I8", [2, 3]), **ONE})),
    "scales": (
        "quantized",
        (
            "QI32",
            [2, 3],
            {"scheme": "per_channel", "axis": 1},
            {"values": ("I32", [2, 3]), "scales": ("F32", [3]), "zero_points": ("F32", [3])},
        ),
    ),
    "four bits": (
        "quantized",
        (
            "QU4",
            [3, 5],
            {"scheme": "per_tensor", "bits": 4, "order": "low-first"},
            {"values": ("U8", [8]), **ONE},
        ),
    ),
    "coordinates": ("sparse_coo", ("F32", [4, 5], {}, {"indices": ("I64", [1, 2]), "values": ("F32", [2, 5])})),
    "coordinates of pairs": (
        "sparse_coo",
        ("C128", [4], {"coalesced": True}, {"indices": ("I64", [1, 2]), "values": ("F64", [2, 2])}),
    ),
    "rows": ("sparse_csr", ("F32", [2, 3], {}, CSR)),
    "columns": ("sparse_csc", ("F32", [3, 2], {}, CSR)),
    "blocks": ("sparse_bsr", ("F32", [4, 3], {"blocksize": [2, 1]}, {**CSR, "values": ("F32", [2, 2, 1])})),
    "blocks of columns": ("sparse_bsc", ("F32", [3, 4], {"blocksize": [1, 2]}, {**CSR, "values": ("F32", [2, 1, 2])})),
    "packed": ("packed", ("I4", [5], {"bits": 4, "order": "high-first"}, {"values": ("U8", [3])})),
    "six bits": ("packed", ("F6_E2M3", [3], {"bits": 6, "order": "low-first"}, {"values": ("U8", [3])})),
    "wide": ("raw", ("F80", [2], {"byte_order": "big"}, {"values": ("U8", [2, 12])})),
    "small": ("raw", ("U2", [2], {"byte_order": "little"}, {"values": ("U8", [2, 1])})),
    "opaque": ("raw", ("BYTES", [2], {"byte_order": "unknown"}, {"values": ("U8", [2, 7])})),
    "text": ("strings", ("STR", [2], {"text": "utf-8", "width": 3}, {"bytes": ("U8", [6]), "offsets": ("I64", [3])})),
    "bytes": ("strings", ("BYTES", [], {"text": "none"}, {"bytes": ("U8", [0]), "offsets": ("I64", [2])})),
    "records": ("structured", ("STRUCT", [2], {"fields": [FIELD], "item_size": 8}, {"a": ("F32", [2])})),
}


def tensor(name: str, row: Row) -> Tensor:
    dtype, shape, params, parts = row
    arrays = {key: StoredArray("m", key, kind, tuple(sizes), "sha256:") for key, (kind, sizes) in parts.items()}
    return Tensor("model", "t", dtype, tuple(shape), "sha256:", None, arrays, name, params)


@pytest.mark.parametrize("kind", SOUND)
def test_what_is_sound(kind: str) -> None:
    assert encoding_fault(tensor(*SOUND[kind])) == ""


@pytest.mark.parametrize("kind", SOUND)
def test_every_part_is_needed_and_no_other(kind: str) -> None:
    """Without one of its parts, with one more, or with one of another dtype, shape, or number of axes."""
    name, (dtype, shape, params, parts) = SOUND[kind]
    assert encoding_fault(tensor(name, (dtype, shape, params, parts | {"more": ("U8", [1])})))
    for key, (stored, sizes) in parts.items():
        rest = {other: part for other, part in parts.items() if other != key}
        assert encoding_fault(tensor(name, (dtype, shape, params, rest)))
        wrong: list[tuple[str, list[int]]] = [("BF16", sizes), (stored, [1, *sizes])]
        wrong += [(stored, [*sizes[:-1], sizes[-1] + 17])]
        if (name, key) == ("strings", "bytes") or (name, dtype) == ("raw", "BYTES"):
            wrong.pop()  # as many as there are
        for part in wrong:
            assert encoding_fault(tensor(name, (dtype, shape, params, {**parts, key: part}))), (key, part)


@pytest.mark.parametrize("kind", SOUND)
def test_every_parameter_is_needed_and_no_other(kind: str) -> None:
    name, (dtype, shape, params, parts) = SOUND[kind]
    assert encoding_fault(tensor(name, (dtype, shape, params | {"more": 1}, parts)))
    for key, value in params.items():
        rest = {other: each for other, each in params.items() if other != key}
        optional = key in ("coalesced", "width")
        assert bool(encoding_fault(tensor(name, (dtype, shape, rest, parts)))) != optional
        for wrong in (None, "sideways", -1, 2.0, [], {}, [0, 1], [3, 3], [1], not value, 99, "unknown"):
            if wrong == value or (key, wrong) in (("coalesced", False), ("width", 99), ("item_size", 99)):
                continue
            assert encoding_fault(tensor(name, (dtype, shape, {**params, key: wrong}, parts))), (key, wrong)


@pytest.mark.parametrize("kind", SOUND)
def test_every_encoding_holds_its_dtypes_alone(kind: str) -> None:
    name, (dtype, shape, params, parts) = SOUND[kind]
    for other in ("F64", "C128", "QU8", "STR", "STRUCT", "F8_E3M4", "F4"):
        if other != dtype and (kind, other) not in (("packed", "F4"), ("small", "F4"), ("small", "F8_E3M4")):
            assert encoding_fault(tensor(name, (other, shape, params, parts))), other


@pytest.mark.parametrize("kind", SOUND)
def test_the_shape_follows_from_the_parts(kind: str) -> None:
    name, (dtype, shape, params, parts) = SOUND[kind]
    for other in ([*shape, 2], [7, *shape]):
        assert encoding_fault(tensor(name, (dtype, other, params, parts))), other


@pytest.mark.parametrize(
    ("dtype", "params"),
    [
        ("F128", {"byte_order": "unknown"}),
        ("F8_E3M4", {"byte_order": "big"}),
        ("U2", {"byte_order": "unknown"}),
    ],
)
def test_a_byte_order_that_nobody_could_undo(dtype: str, params: dict[str, Any]) -> None:
    width = 16 if dtype == "F128" else 1
    assert "byte_order" in encoding_fault(tensor("raw", (dtype, [2], params, {"values": ("U8", [2, width])})))


def test_what_fills_whole_bytes_needs_no_encoding() -> None:
    row: Row = ("F4", [4], {"bits": 4, "order": "low-first"}, {"values": ("U8", [2])})
    assert "needs no encoding" in encoding_fault(tensor("packed", row))


I64, I32, U8, F32 = "<i8", "<i4", "|u1", "<f4"
STORED = {I64: "I64", I32: "I32", U8: "U8", F32: "F32"}
TEXT = ("strings", "STR", [2], {"text": "utf-8", "width": 2})
BYTES = ("strings", "BYTES", [2], {"text": "none", "width": 2})
COO = ("sparse_coo", "F32", [2, 3], {"coalesced": True})
ANY = ("sparse_coo", "F32", [2, 3], {})
ROWS, COLUMNS = ("sparse_csr", "F32", [2, 3], {}), ("sparse_csc", "F32", [3, 2], {})
BLOCKS = ("sparse_bsr", "F32", [4, 3], {"blocksize": [2, 1]})
BATCH = ("sparse_csr", "F32", [2, 2, 3], {})


def strings(data: bytes, *offsets: int) -> dict[str, Any]:
    return {"bytes": np.frombuffer(data, U8), "offsets": np.array(offsets, I64)}


def coo(*columns: list[int]) -> dict[str, Any]:
    return {"indices": np.array(columns, I64).T.copy(), "values": np.ones(len(columns), F32)}


def lines(starts: Any, plain: Any, inner: tuple[int, ...] = ()) -> dict[str, Any]:
    return {
        "compressed": np.array(starts, I32),
        "plain": np.array(plain, I64),
        "values": np.ones((*np.shape(plain), *inner), F32),
    }


VALUES: list[tuple[Any, dict[str, Any], str]] = [
    (TEXT, strings("éüa".encode(), 0, 4, 5), ""),
    (TEXT, strings("éüa".encode(), 0, 5, 5), "more than 2 characters"),
    (TEXT, strings(b"abc", 0, 0, 3), "more than 2 characters"),
    (TEXT, strings("éa".encode(), 0, 1, 3), "within a character"),
    (TEXT, strings(b"\xff", 0, 1, 1), "not UTF-8"),
    (TEXT, strings(b"\xed\xa0\x80", 0, 3, 3), "not UTF-8"),
    (TEXT, strings("é".encode()[:1], 0, 0, 1), "not UTF-8"),
    (BYTES, strings(b"\xff\xffa", 0, 2, 3), ""),
    (BYTES, strings(b"abc", 0, 3, 3), "more than 2 bytes"),
    (BYTES, strings(b"abc", 1, 2, 3), "offsets must rise"),
    (BYTES, strings(b"abc", 0, 2, 2), "offsets must rise"),
    (BYTES, strings(b"abc", 0, 4, 3), "offsets must rise"),
    (BYTES, strings(b"abc", 0, -1, 3), "offsets must rise"),
    (COO, coo([0, 2], [1, 0]), ""),
    (COO, coo([0, 3]), "axis 1 lies outside of 3"),
    (COO, coo([-1, 0]), "axis 0 lies outside of 2"),
    (COO, coo([1, 0], [0, 2]), "do not rise"),
    (COO, coo([1, 1], [1, 1]), "do not rise"),
    (ANY, coo([1, 1], [1, 1], [0, 0]), ""),
    (ROWS, lines([0, 1, 2], [2, 0]), ""),
    (ROWS, lines([0, 2, 2], [2, 2]), ""),
    (ROWS, lines([0, 1, 2], [3, 0]), "outside of 3"),
    (ROWS, lines([0, 1, 2], [-1, 0]), "outside of 3"),
    (ROWS, lines([0, 3, 2], [1, 0]), "compressed must rise"),
    (ROWS, lines([1, 1, 2], [1, 0]), "compressed must rise"),
    (ROWS, lines([0, 1, 1], [1, 0]), "compressed must rise"),
    (COLUMNS, lines([0, 1, 2], [2, 0]), ""),
    (COLUMNS, lines([0, 1, 2], [3, 0]), "outside of 3"),
    (BLOCKS, lines([0, 1, 2], [2, 0], (2, 1)), ""),
    (BLOCKS, lines([0, 1, 2], [3, 0], (2, 1)), "outside of 3"),
    (BATCH, lines([[0, 1, 1], [0, 0, 1]], [[2], [0]]), ""),
    (BATCH, lines([[0, 1, 1], [0, 1, 0]], [[2], [0]]), "compressed must rise"),
]


def test_every_offset_and_index_leads_to_what_is_there(tmp_path: Path) -> None:
    """One checkpoint with all of them: those that are sound, and one finding for each that is not."""
    tensors = []
    for number, ((name, dtype, shape, params), arrays, _) in enumerate(VALUES):
        parts = {
            key: Part(STORED[array.dtype.str], array.shape, MemoryBytes(array.tobytes()))
            for key, array in arrays.items()
        }
        tensors.append(TensorSource("model", f"{number:02}", dtype, tuple(shape), parts, Encoding(name, params)))
    with Series.create_or_open(tmp_path / "s") as series:
        contents = Contents(Framework("numpy"), [Group("model", "model")], tensors)
        path = series.save(TrainingState(1, contents)).path
    found = {item.location.tensor: (item.code, item.message) for item in validate(path).errors}
    wanted = {f"{number:02}": fault for number, (_, _, fault) in enumerate(VALUES) if fault}
    assert found.keys() == wanted.keys()
    for key, (code, message) in found.items():
        assert code == "CKP4028"
        assert wanted[key] in message, key
