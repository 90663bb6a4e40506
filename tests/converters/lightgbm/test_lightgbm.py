"""LightGBM's texts: the same trees as the library has, the same predictions from the payload, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest

import candle_spec
from candle_spec import limits
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.convert import convert
from candle_spec.conversion.native import read_native
from candle_spec.converters._shared import boosters
from candle_spec.converters._shared.lightgbm.model import lightgbm_booster
from candle_spec.converters._shared.lightgbm.trees import ARRAYS
from candle_spec.converters.lightgbm import CONVERTER
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    LimitExceededError,
    TruncatedFileError,
    UnsupportedFormatError,
)
from candle_spec.readers.protobuf import Window
from candle_spec.testing import ConverterContract
from candle_spec.weights.dtypes import from_numpy_name
from tests.helpers.corpus.native_boosters import expected, lightgbm_trees

KINDS = ("binary", "multiclass", "categorical", "linear", "rf", "dart", "constant")
_PARAMS: dict[str, dict[str, Any]] = {
    "binary": {"objective": "binary"},
    "multiclass": {"objective": "multiclass", "num_class": 3},
    "categorical": {"objective": "regression", "max_cat_to_onehot": 1, "min_data_per_group": 5, "cat_smooth": 1},
    "linear": {"objective": "regression", "linear_tree": True},
    "rf": {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
    "dart": {"objective": "binary", "boosting": "dart", "drop_rate": 0.5},
    "constant": {"objective": "regression", "min_data_in_leaf": 1000},
}


def table() -> np.ndarray[Any, Any]:
    """Six columns: five of numbers of which some are missing, the last of forty categories."""
    chance = np.random.default_rng(0)
    values = chance.normal(size=(400, 6))
    values[chance.random(values.shape) < 0.1] = np.nan
    values[:, 5] = chance.integers(0, 40, 400)
    return values


def trained(kind: str, names: list[str] | None = None) -> lightgbm.Booster:
    """A booster of each kind, small."""
    values = table()
    first = np.nan_to_num(values[:, 0])
    target = {
        "multiclass": np.digitize(first, [-0.5, 0.5]),
        "categorical": first + (values[:, 5] % 3),
        "linear": 2 * first + np.nan_to_num(values[:, 1]),
        "constant": first,
    }.get(kind, (first > 0.2).astype(int))
    params = {"verbosity": -1, "num_leaves": 7, "num_threads": 1, "seed": 1, **_PARAMS[kind]}
    data = lightgbm.Dataset(
        values,
        target,
        feature_name=names or [f"gene_{index}" for index in range(6)],
        categorical_feature=[5] if kind == "categorical" else [],
        params={"linear_tree": kind == "linear", "verbosity": -1},
    )
    return lightgbm.train(params, data, num_boost_round=5)


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return {kind: trained(kind).model_to_string() for kind in KINDS}


def arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Convert, and load the derived tensors."""
    return Checkpoint(convert(path, path.with_suffix(".candle")).path).state_dict("derived", framework="numpy")


