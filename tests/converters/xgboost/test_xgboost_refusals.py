"""What is refused of XGBoost's models: contradictions, cut-off documents, bombs, and the old binary format."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xgboost

from candle_spec import limits
from candle_spec.conversion.native import read_native
from candle_spec.conversion.source import resolve_source
from candle_spec.converters._shared.xgboost.model import xgboost_booster
from candle_spec.converters.xgboost import CONVERTER
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    LimitExceededError,
    TruncatedFileError,
    UnsupportedFormatError,
)
from tests.helpers.native.boosters import changed, trained

FORMS = ("json", "ubj")


@pytest.fixture(scope="module")
def boosters() -> dict[str, xgboost.Booster]:
    return {kind: trained(kind) for kind in ("binary", "dart", "linear", "categories", "vectors")}


def _tree(model: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = model["learner"]["gradient_booster"]["model"]["trees"][0]
    return tree


def _booster(model: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = model["learner"]["gradient_booster"]["model"]
    return found


def _put(name: str, value: Any, index: int = 0) -> Callable[[dict[str, Any]], None]:
    return lambda model: _tree(model)[name].__setitem__(index, value)


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], Any], type[CandleSpecError], str]] = {
    "one node too few": (lambda m: _tree(m)["split_conditions"].pop(), CorruptFileError, "split_conditions has"),
    "one child too many": (lambda m: _tree(m)["left_children"].append(0), CorruptFileError, "left_children has"),
    "more nodes stated": (
        lambda m: _tree(m)["tree_param"].update(num_nodes="2000000000"),
        CorruptFileError,
        "for 2000000000 nodes",
    ),
    "nodes that are no number": (
        lambda m: _tree(m)["tree_param"].update(num_nodes="1e3"),
        CorruptFileError,
        "num_nodes is '1e3'",
    ),
    "a child beyond": (_put("left_children", 99), CorruptFileError, "a child"),
    "a negative child": (_put("right_children", -1), CorruptFileError, "a child"),
    "a feature beyond": (_put("split_indices", 6), CorruptFileError, "a feature"),
    "a direction that is none": (_put("default_left", 2), CorruptFileError, "neither 0 nor 1"),
    "a number beyond a byte": (_put("default_left", 257), CorruptFileError, "out of range"),
    "a child that is not whole": (_put("left_children", 1.5), CorruptFileError, "not whole"),
    "a child beyond 32 bits": (_put("left_children", 2**40), CorruptFileError, "out of range"),
    "a child beyond 64 bits": (_put("left_children", 2**70), CorruptFileError, "not whole"),
    "a word": (_put("split_conditions", "much"), CorruptFileError, "no number"),
    "a condition that is none": (_put("split_conditions", float("nan")), CorruptFileError, "NaN"),
    "a condition beyond single precision": (_put("split_conditions", 1e300), CorruptFileError, "out of range"),
    "an array that is none": (lambda m: _tree(m).update(parents={}), CorruptFileError, "parents is no array"),
    "an array left out": (lambda m: _tree(m).pop("split_indices"), CorruptFileError, "split_indices is no array"),
    "weights of half a node": (lambda m: _tree(m)["base_weights"].pop(), CorruptFileError, "base_weights"),
    "another order": (lambda m: _tree(m).update(id=3), CorruptFileError, "their order"),
    "a tree missing": (lambda m: _booster(m)["trees"].pop(), CorruptFileError, "num_trees says 4"),
    "no trees": (lambda m: _booster(m).pop("trees"), CorruptFileError, "no list of trees"),
    "trees that are none": (lambda m: _booster(m).update(trees=[1, 2, 3, 4]), CorruptFileError, "no list of trees"),
    "an output missing": (lambda m: _booster(m)["tree_info"].pop(), CorruptFileError, "tree_info has 3"),
    "rounds beyond the trees": (
        lambda m: _booster(m)["iteration_indptr"].__setitem__(-1, 9),
        CorruptFileError,
        "iteration_indptr",
    ),
    "a name missing": (lambda m: m["learner"]["feature_names"].pop(), CorruptFileError, "5 entries for 6"),
    "a name that is none": (lambda m: m["learner"].update(feature_names=[1]), CorruptFileError, "no list of texts"),
    "an unknown booster": (
        lambda m: m["learner"]["gradient_booster"].update(name="gbforest"),
        UnsupportedFormatError,
        "gbforest",
    ),
    "no booster": (lambda m: m["learner"].pop("gradient_booster"), CorruptFileError, "'gradient_booster'"),
    "no learner": (lambda m: m.pop("learner"), CorruptFileError, "'learner'"),
    "no features": (lambda m: m["learner"]["learner_model_param"].pop("num_feature"), CorruptFileError, "num_feature"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_contradictions_are_refused(what: str, boosters: dict[str, xgboost.Booster]) -> None:
    change, error, words = HOSTILE[what]
    with pytest.raises(error, match=words):
        xgboost_booster(changed(boosters["binary"], change), "model.json")


def test_contradictions_of_the_other_kinds_are_refused(boosters: dict[str, xgboost.Booster]) -> None:
    cases: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
        ("dart", lambda m: m["learner"]["gradient_booster"]["weight_drop"].pop(), "weight_drop has 3"),
        ("dart", lambda m: m["learner"]["gradient_booster"].pop("gbtree"), "'gbtree'"),
        ("linear", lambda m: _booster(m)["weights"].pop(), "weights has 20"),
        ("linear", lambda m: _booster(m)["weights"].__setitem__(0, float("nan")), "NaN"),
        ("vectors", lambda m: _tree(m)["leaf_weights"].pop(), "leaf_weights are not 2"),
        ("vectors", lambda m: _tree(m)["leaf_weights"].__setitem__(0, float("nan")), "NaN"),
        ("categories", lambda m: _tree(m)["categories_sizes"].__setitem__(0, 10**6), "not in the list"),
        ("categories", lambda m: _tree(m)["categories_segments"].__setitem__(0, -1), "not in the list"),
        ("categories", lambda m: _tree(m)["categories_nodes"].__setitem__(0, 10**6), "a node that the tree has not"),
        ("categories", lambda m: _tree(m)["categories_sizes"].pop(), "not as many"),
    ]
    for kind, change, words in cases:
        with pytest.raises(CorruptFileError, match=words):
            xgboost_booster(changed(boosters[kind], change), "model.json")


@pytest.mark.parametrize("offsets", [[], [0, 9], [0, 4, 2, 3], [1, 3], [0, 2**62, 3]])
def test_categories_that_are_not_there_are_refused(offsets: list[int], boosters: dict[str, xgboost.Booster]) -> None:
    cats = {"enc": [{"offsets": offsets, "values": [97, 98, 99]}]}
    with pytest.raises(CorruptFileError, match="not where the offsets say"):
        xgboost_booster(changed(boosters["binary"], lambda m: _booster(m).update(cats=cats)), "x")


def test_leaves_of_vectors_may_be_filled_with_anything(boosters: dict[str, xgboost.Booster]) -> None:
    """Their split conditions say nothing: XGBoost itself has left NaN there."""

    def change(model: dict[str, Any]) -> None:
        tree = _tree(model)
        tree["split_conditions"][tree["left_children"].index(-1)] = float("nan")

    assert xgboost_booster(changed(boosters["vectors"], change), "x").tensors


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("share", range(1, 16))
def test_a_model_that_was_cut_off_is_refused(share: int, form: str, boosters: dict[str, xgboost.Booster]) -> None:
    data = bytes(boosters["binary"].save_raw(form))
    with pytest.raises(TruncatedFileError):
        xgboost_booster(data[: len(data) * share // 16], "x")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b'{"learner": ' + b"[" * 100_000, LimitExceededError),
        (b'{"learner": 1, "learner": 2}', CorruptFileError),
        (b'{"learner": \xff}', CorruptFileError),
        (b'{"learner": ' + b"9" * 5000 + b"}", CorruptFileError),
        (b'{"learner": {}} x', CorruptFileError),
        (b"[]", CorruptFileError),
        (b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff", LimitExceededError),
    ],
)
def test_documents_that_are_none(data: bytes, error: type[CandleSpecError]) -> None:
    with pytest.raises(error):
        xgboost_booster(data, "x")


def old_binary(mark: bytes = b"") -> bytes:
    """The beginning of the format before 1.6: parameters, then names with their lengths."""
    name = b"binary:logistic"
    return mark + struct.pack("<fIi", 0.5, 6, 0) + bytes(124) + struct.pack("<Q", len(name)) + name + bytes(99)


@pytest.mark.parametrize("data", [old_binary(), old_binary(b"binf"), b"CONFIG-offset:" + bytes(64)])
def test_the_old_binary_format_is_named(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "old.model"
    path.write_bytes(data)
    detection = CONVERTER.detect(resolve_source(path))
    assert detection is not None
    assert "old binary" in detection.title
    with pytest.raises(UnsupportedFormatError, match="old binary format"):
        read_native(path)


def test_bounds(boosters: dict[str, xgboost.Booster], monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(boosters["binary"].save_raw("json"))
    monkeypatch.setattr(limits, "JSON_BYTES", 100)
    with pytest.raises(LimitExceededError, match="JSON of"):
        xgboost_booster(data, "x")
    monkeypatch.setattr(limits, "BOOSTER_BYTES", 100)
    with pytest.raises(LimitExceededError, match="a model of"):
        xgboost_booster(data, "x")


def test_json_that_is_no_model_is_left_alone(tmp_path: Path) -> None:
    for number, text in enumerate(('{"learner": "me"}', '{"version": 1}', '{"class_name": "Sequential"}', "[]")):
        path = tmp_path / f"{number}.json"
        path.write_text(text)
        assert CONVERTER.detect(resolve_source(path)) is None
