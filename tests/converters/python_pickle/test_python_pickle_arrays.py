"""Arrays of every dtype in a pickle: the arrays that they were, and the very pickle."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.convert import convert
from candle_spec.conversion.restore import restore
from candle_spec.validation import validate
from tests.helpers.arrays import ARRAYS, same


@pytest.mark.parametrize("protocol", [2, 5])
def test_arrays_of_every_dtype_come_back(protocol: int, tmp_path: Path) -> None:
    """In their dtype, with byte order, sizes of texts and fields; and the pickle, too."""
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(dict(ARRAYS), protocol=protocol))
    made = convert(tmp_path / "m.pkl", tmp_path / "m.candle")
    assert validate(made.path).errors == []
    found = Checkpoint(made.path).state_dict(framework="numpy")
    for name, array in ARRAYS.items():
        assert same(found[name], array), name
    (back,) = restore(made.path, tmp_path / "back.pkl")
    assert back.path.read_bytes() == (tmp_path / "m.pkl").read_bytes()
