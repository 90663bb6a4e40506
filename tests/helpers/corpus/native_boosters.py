"""The trees of a booster as its own library gives them: the reference for conversions.

LightGBM goes through ``Booster.dump_model``, XGBoost through ``Booster.save_raw("json")``, so the library has read the
file and written something else before anything is compared.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

_MISSING = {"None": 0, "Zero": 1, "NaN": 2}
_XGBOOST = {
    "left_children": "i4",
    "right_children": "i4",
    "parents": "i4",
    "split_indices": "i4",
    "split_conditions": "f4",
    "default_left": "u1",
    "split_type": "u1",
    "loss_changes": "f4",
    "sum_hessian": "f4",
    "base_weights": "f4",
    "leaf_weights": "f4",
    "categories": "i4",
    "categories_nodes": "i4",
    "categories_segments": "i8",
    "categories_sizes": "i8",
}
_LIGHTGBM = {
    **dict.fromkeys(("split_feature", "left_child", "right_child", "internal_count", "leaf_count"), "i4"),
    **dict.fromkeys(("num_leaves", "num_cat"), "i4"),
    **dict.fromkeys(("split_gain", "threshold", "internal_value", "internal_weight"), "f8"),
    **dict.fromkeys(("leaf_value", "leaf_weight", "shrinkage"), "f8"),
    "decision_type": "i1",
}
_SHORT = ("split_gain", "internal_value", "internal_weight")
"""Written with six digits. LightGBM reads them to within their last bits, or as single precision: not as they stand."""


def expected(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the derived tensors of a booster by name; those that the library does not give are left out."""
    data = path.read_bytes()
    return lightgbm_trees(data.decode()) if data.startswith(b"tree\n") else xgboost_trees(data)


def xgboost_trees(data: bytes) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays of an XGBoost model of any form."""
    import xgboost

    booster = xgboost.Booster(model_file=bytearray(data))
    learner = json.loads(booster.save_raw("json"))["learner"]
    gradient = learner["gradient_booster"]
    params = learner["learner_model_param"]
    base = {"base_score": np.array(json.loads(f"[{params['base_score'].strip('[]')}]"), "f4")}
    if gradient["name"] == "gblinear":
        weights = np.array(gradient["model"]["weights"], "f4")
        return {**base, "weights": weights.reshape(int(params["num_feature"]) + 1, -1)}
    model = gradient.get("gbtree", gradient)["model"]
    trees = model["trees"]
    found = {
        name: np.concatenate([np.array(tree.get(name, []), dtype) for tree in trees])
        for name, dtype in _XGBOOST.items()
    }
    found = base | {name: array for name, array in found.items() if array.size}
    found["tree_offsets"] = np.cumsum([0, *(len(tree["parents"]) for tree in trees)], dtype="i8")
    found["tree_info"] = np.array(model["tree_info"], "i4")
    if "weight_drop" in gradient:
        found["weight_drop"] = np.array(gradient["weight_drop"], "f4")
    return found


def lightgbm_trees(text: str) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays of a LightGBM model that its dump has."""
    import lightgbm

    booster = lightgbm.Booster(model_str=text)
    rows: dict[str, list[Any]] = {}
    for tree in booster.dump_model(num_iteration=-1)["tree_info"]:
        for name, values in _tree(tree).items():
            rows.setdefault(name, []).append(values)
    found = {name: np.concatenate(parts).astype(_LIGHTGBM[name]) for name, parts in rows.items()}
    if not found["num_cat"].any():
        del found["num_cat"]
    return found


def _tree(tree: dict[str, Any]) -> dict[str, list[Any]]:
    splits: dict[int, dict[str, Any]] = {}
    leaves: dict[int, dict[str, Any]] = {}
    nodes = [tree["tree_structure"]]
    while nodes:
        node = nodes.pop()
        if "split_index" in node:
            splits[node["split_index"]] = node
            nodes += [node["left_child"], node["right_child"]]
        else:
            leaves[node.get("leaf_index", 0)] = node
    ordered = [splits[index] for index in range(len(splits))]
    ends = [leaves[index] for index in range(len(leaves))]
    found: dict[str, list[Any]] = {
        name: [split[name] for split in ordered]
        for name in ("split_feature", "split_gain", "internal_value", "internal_weight", "internal_count")
    }
    for name in _SHORT:
        found[name] = [float(f"{value:.6g}") for value in found[name]]
    for side in ("left_child", "right_child"):
        found[side] = [_reference(split[side]) for split in ordered]
    found["decision_type"] = [_decision(split) for split in ordered]
    # A split by categories has a set of them in the dump, and in the file the set's number.
    by_set = iter(range(len(ordered)))
    found["threshold"] = [
        float(next(by_set)) if split["decision_type"] == "==" else _infinite(split["threshold"]) for split in ordered
    ]
    found["leaf_value"] = [leaf["leaf_value"] for leaf in ends]
    if len(ends) > 1:
        found["leaf_weight"] = [leaf["leaf_weight"] for leaf in ends]
        found["leaf_count"] = [leaf["leaf_count"] for leaf in ends]
    else:
        found["leaf_weight"], found["leaf_count"] = [0.0], [ends[0].get("leaf_count", 0)]
    return {**found, "num_leaves": [tree["num_leaves"]], "num_cat": [tree["num_cat"]], "shrinkage": [tree["shrinkage"]]}


def _infinite(value: float) -> float:
    """JSON has no infinity, so the dump has 1e300 for it."""
    return float("inf") if value == 1e300 else value


def _reference(child: dict[str, Any]) -> int:
    return int(child["split_index"]) if "split_index" in child else -int(child.get("leaf_index", 0)) - 1


def _decision(split: dict[str, Any]) -> int:
    categorical = split["decision_type"] == "=="
    return int(categorical) | 2 * bool(split["default_left"]) | _MISSING[split["missing_type"]] << 2
