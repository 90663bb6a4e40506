"""A model of XGBoost as a booster: alone in a file, or as a pickle keeps it.

A pickle keeps a *snapshot*: the model and what training was set to. The snapshot is the payload, for
``Booster.__setstate__`` (``Booster(model_file=…)`` does not take it); the model alone, as it stands in the snapshot,
is a second payload file, which ``Booster(model_file=…)`` and every other reader of XGBoost's models take. Snapshots
of XGBoost before 1.6 are JSON, and later versions take only the model in them.
"""

from __future__ import annotations

import json
import re
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
    finite,
    group_id,
)
from candle_spec.converters._shared.documents import mapping
from candle_spec.converters._shared.xgboost.categories import categories_of
from candle_spec.converters._shared.xgboost.document import Buffer, Document, array, integer, member, read_document
from candle_spec.converters._shared.xgboost.trees import read_forest
from candle_spec.errors import CorruptFileError, UnsupportedFormatError
from candle_spec.weights.sources import Bytes, total_size

_MEDIA: Final = {"json": "application/json", "ubj": "application/ubjson"}
_FAMILIES: Final = {"gbtree": "boosted trees", "dart": "boosted trees with dropout", "gblinear": "linear"}
_SNAPSHOT: Final = {
    "ubj": "as pickles keep it: xgboost.Booster().__setstate__({'handle': bytearray(…)}) takes it, with what training "
    "was set to; Booster(model_file=…) does not",
    "json": "as pickles of XGBoost before 1.6 keep it, which later versions do not take; they take the model alone",
}


def xgboost_booster(data: Buffer, location: str, *, key: str = "", stored: Bytes | None = None) -> Booster:
    """Read a model of XGBoost: JSON, UBJSON, or a snapshot (the ``handle`` of a pickled booster).

    Args:
        data: The document.
        location: The file and place in words, for errors.
        key: Tells several boosters of one checkpoint apart.
        stored: Where the document stands in a file; else the payload is kept in memory.

    Raises:
        CorruptFileError: The document breaks its own rules.
        TruncatedFileError: It is cut off.
        UnsupportedFormatError: It is of the old binary format, or of a kind of booster that is not known.
        LimitExceededError: It is too large or too deep.
    """
    document = read_document(data, location)
    model = document.model
    learner = member(model, "learner", location)
    group = group_id(key)
    columns = Columns(group)
    facts = _Facts(learner, location)
    unknown = facts.read(columns)
    payload = _payload(document, data, key, stored)
    booster = Booster("xgboost", _version(model), payload, [Group(group, "derived")], columns.tensors())
    if document.model_span is not None:
        start, end = document.model_span
        path = file_name("payload", "model", key, f".{document.form}")
        booster.also = [SideFile(path, bytes(data[start:end]), _MEDIA[document.form], "model")]
    _describe(booster, facts, document, key)
    _add_parts(booster, document, unknown, facts)
    return booster


def _payload(document: Document, data: Buffer, key: str, stored: Bytes | None) -> SideFile:
    stem, role = ("model", "booster") if document.config is None else ("snapshot", "snapshot")
    path = file_name("payload", stem, key, f".{document.form}")
    return SideFile(path, stored or bytes(data), _MEDIA[document.form], role)


def _version(model: Mapping[str, Any]) -> str:
    """Return the version of XGBoost that wrote the model; one that wrote none is of before 1.0."""
    stated = model.get("version")
    if not isinstance(stated, list) or not stated or any(type(part) is not int or part < 0 for part in stated[:3]):
        return ""
    return ".".join(str(part) for part in stated[:3])[:60]


