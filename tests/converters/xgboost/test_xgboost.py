"""XGBoost's models: the same trees as the library has, the same predictions from the payload, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import xgboost

import candle_spec
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.convert import convert
from candle_spec.conversion.native import read_native
from candle_spec.converters._shared.xgboost.model import xgboost_booster
from candle_spec.converters._shared.xgboost.trees import ARRAYS
from candle_spec.converters.xgboost import CONVERTER
from candle_spec.testing import ConverterContract
from candle_spec.weights.dtypes import from_numpy_name
from tests.helpers.corpus.native_boosters import expected, xgboost_trees
from tests.helpers.native.boosters import KINDS, changed, table, trained

FORMS = ("json", "ubj")


@pytest.fixture(scope="module")
def boosters() -> dict[str, xgboost.Booster]:
    return {kind: trained(kind) for kind in KINDS}


def arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Convert, and load the derived tensors."""
    return Checkpoint(convert(path, path.with_suffix(".candle")).path).state_dict("derived", framework="numpy")


def snapshot(booster: xgboost.Booster) -> bytes:
    """What a pickle of the booster holds."""
    return bytes(booster.__getstate__()["handle"])


class TestContract(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=["multiclass.json", "categories.ubj", "dart.ubj", "linear.json"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path, boosters: dict[str, xgboost.Booster]) -> Path:
        path = tmp_path / f"drug_{request.param}"
        boosters[request.param.partition(".")[0]].save_model(path)
        return path


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_array_is_that_of_the_library(
    kind: str, form: str, boosters: dict[str, xgboost.Booster], tmp_path: Path
) -> None:
    path = tmp_path / f"model.{form}"
    boosters[kind].save_model(path)
    found, reference = arrays(path), expected(path)
    assert set(reference) <= set(found)
    assert {name if name in ARRAYS else name.removesuffix("_offsets") for name in found} <= ARRAYS.keys()
    about = {name: from_numpy_name(array.dtype.name).name for name, array in found.items() if name in ARRAYS}
    assert about == {name: ARRAYS[name][0] for name in about}
    for name, array in reference.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        assert found[name].tobytes() == array.tobytes(), name


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_payload_predicts_bit_for_bit(
    kind: str, form: str, boosters: dict[str, xgboost.Booster], tmp_path: Path
) -> None:
    path = tmp_path / f"model.{form}"
    boosters[kind].save_model(path)
    made = convert(path, tmp_path / "made.candle").path
    after = xgboost.Booster(model_file=made / f"payload/model.{form}")
    assert after.predict(table(kind)).tobytes() == boosters[kind].predict(table(kind)).tobytes()


def test_both_forms_give_the_same_tensors(boosters: dict[str, xgboost.Booster], tmp_path: Path) -> None:
    """The files differ, the trees do not: the digest of the derived tensors finds that out."""
    digests = set()
    for form in FORMS:
        path = tmp_path / f"model.{form}"
        boosters["categories"].save_model(path)
        digests.add(convert(path, tmp_path / f"{form}.candle").manifest["weights"]["state_digest"])
    assert len(digests) == 1


def test_predictions_can_be_made_from_the_tensors(boosters: dict[str, xgboost.Booster], tmp_path: Path) -> None:
    """The offsets divide the arrays as they should: a walk down the trees finds the library's leaves."""
    path = tmp_path / "model.ubj"
    boosters["binary"].save_model(path)
    found = arrays(path)
    rows = np.nan_to_num(np.random.default_rng(1).normal(size=(30, 6))).astype("f4")
    leaves = []
    for row in rows:
        nodes = []
        for tree in found["tree_offsets"][:-1]:
            node = 0
            while found["left_children"][tree + node] != -1:
                left = row[found["split_indices"][tree + node]] < found["split_conditions"][tree + node]
                node = int(found["left_children" if left else "right_children"][tree + node])
            nodes.append(node)
        leaves.append(nodes)
    data = xgboost.DMatrix(rows, feature_names=boosters["binary"].feature_names)
    assert boosters["binary"].predict(data, pred_leaf=True).astype(int).tolist() == leaves


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_and_the_model_in_it(kind: str, boosters: dict[str, xgboost.Booster], tmp_path: Path) -> None:
    """What a pickle holds: the snapshot restores the booster with its settings, the model alone loads by itself."""
    data = snapshot(boosters[kind])
    booster = xgboost_booster(data, "pickle")
    assert (booster.payload.role, booster.payload.path) == ("snapshot", "payload/snapshot.ubj")
    assert [side.path for side in booster.also] == ["payload/model.ubj"]
    restored = xgboost.Booster()
    restored.__setstate__({"handle": bytearray(booster.payload.data)})
    alone = xgboost.Booster(model_file=bytearray(booster.also[0].data))
    before = boosters[kind].predict(table(kind)).tobytes()
    assert restored.predict(table(kind)).tobytes() == before
    assert alone.predict(table(kind)).tobytes() == before
    assert json.loads(restored.save_config())["learner"]["learner_train_param"]["booster"]
    reference = xgboost_trees(booster.also[0].data)
    for tensor in booster.tensors:
        stored = b"".join(bytes(block) for block in tensor.parts[""].data.blocks())
        assert tensor.name not in reference or stored == reference[tensor.name].tobytes(), tensor.name
    settings = next(field.value for field in booster.fields if field.pointer == "/training/hyperparameters")
    assert settings["gradient_booster"]["name"] in ("gbtree", "dart", "gblinear")
    path = tmp_path / "snapshot"
    path.write_bytes(data)
    assert candle_spec.validate(convert(path, tmp_path / "made.candle").path).errors == []


def test_a_snapshot_in_json(boosters: dict[str, xgboost.Booster]) -> None:
    """As XGBoost before 1.6 wrote it into pickles: the present one takes the model in it."""
    model = boosters["binary"].save_raw("json").decode()
    config = boosters["binary"].save_config()
    data = f'{{"Config": {config},\n "Model" : {model} }}'.encode()
    booster = xgboost_booster(data, "pickle")
    assert booster.also[0].data == model.encode()
    assert booster.also[0].path == "payload/model.json"
    assert booster.payload.data == data
    before = boosters["binary"].predict(table("binary")).tobytes()
    assert xgboost.Booster(model_file=bytearray(booster.also[0].data)).predict(table("binary")).tobytes() == before


def test_after_early_stopping_it_says_how_to_predict(boosters: dict[str, xgboost.Booster], tmp_path: Path) -> None:
    stopped = boosters["stopped"]
    assert stopped.best_iteration + 1 < stopped.num_boosted_rounds()
    path = tmp_path / "response.json"
    stopped.save_model(path)
    manifest = convert(path, tmp_path / "made.candle").manifest
    end = stopped.best_iteration + 1
    assert f"iteration_range=(0, {end})" in manifest["outputs"][0]["description"]
    attributes = manifest["training"]["hyperparameters"]["attributes"]
    assert attributes["best_iteration"] == str(stopped.best_iteration)
    assert manifest["training_state"]["step"] == stopped.num_boosted_rounds()


def test_what_the_model_says_of_itself(boosters: dict[str, xgboost.Booster], tmp_path: Path) -> None:
    path = tmp_path / "response.ubj"
    made = boosters["categories"].copy()
    made.set_attr(scikit_learn='{"_estimator_type": "regressor"}')
    made.save_model(path)
    manifest = convert(path, tmp_path / "made.candle").manifest
    assert manifest["name"] == "response"
    assert manifest["model"]["framework"]["version"] == xgboost.__version__
    assert manifest["model"]["task"] == "regression"
    assert manifest["model"]["architecture"] == "XGBoost gbtree"
    assert manifest["training"]["loss"] == "reg:squarederror"
    assert manifest["training"]["hyperparameters"]["attributes"]["scikit_learn"] == {"_estimator_type": "regressor"}
    assert manifest["training"]["hyperparameters"]["learner_model_param"]["num_feature"] == "6"
    assert manifest["inputs"][0]["feature_list"]["count"] == 6
    assert manifest["inputs"][0]["preprocessing"][0]["params"]["feature_types"] == ["q"] * 5 + ["c"]
    assert manifest["weights"]["payload"] == [{"role": "booster", "path": "payload/model.ubj"}]
    assert (tmp_path / "made.candle/artifacts/features.txt").read_text() == "".join(f"gene {i}\n" for i in range(6))


def test_names_with_line_breaks_stay_in_the_payload(boosters: dict[str, xgboost.Booster]) -> None:
    made = boosters["binary"].copy()
    made.feature_names = ["a\nb", *(f"g{index}" for index in range(5))]
    booster = xgboost_booster(bytes(made.save_raw("ubj")), "x")
    assert booster.side_files == []
    assert [part.status for part in booster.parts if part.what == "feature names"] == ["residue"]


def test_a_model_without_names_and_of_many_outputs(boosters: dict[str, xgboost.Booster]) -> None:
    made = boosters["vectors"].copy()
    made.feature_names = None
    fields = {field.pointer: field.value for field in xgboost_booster(bytes(made.save_raw("ubj")), "x").fields}
    assert "feature_list" not in fields["/inputs"][0]
    assert fields["/outputs"][0]["axes"][1]["size"] == 2


def test_members_that_are_not_known_are_said(boosters: dict[str, xgboost.Booster]) -> None:
    def change(model: dict[str, Any]) -> None:
        model["learner"]["gradient_booster"]["model"]["trees"][1]["moods"] = [1]
        model["learner"]["gradient_booster"]["model"]["cats"] = {"enc": "in another way"}

    parts = {part.what: part for part in xgboost_booster(changed(boosters["binary"], change), "x").parts}
    assert parts["unknown"].status == "residue"
    assert "moods" in parts["unknown"].reason
    assert "cats" in parts["unknown"].reason


@pytest.mark.parametrize("form", FORMS)
def test_categories_of_a_data_frame(form: str) -> None:
    """The library keeps them since 3.1: texts as bytes with offsets, numbers as they are."""
    tissues = ["lung", "liver", "brain", "beta cell"]
    chance = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {
            "dose": chance.normal(size=200),
            "tissue": pandas.Categorical(chance.choice(tissues, 200), categories=tissues),
            "batch": pandas.Categorical(chance.choice([3, 5, 9], 200)),
        }
    )
    data = xgboost.DMatrix(frame, frame.dose, enable_categorical=True, nthread=1)
    booster = xgboost_booster(bytes(xgboost.train({"nthread": 1}, data, 2).save_raw(form)), "x")
    steps = {step["name"]: step["params"] for step in booster.fields[0].value[0]["preprocessing"]}
    assert steps["categories-to-codes"]["categories"] == {"tissue": tissues, "batch": [3, 5, 9]}
    assert all(part.what != "unknown" for part in booster.parts)