class TestContract(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=["multiclass", "categorical", "linear"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path, texts: dict[str, str]) -> Path:
        path = tmp_path / "drug_response.txt"
        path.write_text(texts[request.param], encoding="utf-8", newline="")
        return path


@pytest.mark.parametrize("kind", KINDS)
def test_every_array_is_that_of_the_library(kind: str, texts: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    path.write_text(texts[kind], encoding="utf-8", newline="")
    found, reference = arrays(path), expected(path)
    assert set(reference) <= set(found)
    assert {name if name in ARRAYS else name.removesuffix("_offsets") for name in found} <= ARRAYS.keys()
    about = {name: from_numpy_name(array.dtype.name).name for name, array in found.items() if name in ARRAYS}
    assert about == {name: ARRAYS[name][0] for name in about}
    for name, array in reference.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].tobytes() == array.tobytes(), name


@pytest.mark.parametrize("kind", KINDS)
def test_the_payload_predicts_bit_for_bit(kind: str, texts: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    path.write_text(texts[kind], encoding="utf-8", newline="")
    made = convert(path, tmp_path / "made.candle").path
    before, after = lightgbm.Booster(model_str=texts[kind]), lightgbm.Booster(model_file=made / "payload/model.txt")
    for raw in (False, True):
        assert before.predict(table(), raw_score=raw).tobytes() == after.predict(table(), raw_score=raw).tobytes()


def test_predictions_can_be_made_from_the_tensors(texts: dict[str, str], tmp_path: Path) -> None:
    """The offsets divide the arrays as they should: a walk down the trees gives the library's raw scores."""
    path = tmp_path / "model.txt"
    path.write_text(texts["binary"], encoding="utf-8", newline="")
    found, rows = arrays(path), np.nan_to_num(table()[:50])
    scores = []
    for row in rows:
        score = 0.0
        for tree, leaves in zip(found["tree_offsets"][:-1], found["leaf_offsets"][:-1], strict=True):
            node = 0
            while node >= 0:
                at = tree + node
                left = row[found["split_feature"][at]] <= found["threshold"][at]
                node = int(found["left_child" if left else "right_child"][at])
            score += found["leaf_value"][leaves - node - 1]
        scores.append(score)
    assert np.array(scores).tobytes() == lightgbm.Booster(model_file=path).predict(rows, raw_score=True).tobytes()


def test_categories_and_linear_leaves(texts: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "categorical.txt"
    path.write_text(texts["categorical"], encoding="utf-8", newline="")
    found = arrays(path)
    assert found["num_cat"].sum() > 3
    tree = lightgbm.Booster(model_file=path).dump_model()["tree_info"][0]["tree_structure"]
    while tree["decision_type"] != "==":
        tree = tree["left_child"]
    number = int(found["threshold"][tree["split_index"]])
    start, end = found["cat_boundaries"][number : number + 2]
    words = found["cat_threshold"][start:end]
    members = [32 * place + bit for place, word in enumerate(words) for bit in range(32) if int(word) >> bit & 1]
    assert members == sorted(int(value) for value in tree["threshold"].split("||"))

    path = tmp_path / "linear.txt"
    path.write_text(texts["linear"], encoding="utf-8", newline="")
    found = arrays(path)
    assert found["is_linear"].tolist() == [1] * 5
    leaves: list[dict[str, Any]] = []
    for tree in lightgbm.Booster(model_file=path).dump_model(num_iteration=-1)["tree_info"]:
        own: list[dict[str, Any]] = []
        nodes = [tree["tree_structure"]]
        while nodes:
            node = nodes.pop()
            own += [node] if "leaf_const" in node else []
            nodes += [node[side] for side in ("left_child", "right_child") if side in node]
        leaves += sorted(own, key=lambda leaf: leaf["leaf_index"])
    assert found["leaf_const"].tolist() == [leaf["leaf_const"] for leaf in leaves]
    assert found["num_features"].tolist() == [len(leaf["leaf_features"]) for leaf in leaves]
    assert found["leaf_coeff"].tolist() == [value for leaf in leaves for value in leaf["leaf_coeff"]]
    assert found["leaf_features"].tolist() == [value for leaf in leaves for value in leaf["leaf_features"]]


def test_what_the_model_says_of_itself(texts: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "ic50.txt"
    path.write_text(texts["multiclass"], encoding="utf-8", newline="")
    manifest = convert(path, tmp_path / "made.candle").manifest
    assert manifest["name"] == "ic50"
    assert manifest["weights"]["kind"] == "payload"
    assert manifest["weights"]["payload"] == [{"role": "booster", "path": "payload/model.txt"}]
    assert manifest["inputs"][0]["feature_list"]["count"] == 6
    assert manifest["inputs"][0]["axes"][1] == {"name": "feature", "size": 6}
    assert manifest["outputs"][0]["axes"][1]["size"] == 3
    assert manifest["training"]["loss"] == "multiclass num_class:3"
    assert manifest["training"]["hyperparameters"]["num_leaves"] == 7
    assert manifest["training"]["hyperparameters"]["learning_rate"] == 0.1
    assert manifest["training_state"]["step"] == 5
    assert manifest["model"]["task"] == "classification"
    assert manifest["model"]["architecture"] == "LightGBM gbdt"
    assert (tmp_path / "made.candle/artifacts/features.txt").read_text() == "".join(f"gene_{i}\n" for i in range(6))


def test_parameters_that_name_files_are_left_out(texts: dict[str, str]) -> None:
    text = texts["binary"].replace("[data: ]", "[data: /home/someone/patients.csv]").encode()
    fields = {field.pointer: field.value for field in lightgbm_booster(text, "x").fields}
    assert "patients" not in str(fields)


def test_names_that_the_library_made_up_are_no_features() -> None:
    text = trained("binary", [f"Column_{index}" for index in range(6)]).model_to_string()
    booster = lightgbm_booster(text.encode(), "x")
    assert booster.side_files == []
    assert "feature_list" not in booster.fields[0].value[0]


def test_names_may_hold_an_equals_sign_and_any_letters() -> None:
    names = ["a=b", "β-catenin", "c", "d", "e=f=g", "h"]
    booster = lightgbm_booster(trained("binary", names).model_to_string().encode(), "x")
    assert booster.side_files[0].data == "".join(f"{name}\n" for name in names).encode()


def test_categories_of_pandas_are_a_step_before_the_model() -> None:
    made = trained("categorical")
    made.pandas_categorical = [["lung", "liver"], [1, 2.5, float("nan")]]
    booster = lightgbm_booster(made.model_to_string().encode(), "x")
    step = booster.fields[0].value[0]["preprocessing"][0]
    assert step["params"]["pandas_categorical"] == [["lung", "liver"], [1, 2.5, {"$float": "nan"}]]


def test_a_text_inside_something_else(texts: dict[str, str]) -> None:
    data = texts["linear"].encode()
    alone = lightgbm_booster(data, "x")
    inside = lightgbm_booster(Window(b"xyz" + data + b"Tree=9\n\n", 3, len(data), "x"), "x")
    assert inside.payload.data == data
    assert [tensor.parts for tensor in inside.tensors] == [tensor.parts for tensor in alone.tensors]


def test_many_trees_are_joined_on_the_way(texts: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = lightgbm_booster(texts["linear"].encode(), "x")
    monkeypatch.setattr(boosters, "_PIECES", 2)
    joined = lightgbm_booster(texts["linear"].encode(), "x")
    assert [tensor.parts for tensor in joined.tensors] == [tensor.parts for tensor in plain.tensors]


def test_several_boosters_of_one_file_do_not_meet(texts: dict[str, str]) -> None:
    booster = lightgbm_booster(texts["binary"].encode(), "x", key="fold 0/β")
    assert booster.groups[0].id == "derived.fold-0"
    assert booster.payload.path == "payload/model.fold-0.txt"
    assert {tensor.group for tensor in booster.tensors} == {"derived.fold-0"}


def older(text: str, version: str) -> str:
    """The text as earlier versions of the library wrote it; the present one still reads it."""
    text = text.replace("version=v4", f"version={version}")
    if version == "v3":
        return text
    lines = [line for line in text.split("\n") if not line.startswith(("tree_sizes=", "is_linear=", "end of trees"))]
    return "\n".join(lines)


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_older_texts(version: str, texts: dict[str, str], tmp_path: Path) -> None:
    text = older(texts["multiclass"], version)
    path = tmp_path / "model.txt"
    path.write_text(text, encoding="utf-8", newline="")
    found = arrays(path)
    for name, array in lightgbm_trees(text).items():
        assert found[name].tobytes() == array.tobytes(), name


def test_a_line_that_is_not_known_is_said(texts: dict[str, str]) -> None:
    text = older(texts["binary"], "v2").replace("shrinkage=1\n", "shrinkage=1\nleaf_mood=5\n")
    parts = {part.what: part for part in lightgbm_booster(text.encode(), "x").parts}
    assert parts["unknown"].status == "residue"
    assert "leaf_mood" in parts["unknown"].reason


def line(text: str, key: str, change: Callable[[str], str]) -> str:
    """Change the first line of a key, and the tree's size with it."""
    first = next(row for row in text.split("\n") if row.startswith(key + "="))
    value = first.partition("=")[2]
    changed = text.replace(first, f"{key}={change(value)}", 1)
    if text.index(first) < text.index("Tree=0"):
        return changed
    sizes = next(row for row in text.split("\n") if row.startswith("tree_sizes="))
    head, rest = sizes.partition("=")[2].split(" ", 1)
    return changed.replace(sizes, f"tree_sizes={int(head) + len(changed) - len(text)} {rest}", 1)


_DROP_LAST: Callable[[str], str] = lambda value: value.rpartition(" ")[0]  # noqa: E731
HOSTILE: dict[str, tuple[str, Callable[[str], str], type[CandleSpecError], str]] = {
    "one leaf too few": ("leaf_value", _DROP_LAST, CorruptFileError, "leaf_value has . numbers, not"),
    "one split too few": ("split_feature", _DROP_LAST, CorruptFileError, "split_feature has . numbers, not"),
    "one split too many": ("threshold", lambda v: v + " 1", CorruptFileError, "threshold has . numbers, not"),
    "more leaves stated": ("num_leaves", lambda v: "2000000000", CorruptFileError, "numbers, not"),
    "leaves beyond any": ("num_leaves", lambda v: "9" * 30, CorruptFileError, "num_leaves is"),
    "no leaves": ("num_leaves", lambda v: "0", CorruptFileError, "without leaves"),
    "a leaf that is none": ("leaf_value", lambda v: "nan" + v[v.index(" ") :], CorruptFileError, "NaN"),
    "a threshold that is none": ("threshold", lambda v: "NaN" + v[v.index(" ") :], CorruptFileError, "NaN"),
    "a word": ("leaf_value", lambda v: "much" + v[v.index(" ") :], CorruptFileError, "no number"),
    "an underscore": ("leaf_value", lambda v: "1_0" + v[v.index(" ") :], CorruptFileError, "no number"),
    "a count that is no whole number": ("leaf_count", lambda v: "1.5" + v[v.index(" ") :], CorruptFileError, "no num"),
    "a count beyond 32 bits": ("leaf_count", lambda v: "9999999999" + v[v.index(" ") :], CorruptFileError, "range"),
    "a count beyond 64 bits": ("leaf_count", lambda v: "9" * 40 + v[v.index(" ") :], CorruptFileError, "no number"),
    "a child beyond": ("left_child", lambda v: "6" + v[v.index(" ") :], CorruptFileError, "left_child leads"),
    "a leaf beyond": ("right_child", lambda v: "-8" + v[v.index(" ") :], CorruptFileError, "right_child leads"),
    "a feature beyond": ("split_feature", lambda v: "6" + v[v.index(" ") :], CorruptFileError, "feature"),
    "categories without splits": ("num_cat", lambda v: "3", CorruptFileError, "cat_boundaries has 0"),
    "a feature's name missing": ("feature_names", _DROP_LAST, CorruptFileError, "5 entries for 6"),
    "features beyond any": ("max_feature_idx", lambda v: "2000000000", CorruptFileError, "entries for"),
    "a negative size": ("tree_sizes", lambda v: "-" + v, CorruptFileError, "a tree's size"),
    "a huge size": ("tree_sizes", lambda v: "9" * 18 + " 1", CorruptFileError, "a tree's size"),
    "other sizes": ("tree_sizes", lambda v: "100 " + v.partition(" ")[2], CorruptFileError, "does not stand"),
    "no whole rounds": ("num_tree_per_iteration", lambda v: "2", CorruptFileError, "whole rounds"),
    "no trees a round": ("num_tree_per_iteration", lambda v: "0", CorruptFileError, "whole rounds"),
    "a version to come": ("version", lambda v: "v9", UnsupportedFormatError, "v2 to v4"),
    "a key twice": ("num_cat", lambda v: v + "\nnum_cat=0", CorruptFileError, "twice"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_contradictions_are_refused(what: str, texts: dict[str, str]) -> None:
    key, change, error, words = HOSTILE[what]
    with pytest.raises(error, match=words):
        lightgbm_booster(line(texts["binary"], key, change).encode(), "model.txt")


def test_sets_of_categories_that_are_not_there_are_refused(texts: dict[str, str]) -> None:
    text = texts["categorical"]
    number = next(index for index, row in enumerate(text.split("\n")) if row.startswith("cat_threshold="))
    rows = text.split("\n")
    rows[number] = _DROP_LAST(rows[number])
    changed = older("\n".join(rows), "v2")
    with pytest.raises(CorruptFileError, match="cat_threshold is not as long"):
        lightgbm_booster(changed.encode(), "x")


@pytest.mark.parametrize("key", ["leaf_coeff", "leaf_features"])
def test_linear_leaves_that_do_not_fit_are_refused(key: str, texts: dict[str, str]) -> None:
    rows = older(texts["linear"], "v2").replace("num_cat=0\n", "num_cat=0\nis_linear=1\n").split("\n")
    number = [index for index, row in enumerate(rows) if row.startswith(f"{key}=")][1]
    rows[number] = _DROP_LAST(rows[number].rstrip())
    with pytest.raises(CorruptFileError, match=f"{key} has .* num_features say"):
        lightgbm_booster("\n".join(rows).encode(), "x")


@pytest.mark.parametrize("share", range(1, 32))
def test_a_text_that_was_cut_off_is_refused(share: int, texts: dict[str, str]) -> None:
    """Anywhere up to the end of the parameters; nothing after them is part of the model."""
    text = texts["binary"]
    end = text.index("end of parameters")
    with pytest.raises((TruncatedFileError, CorruptFileError)):
        lightgbm_booster(text[: end * share // 32].encode(), "x")


def test_changed_line_ends_are_named(texts: dict[str, str]) -> None:
    with pytest.raises(CorruptFileError, match="line ends"):
        lightgbm_booster(texts["binary"].replace("\n", "\r\n").encode(), "x")


def test_a_text_beyond_the_bound_is_refused(texts: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BOOSTER_TREES", 4)
    for text in (texts["binary"], older(texts["binary"], "v2")):
        with pytest.raises(LimitExceededError, match="trees"):
            lightgbm_booster(text.encode(), "x")
    monkeypatch.setattr(limits, "BOOSTER_BYTES", 100)
    with pytest.raises(LimitExceededError):
        lightgbm_booster(texts["binary"].encode(), "x")


def test_nothing_of_it_is_stored_twice(texts: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "m.txt"
    path.write_text(texts["binary"], encoding="utf-8", newline="")
    made = convert(path, tmp_path / "made.candle").path
    assert (made / "original/0.residue.gz").stat().st_size < 64
    assert candle_spec.validate(made).errors == []
    assert read_native(path)[0].payload[0].size == path.stat().st_size