class _Facts:
    """What a learner says."""

    def __init__(self, learner: Mapping[str, Any], location: str) -> None:
        self._location = location
        self.learner = learner
        self.params = member(learner, "learner_model_param", location)
        self.features = integer(self.params.get("num_feature"), "num_feature", location)
        stated = integer(self.params.get("num_class", "0"), "num_class", location)
        self.outputs = max(1, stated, integer(self.params.get("num_target", "1"), "num_target", location))
        self.gradient = member(learner, "gradient_booster", location)
        self.kind = str(self.gradient.get("name"))
        self.attributes = {str(k): str(v) for k, v in mapping(learner.get("attributes")).items()}
        self.names = self._texts("feature_names")
        self.types = self._texts("feature_types")
        self.rounds = 0
        self.categories: dict[str, list[Any]] = {}

    def read(self, columns: Columns) -> list[str]:
        """Add the arrays of the booster; return names of members that are not understood."""
        self._base_score(columns)
        if "model" not in self.gradient and "model" not in mapping(self.gradient.get("gbtree")):
            self._refuse_settings()
        if self.kind == "gblinear":
            return self._linear(columns)
        if self.kind not in _FAMILIES:
            raise UnsupportedFormatError(
                f"a booster of the kind {self.kind[:80]!r}", location=self._location, hint="please report the file"
            )
        owner = member(self.gradient, "gbtree", self._location) if self.kind == "dart" else self.gradient
        model = member(owner, "model", self._location)
        unknown = read_forest(model, self.features, columns, self._location)
        trees = len(columns.last("tree_info"))
        self.rounds = self._rounds(model, columns, trees)
        if self.kind == "dart":
            dropped = array(self.gradient.get("weight_drop"), "float32", "weight_drop", self._location)
            if len(dropped) != trees:
                message = f"weight_drop has {len(dropped)} numbers for {trees} trees"
                raise CorruptFileError(message, location=self._location)
            finite(dropped, "weight_drop", self._location)
            columns.add("weight_drop", dropped)
        known = {"trees", "tree_info", "iteration_indptr", "gbtree_model_param", "cats"}
        unknown += sorted(str(name) for name in model.keys() - known)
        categories = categories_of(model, self.names, self._location)
        self.categories = categories or {}
        return unknown if categories is not None else [*unknown, "cats"]

    def _base_score(self, columns: Columns) -> None:
        """Add what every prediction starts from: one number, since XGBoost 3.1 one for each output in brackets."""
        text = str(self.params.get("base_score", "")).strip("[]")
        if not text:
            return
        try:
            numbers = [float(word) for word in text.split(",")]
        except ValueError:
            numbers = []
        if len(numbers) not in (1, self.outputs):
            message = f"base_score is {text[:80]!r}, not one number for each of {self.outputs} outputs"
            raise CorruptFileError(message, location=self._location)
        columns.add("base_score", array(numbers, "float32", "base_score", self._location))
        finite(columns.last("base_score"), "base_score", self._location)

    def _refuse_settings(self) -> None:
        """Refuse what training was set to, which looks as a model does and holds none."""
        if "learner_train_param" in self.learner and "generic_param" in self.learner:
            raise UnsupportedFormatError(
                "these are the settings of an XGBoost model (save_config), not the model",
                location=self._location,
                hint="write the model itself: booster.save_model('model.ubj')",
            )

    def _linear(self, columns: Columns) -> list[str]:
        """One row for each feature and one for the bias, one column for each output."""
        model = member(self.gradient, "model", self._location)
        weights = array(model.get("weights"), "float32", "weights", self._location)
        if len(weights) != (self.features + 1) * self.outputs:
            message = f"weights has {len(weights)} numbers for {self.features} features and {self.outputs} outputs"
            raise CorruptFileError(message, location=self._location)
        finite(weights, "weights", self._location)
        columns.add("weights", weights.reshape(self.features + 1, self.outputs))
        self.rounds = integer(model.get("boosted_rounds", 0), "boosted_rounds", self._location)
        return sorted(str(name) for name in model.keys() - {"weights", "boosted_rounds", "param"})

    def _rounds(self, model: Mapping[str, Any], columns: Columns, trees: int) -> int:
        if "iteration_indptr" in columns:
            return len(columns.last("iteration_indptr")) - 1
        params = member(model, "gbtree_model_param", self._location)
        parallel = max(1, integer(params.get("num_parallel_tree", "1"), "num_parallel_tree", self._location))
        return trees // (parallel * self.outputs)

    def _texts(self, name: str) -> list[str]:
        """Return one text for each feature, or none at all."""
        found = self.learner.get(name, [])
        if not isinstance(found, list) or any(not isinstance(text, str) for text in found):
            raise CorruptFileError(f"{name} is no list of texts", location=self._location)
        if found and len(found) != self.features:
            message = f"{name} has {len(found)} entries for {self.features} features"
            raise CorruptFileError(message, location=self._location)
        return found

    @property
    def best(self) -> int | None:
        """The best round, counted from 0, where training was stopped early."""
        stated = self.attributes.get("best_iteration", "")
        return int(stated) if re.fullmatch(r"[0-9]{1,9}", stated) else None


