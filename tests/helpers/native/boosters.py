"""Small boosters of XGBoost of every kind, for its tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import xgboost

KINDS = ("binary", "multiclass", "dart", "linear", "categories", "vectors", "stopped")
_PARAMS: dict[str, dict[str, Any]] = {
    "binary": {"objective": "binary:logistic"},
    "multiclass": {"objective": "multi:softprob", "num_class": 3, "num_parallel_tree": 2},
    "dart": {"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.5},
    "linear": {"objective": "multi:softprob", "num_class": 3, "booster": "gblinear"},
    "categories": {"objective": "reg:squarederror", "max_cat_to_onehot": 1},
    "vectors": {"objective": "reg:squarederror", "multi_strategy": "multi_output_tree", "tree_method": "hist"},
    "stopped": {"objective": "binary:logistic", "eta": 1.0, "max_depth": 6},
}


def table(kind: str) -> xgboost.DMatrix:
    """Four hundred samples of six features; of the last, categories where they are asked for."""
    chance = np.random.default_rng(0)
    values = chance.normal(size=(400, 6))
    values[chance.random(values.shape) < 0.1] = np.nan
    values[:, 5] = chance.integers(0, 20, 400)
    first = np.nan_to_num(values[:, 0]) + chance.normal(size=400)
    target = {
        "multiclass": np.digitize(first, [-0.5, 0.5]),
        "linear": np.digitize(first, [-0.5, 0.5]),
        "categories": first + 5 * (values[:, 5] % 3),
        "vectors": np.stack([first, np.nan_to_num(values[:, 1])], 1),
    }.get(kind, first > 0.2)
    types = ["q"] * 5 + ["c"] if kind == "categories" else None
    names = [f"gene {index}" for index in range(6)]
    return xgboost.DMatrix(
        values, target, feature_names=names, feature_types=types, nthread=1, enable_categorical=types is not None
    )


def trained(kind: str) -> xgboost.Booster:
    """A booster of each kind, small."""
    data = table(kind)
    params = {"nthread": 1, "verbosity": 0, "max_depth": 3, "seed": 1, **_PARAMS[kind]}
    if kind != "stopped":
        return xgboost.train(params, data, 4)
    shown, held = data.slice(list(range(300))), data.slice(list(range(300, 400)))
    return xgboost.train(params, shown, 60, evals=[(held, "held")], early_stopping_rounds=3, verbose_eval=False)


def changed(booster: xgboost.Booster, change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The model as JSON after a change."""
    model = json.loads(booster.save_raw("json"))
    change(model)
    return json.dumps(model).encode()
