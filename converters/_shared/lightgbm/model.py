"""The text of a LightGBM model as a booster: alone in a file, or as a pickle keeps it.

Nothing of the text is lost: it is the payload. ``version`` in the text is the version of its layout; the version of
the library does not stand in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from candle_spec.conversion.contract import Field, Group, Part, SideFile
from candle_spec.converters._shared.boosters import (
    Booster,
    Columns,
    Features,
    add_features,
    add_objective,
    add_output,
    as_json,
    file_name,
    group_id,
)
from candle_spec.converters._shared.lightgbm.text import Text, divide, whole
from candle_spec.converters._shared.lightgbm.trees import read_trees
from candle_spec.errors import CorruptFileError
from candle_spec.readers.protobuf import Window
from candle_spec.weights.sources import Bytes, total_size

_FAMILIES: Final = {"gbdt": "boosted trees", "dart": "boosted trees with dropout", "rf": "random forest"}
_FILES: Final = frozenset(
    """data valid config output_model input_model output_result machine_list_filename machines forcedsplits_filename
    forcedbins_filename parser_config_file initscore_filename valid_initscore_filename""".split()
)
"""Parameters that name files and machines of the training, which say nothing of the model."""


def lightgbm_booster(text: bytes | Window, location: str, *, key: str = "", stored: Bytes | None = None) -> Booster:
    """Read the text of a LightGBM model.

    Args:
        text: The text, in memory or as a window of a file that stays open meanwhile.
        location: The file and place in words, for errors.
        key: Tells several boosters of one checkpoint apart.
        stored: Where the text stands in a file; else the payload is kept in memory.

    Raises:
        CorruptFileError: The text breaks its own rules.
        TruncatedFileError: It is cut off.
        UnsupportedFormatError: It is of an unknown version.
        LimitExceededError: It is too large.
    """
    window = text if isinstance(text, Window) else Window(text, 0, len(text), location)
    parts = divide(window)
    names = _names(parts, location)
    group = group_id(key)
    columns = Columns(group)
    unknown = read_trees(parts, len(names), columns)
    _check_rounds(parts, location)
    payload = SideFile(file_name("payload", "model", key, ".txt"), stored or window.bytes(), "text/plain", "booster")
    booster = Booster("lightgbm", "", payload, [Group(group, "derived")], columns.tensors())
    booster.evidence.append(f"the text states version={parts.header.get('version', '(none)')}, that of its layout")
    _describe(booster, parts, names, key)
    _add_parts(booster, parts, unknown)
    return booster


def _names(text: Text, location: str) -> list[str]:
    """Return the features' names."""
    count = whole(text.header["max_feature_idx"], "max_feature_idx", location) + 1
    names = text.header["feature_names"].split(" ")
    for what, found in (("feature_names", len(names)), ("feature_infos", len(text.header["feature_infos"].split(" ")))):
        if found != count:
            raise CorruptFileError(f"{what} has {found} entries for {count} features", location=location)
    return names


def _check_rounds(text: Text, location: str) -> None:
    """Each round of boosting adds one tree for each output."""
    width = _per_round(text, location)
    if width < 1 or len(text.trees) % width:
        raise CorruptFileError(f"{len(text.trees)} trees are no whole rounds of {width}", location=location)


def _per_round(text: Text, location: str) -> int:
    stated = text.header.get("num_tree_per_iteration", text.header["num_class"])
    return whole(stated, "num_tree_per_iteration", location)


def _describe(booster: Booster, text: Text, names: list[str], key: str) -> None:
    """Add the fields."""
    header, location = text.header, text.window.location
    made_up = all(name == f"Column_{index}" for index, name in enumerate(names))
    features = Features(len(names), [] if made_up else names, "F64", _categories(text))
    add_features(booster, features, key, "feature_names")
    width = max(_per_round(text, location), whole(header["num_class"], "num_class", location))
    rounds = len(text.trees) // max(1, _per_round(text, location))
    description = (
        f"lightgbm.Booster(model_file=…).predict uses all {rounds} rounds of this text; with early stopping, LightGBM "
        "saves the rounds up to the best one unless told otherwise."
    )
    add_output(booster, "F64", width, description, "num_class, tree_sizes")
    add_objective(booster, header.get("objective", ""), "objective")
    kind = "rf" if "average_output" in header else text.parameters.get("boosting", "")
    booster.fields.append(
        Field("/model/architecture", f"LightGBM {kind if kind in _FAMILIES else 'booster'}", "file", "parameters")
    )
    booster.fields.append(
        Field("/model/architecture_family", _FAMILIES.get(kind, "boosted trees"), "inferred", "parameters: boosting")
    )
    booster.fields.append(Field("/training_state/step", rounds, "file", "rounds of boosting: trees in the text"))
    if text.parameters:
        kept = {name: value for name, value in text.parameters.items() if name not in _FILES and value}
        booster.fields.append(Field("/training/hyperparameters", as_json(_typed(kept)), "file", "parameters"))


def _categories(text: Text) -> dict[str, Any]:
    """Return the step that turns a data frame's categories into the numbers that the trees know."""
    if not text.pandas_categorical:
        return {}
    step = {
        "name": "pandas-categories-to-codes",
        "description": "Each column of the pandas type category becomes the position of its value in this list; "
        "a value that is not in it is missing. One list a column, in the order of the columns of that type.",
        "params": {"pandas_categorical": as_json(text.pandas_categorical)},
    }
    return {"preprocessing": [step]}


def _typed(parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return parameters with numbers as numbers; all others as the texts that they are."""
    typed: dict[str, Any] = {}
    for name, value in parameters.items():
        try:
            number = json.loads(value)
        except (ValueError, RecursionError):
            number = value
        typed[name] = number if isinstance(number, (int, float)) and not isinstance(number, bool) else value
    return typed


def _add_parts(booster: Booster, text: Text, unknown: list[str]) -> None:
    """Say what became of each part of the text."""
    size = total_size(booster.tensors)
    reason = "the trees' arrays, one after the other; the text beside them is the model"
    parts = [
        Part("model", "kept", "the text, verbatim", size=booster.payload.size),
        Part("trees", "transformed", reason, count=len(booster.tensors), size=size),
    ]
    if unknown:
        parts.append(Part("unknown", "residue", f"in the payload only: {', '.join(unknown[:5])[:200]}", len(unknown)))
    if text.parameters:
        parts.append(Part("parameters", "kept", "without those that name files and machines of the training"))
    else:
        parts.append(Part("parameters", "absent", "the text holds none"))
    parts.append(Part("optimizer", "absent", "a booster has none; boosting goes on from the payload (init_model)"))
    booster.parts[:0] = parts