def _describe(booster: Booster, facts: _Facts, document: Document, key: str) -> None:
    """Add the fields."""
    more: dict[str, Any] = {}
    if set(facts.types) & {"c", "i", "int"}:
        step = {"name": "feature-types", "description": "q is a number, i a whole one, c a category's code."}
        more["preprocessing"] = [{**step, "params": {"feature_types": as_json(facts.types)}}]
    if facts.categories:
        about = "The position of a value in this list is its code in the trees; the booster recodes data frames itself."
        step = {"name": "categories-to-codes", "description": about}
        more.setdefault("preprocessing", []).append({**step, "params": {"categories": facts.categories}})
    add_features(booster, Features(facts.features, facts.names, "F32", more), key, "learner: feature_names")
    add_output(booster, "F32", facts.outputs, _how_to_predict(facts), "learner: attributes, learner_model_param")
    objective = mapping(facts.learner.get("objective"))
    add_objective(booster, str(objective.get("name", "")), "learner: objective")
    fields = booster.fields
    fields.append(Field("/model/architecture", f"XGBoost {facts.kind}", "file", "learner: gradient_booster"))
    fields.append(
        Field("/model/architecture_family", _FAMILIES[facts.kind], "inferred", "learner: gradient_booster: name")
    )
    fields.append(Field("/training_state/step", facts.rounds, "file", "rounds of boosting"))
    fields.append(Field("/training/hyperparameters", _hyperparameters(facts, document), "file", "learner, Config"))
    if booster.version:
        booster.evidence.append(f"the model states version {booster.version}")


def _how_to_predict(facts: _Facts) -> str:
    text = f"Booster.predict uses all {facts.rounds} rounds"
    if facts.best is None:
        return f"{text}."
    end = facts.best + 1
    if end >= facts.rounds:
        return f"{text}; training was stopped early, and the best round is the last one."
    return (
        f"{text}. Training was stopped early: the best round is {facts.best} (counted from 0), and "
        f"XGBClassifier and XGBRegressor use rounds 0 to {facts.best} only; "
        f"Booster.predict(data, iteration_range=(0, {end})) gives the same."
    )


def _hyperparameters(facts: _Facts, document: Document) -> dict[str, Any]:
    """Return what was set: the model's own parameters, and in a snapshot all of training's."""
    kept: dict[str, Any] = {"learner_model_param": facts.params, "objective": facts.learner.get("objective")}
    owner = mapping(facts.gradient.get("gbtree", facts.gradient))
    trees = mapping(mapping(owner.get("model")).get("gbtree_model_param"))
    if trees:
        kept["gbtree_model_param"] = trees
    if facts.attributes:
        kept["attributes"] = {name: _attribute(value) for name, value in facts.attributes.items()}
    if document.config is not None:
        config = mapping(document.config.get("learner"))
        kept |= {name: value for name, value in config.items() if name not in kept}
    return {name: as_json(value) for name, value in kept.items() if value}


def _attribute(value: str) -> Any:
    """Return an attribute; scikit-learn's wrapper writes JSON into one."""
    if not value.startswith("{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _add_parts(booster: Booster, document: Document, unknown: list[str], facts: _Facts) -> None:
    """Say what became of each part of the model."""
    size = total_size(booster.tensors)
    parts = [Part("model", "kept", "the document, verbatim", size=booster.payload.size)]
    if document.config is not None:
        parts = [
            Part("snapshot", "kept", _SNAPSHOT[document.form], size=booster.payload.size),
            Part("model", "kept", "as it stands in the snapshot", size=booster.also[0].size),
        ]
    what = "weights" if facts.kind == "gblinear" else "trees"
    reason = "the model's arrays, one after the other; the payload beside them is the model"
    parts.append(Part(what, "transformed", reason, count=len(booster.tensors), size=size))
    if unknown:
        parts.append(Part("unknown", "residue", f"in the payload only: {', '.join(unknown[:5])[:200]}", len(unknown)))
    reason = "a booster has none; boosting goes on from the payload (xgb_model)"
    parts.append(Part("optimizer", "absent", reason))
    booster.parts[:0] = parts