def test_older_members(boosters: dict[str, xgboost.Booster]) -> None:
    """XGBoost 1.0 wrote truth values, and no categories, rounds or split types."""

    def change(model: dict[str, Any]) -> None:
        del model["learner"]["gradient_booster"]["model"]["iteration_indptr"]
        del model["learner"]["gradient_booster"]["model"]["cats"]
        for tree in model["learner"]["gradient_booster"]["model"]["trees"]:
            tree["default_left"] = [bool(value) for value in tree["default_left"]]
            tree["tree_param"]["size_leaf_vector"] = "0"
            for name in ("split_type", *(key for key in list(tree) if key.startswith("categories"))):
                del tree[name]

    booster = xgboost_booster(changed(boosters["multiclass"], change), "x")
    reference = xgboost_trees(bytes(boosters["multiclass"].save_raw("ubj")))
    found = {tensor.name: b"".join(tensor.parts[""].data.blocks()) for tensor in booster.tensors}  # type: ignore[arg-type]
    assert "split_type" not in found
    for name in ("default_left", "split_conditions", "left_children", "tree_offsets", "tree_info"):
        assert found[name] == reference[name].tobytes(), name
    steps = next(field.value for field in booster.fields if field.pointer == "/training_state/step")
    assert steps == 4


def test_nothing_of_it_is_stored_twice(boosters: dict[str, xgboost.Booster], tmp_path: Path) -> None:
    path = tmp_path / "model.ubj"
    boosters["binary"].save_model(path)
    made = convert(path, tmp_path / "made.candle").path
    assert (made / "original/0.residue.gz").stat().st_size < 64
    assert read_native(path)[0].payload[0].size == path.stat().st_size
