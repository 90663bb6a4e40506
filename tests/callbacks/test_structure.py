"""NumPy's arrays in the state of a training: of every dtype that has values, with ties, strictly restored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import candle_spec
from candle_spec.callbacks._states.structure import capture
from candle_spec.checkpoint.contents import Contents, Framework
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.series import Series
from candle_spec.validation import validate


def nothing(value: Any, location: str) -> None:
    """Recognise no tensor of a framework."""


def test_arrays_of_texts_dates_and_records_are_saved(tmp_path: Path) -> None:
    names = np.array(["TP53", "größe", ""])
    records = np.array([(b"ab", 1 / 3, [1, 2])], [("gene", "S3"), ("score", ">f8"), ("counts", "<i4", (2,))])
    state = {
        "model": {"w": np.arange(3.0), "names": names},
        "data": {
            "order": np.array([2, 0, 1], ">i4"),
            "genes": names,
            "days": np.array(["2026-01-02"], "M8[D]"),
            "keys": np.array([b"a", b"\xff"]),
            "records": records,
            "wide": np.arange(2, dtype=np.longdouble),
        },
    }
    captured = capture(state, nothing)
    with Series.create_or_open(tmp_path / "s") as series:
        contents = Contents(Framework("numpy"), captured.groups, captured.tensors, captured.state)
        path = series.save(TrainingState(1, contents)).path
    assert validate(path).errors == []
    back = candle_spec.load(path).state(framework="numpy")
    assert back.keys() == state.keys()
    for part, arrays in state.items():
        for name, array in arrays.items():
            found = back[part][name]
            assert (found.dtype.str, found.shape, found.tobytes()) == (array.dtype.str, array.shape, array.tobytes())
    assert back["model"]["names"] is back["data"]["genes"]
