"""What was stored comes back in the dtype that it had."""

from __future__ import annotations

import numpy as np
import pytest

from candle_spec.errors import CorruptFileError
from candle_spec.weights.native_dtype import as_native, native_dtype


@pytest.mark.parametrize("dtype", ["<f8", "|u1", "|b1", "<c16", "<i2"])
def test_plain_numbers_need_no_word(dtype: str) -> None:
    assert native_dtype(np.dtype(dtype)) == {}


@pytest.mark.parametrize(
    ("stored", "native"),
    [
        (np.arange(3, dtype="<f8"), np.arange(3, dtype=">f8")),
        (np.arange(3, dtype="<i2"), np.arange(3, dtype=">i2")),
        (np.array(["a", "bcd"], object), np.array(["a", "bcd"], "<U5")),
        (np.array([b"a", b"bc"], object), np.array([b"a", b"bc"], "|S3")),
        (np.array([18262, 7], "<i8"), np.array([18262, 7], "<i8").view("<M8[D]")),
        (np.array([1, 2], "<i8"), np.array([1, 2], "<i8").view("<m8[s]").astype(">m8[s]")),
    ],
)
def test_it_comes_back(stored: np.ndarray, native: np.ndarray) -> None:
    found = as_native(stored, native_dtype(native.dtype))
    assert found.dtype.str == native.dtype.str
    assert found.tobytes() == native.tobytes()


WRONG = ["O", ">f4", "|V8", "nonsense", "<M8[D]", "<U3", "f8,f8", "(1e9,)f8", "\udc80", "|S99999999999"]


@pytest.mark.parametrize("stated", WRONG)
def test_a_dtype_that_it_cannot_have_had(stated: str) -> None:
    with pytest.raises(CorruptFileError):
        as_native(np.arange(3.0), {"numpy_dtype": stated})
