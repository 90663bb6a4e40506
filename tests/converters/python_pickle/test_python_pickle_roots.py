"""Where the names of a model begin in a plain pickle: whatever dictionaries are around it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

import candle_spec
from candle_spec.weights.native_places import is_place

X = np.arange(12.0).reshape(6, 2)


def model() -> LinearRegression:
    return LinearRegression().fit(X, X[:, 0])


def layers() -> dict[str, Any]:
    return {"fc.weight": np.ones((2, 3)), "fc.bias": np.zeros(2)}


CASES: dict[str, tuple[dict[str, str], str, Callable[[], Any]]] = {
    "settings beside": (
        {"model": "/model/state_dict"},
        "fc.weight",
        lambda: {"model": {"args": {"a": 1}, "state_dict": layers()}},
    ),
    "an estimator": ({"model": "/model/clf"}, "coef_", lambda: {"model": {"clf": model(), "genes": ["TP53", "KRAS"]}}),
    "a list": ({"model": "/models/0"}, "coef_", lambda: {"models": [model()], "version": 2}),
    "the root is a list": ({"model": "/0"}, "coef_", lambda: [model(), {"threshold": 0.5}]),
    "three levels": ({"model": "/a/b/c"}, "fc.weight", lambda: {"a": {"b": {"c": layers(), "n": 3}}}),
    "a scaler beside": (
        {"model": "/fold/clf", "artifact": "/fold/prepare"},
        "coef_",
        lambda: {"fold": {"clf": model(), "prepare": StandardScaler().fit(X)}},
    ),
    "an average beside": (
        {"model": "/model", "ema": "/ema/shadow"},
        "fc.weight",
        lambda: {"model": layers(), "ema": {"decay": 0.9, "shadow": {k: v + 1 for k, v in layers().items()}}},
    ),
    "an ensemble": ({"model": "/models"}, "0.coef_", lambda: {"models": [model(), LinearRegression().fit(X, X[:, 1])]}),
}


@pytest.mark.parametrize("case", CASES)
def test_names_begin_at_the_model(case: str, tmp_path: Path) -> None:
    wanted, name, native = CASES[case]
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(native()))
    made = candle_spec.convert(tmp_path / "m.pkl", tmp_path / "m.candle")
    groups = made.document["weights"]["groups"]
    assert {group["id"]: group["root"] for group in groups if group["kind"] != "other"} == wanted
    assert all(is_place(made.state_tree, group["root"]) for group in groups)
    assert name in made.state_dict(framework="numpy")
    assert candle_spec.validate(made.path).errors == []


def test_settings_beside_a_deeper_model_are_read(tmp_path: Path) -> None:
    native = {"fold": {"clf": model(), "params": {"alpha": 0.5}, "epoch": 4}}
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(native))
    made = candle_spec.convert(tmp_path / "m.pkl", tmp_path / "m.candle")
    assert made.document["training_state"]["epoch"] == 4
    assert made.document["training"]["hyperparameters"]["alpha"] == 0.5
