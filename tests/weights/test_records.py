"""What the fields of records may be, and what describes none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from candle_spec.errors import CorruptFileError
from candle_spec.weights.records import described, record_dtype, records

BAD_FIELDS: dict[str, Any] = {
    "no list": {},
    "none": [],
    "no object": [3],
    "a member too few": [{"name": "a", "offset": 0}],
    "a member too many": [{"name": "a", "dtype": "<f4", "offset": 0, "size": 4}],
    "beyond its record": [{"name": "a", "dtype": "<f4", "offset": 5}],
    "before its record": [{"name": "a", "dtype": "<f4", "offset": -1}],
    "no offset": [{"name": "a", "dtype": "<f4", "offset": True}],
    "no name": [{"name": "", "dtype": "<f4", "offset": 0}],
    "a name twice": [{"name": "a", "dtype": "|u1", "offset": 0}, {"name": "a", "dtype": "|u1", "offset": 1}],
    "a title of a number": [{"name": "a", "dtype": "|u1", "offset": 0, "title": 3}],
    "no size": [{"name": "a", "dtype": "<f4", "offset": 0, "shape": [1.0]}],
    "a size below 0": [{"name": "a", "dtype": "<f4", "offset": 0, "shape": [-1]}],
    "far too large": [{"name": "a", "dtype": "<f4", "offset": 0, "shape": [1 << 40]}],
    "a number with fields": [
        {"name": "a", "dtype": "<f4", "offset": 0, "fields": [{"name": "b", "dtype": "|u1", "offset": 0}]}
    ],
    "a number that is no wide float": [{"name": "a", "dtype": "<f4", "offset": 0, "float": "F80"}],
    "another wide float": [{"name": "a", "dtype": "<f2", "offset": 0, "float": "F128"}],
}
BAD_TEXTS = ["", "O", "|O", "f4", "=f4", "|f4", "<f3", "<i16", "<b1", "<S2", "|U2", "<M8[", "<M8[x]", "float32", "F32"]
BAD_TEXTS += ["bfloat16", "STR", "C32", "QI8", "<f4,<f4", "(2,)f4", "('>i2', (2,))", "('<i2', (2))", "('O', (2,))", "T"]


@pytest.mark.parametrize("kind", BAD_FIELDS)
def test_fields_that_describe_no_record(kind: str) -> None:
    with pytest.raises(CorruptFileError, match="describe no records"):
        record_dtype({"fields": BAD_FIELDS[kind], "item_size": 8})


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_texts_that_are_no_dtype(text: str) -> None:
    with pytest.raises(CorruptFileError, match="describe no records"):
        record_dtype({"fields": [{"name": "a", "dtype": text, "offset": 0}], "item_size": 64})


def test_fields_within_fields_have_a_bound() -> None:
    fields_: list[Any] = [{"name": "a", "dtype": "|u1", "offset": 0}]
    for _ in range(20):
        fields_ = [{"name": "a", "dtype": "|V1", "offset": 0, "fields": fields_}]
    with pytest.raises(CorruptFileError, match="describe no records"):
        record_dtype({"fields": fields_, "item_size": 1})


def test_a_wide_float_that_nobody_names_is_bytes() -> None:
    row = {"name": "a", "dtype": "<f12", "offset": 0}
    assert record_dtype({"fields": [row], "item_size": 12})["a"] == np.dtype("V12")
    (named,) = described(np.dtype([("a", np.longdouble)]))["fields"]
    assert named.get("float") == {63: "F80", 112: "F128"}.get(np.finfo(np.longdouble).nmant)


def test_a_part_of_another_dtype_is_no_field() -> None:
    about = {"fields": [{"name": "a", "dtype": "<f4", "offset": 0}], "item_size": 4}
    with pytest.raises(ValueError, match="the part"):
        records((2,), about, {"a": np.zeros(2)})
