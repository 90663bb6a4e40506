"""IMPROVE model folders, alone and in a cross-study tree."""

from __future__ import annotations

import functools
import json
import pickle
from pathlib import Path
from typing import Any

import keras
import pytest
import torch

import candle_spec
from candle_spec.conversion.convert import Options, convert
from candle_spec.conversion.restore import restore
from candle_spec.conversion.verify import verify_conversion
from candle_spec.converters.improve_model import CONVERTER
from candle_spec.errors import CandleSpecError, InvalidInputError
from candle_spec.problems import Severity
from candle_spec.testing.contract import ConverterContract
from tests.helpers.native.candle_folders import LOG, SCORES


def folder(at: Path, **settings: Any) -> Path:
    """Write a model folder as the train stage leaves it."""
    at.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(torch.nn.Linear(6, 1).state_dict(), at / "model.pt")
    (at / "param_log_file.txt").write_text(str(LOG | settings))
    (at / "val_scores.json").write_text(json.dumps(SCORES, indent=4))
    (at / "val_y_data_predicted.csv").write_text("improve_sample_id,auc_true,auc_pred\nACH-1,0.7,0.6912\n")
    (at / "runtime.json").write_text('{"hours": 0, "minutes": 3, "seconds": 12.5, "source_data": "CCLE", "split": "0"}')
    return at


def tree(at: Path) -> Path:
    """Write a cross-study tree around one model; returns the model's folder."""
    model = folder(at / "models" / "CCLE" / "split_0")
    for target in ("CCLE", "GDSCv1"):
        infer = at / "infer" / f"CCLE-{target}" / "split_0"
        infer.mkdir(parents=True)
        (infer / "test_scores.json").write_text(json.dumps(SCORES | {"mse": 0.5 if target == "CCLE" else 0.75}))
    other = at / "infer" / "gCSI-CCLE" / "split_0"
    other.mkdir(parents=True)
    (other / "test_scores.json").write_text("not even JSON: of another model")
    data = at / "ml_data" / "CCLE-CCLE" / "split_0"
    data.mkdir(parents=True)
    torch.save({"mean_": torch.arange(6.0), "scale_": torch.ones(6)}, data / "x_data_gene_expression_scaler.gz")
    (data / "train_data.parquet").write_bytes(b"PAR1" + bytes(100))
    return model


class TestImproveModel(ConverterContract):
    converter = CONVERTER

    @pytest.fixture
    def native(self, tmp_path: Path) -> Path:
        return folder(tmp_path / "out")


def details(manifest: dict[str, Any]) -> dict[str, str]:
    return {entry["pointer"]: entry["detail"] for entry in manifest["field_sources"] if "detail" in entry}


def test_a_folder_alone(tmp_path: Path) -> None:
    made = convert(folder(tmp_path / "out"), tmp_path / "x.candle").manifest
    assert made["name"] == "GraphDRP"
    assert made["training"]["hyperparameters"]["betas"] == [0.9, 0.999]
    assert "config_file" not in made["training"]["hyperparameters"]
    assert (made["training"]["epochs"], made["training"]["loss"], made["training"]["duration_seconds"]) == (
        150,
        "mse",
        192.5,
    )
    found = {entry["metric"]["id"]: entry for entry in made["evaluations"]}
    assert set(found) == {"mse", "rmse", "pearson", "spearman", "r2"}
    assert found["mse"]["target"] == "auc"
    assert found["mse"]["split"] == "val"
    assert found["mse"]["metric"] == {"id": "mse", "name": "mse", "direction": "minimize"}
    scores = next(part for part in made["conversion"]["parts"] if part["what"] == "scores")
    assert "oddity" in scores["reason"]
    sources = details(made)
    assert sources["/evaluations"] == "val_scores.json"
    assert sources["/training/hyperparameters"] == "param_log_file.txt"
    assert sources["/training/duration_seconds"] == "runtime.json"
    assert "datasets" not in made["training"]


def test_a_cross_study_tree_is_joined(tmp_path: Path) -> None:
    model = tree(tmp_path / "csa")
    made = convert(model, tmp_path / "x.candle", Options(context=tmp_path / "csa"))
    manifest = made.manifest
    rows = {
        (entry["dataset"], entry["split"]): entry["value"]
        for entry in manifest["evaluations"]
        if entry["metric"]["id"] == "mse"
    }
    assert rows == {("CCLE", "val"): 0.0052, ("CCLE", "test"): 0.5, ("GDSCv1", "test"): 0.75}
    assert [(row["name"], row["role"]) for row in manifest["training"]["datasets"]] == [
        ("CCLE", "train"),
        ("CCLE", "validation"),
        ("CCLE", "test"),
        ("GDSCv1", "external"),
    ]
    assert {row["split"]["id"] for row in manifest["training"]["datasets"]} == {"split_0"}
    scaler = candle_spec.load(made.path).state_dict("artifact.x_data_gene_expression_scaler-gz", framework="numpy")
    assert scaler["mean_"].tolist() == [0, 1, 2, 3, 4, 5]
    assert candle_spec.validate(made.path).errors == []
    names = {file["path"] for file in manifest["conversion"]["native"]["files"]}
    assert "ml_data/CCLE-CCLE/split_0/x_data_gene_expression_scaler.gz" in names
    assert not any("gCSI" in name or "parquet" in name for name in names)
    for restored in restore(made.path, tmp_path / "back"):
        place = restored.path.relative_to(tmp_path / "back")
        assert restored.path.read_bytes() == (tmp_path / "csa" / place).read_bytes()
    assert verify_conversion(made.path, model, context=tmp_path / "csa", predictions=False).ok


def test_the_scaler_is_no_part_of_the_identity(tmp_path: Path) -> None:
    model = tree(tmp_path / "csa")
    alone = convert(model, tmp_path / "x.candle").manifest["weights"]
    joined = convert(model, tmp_path / "y.candle", Options(context=tmp_path / "csa")).manifest["weights"]
    assert alone["content_digest"] == joined["content_digest"]
    assert alone["state_digest"] != joined["state_digest"]


def test_a_tree_one_by_one(tmp_path: Path) -> None:
    from candle_spec.conversion import batch

    tree(tmp_path / "csa")
    folder(tmp_path / "csa" / "models" / "gCSI" / "split_0", input_dir="ml_data/gCSI-gCSI/split_0")
    (tmp_path / "csa" / "infer" / "gCSI-CCLE" / "split_0" / "test_scores.json").write_text(json.dumps(SCORES))
    for expected in ("converted", "done"):
        refused, jobs, _ = batch.plan(tmp_path / "csa")
        rows = [*refused, *batch.run(jobs, tmp_path / "out", Options(), tmp_path / "csa")]
        models = {row.source: row.state for row in rows if row.source.startswith("models/")}
        assert models == {"models/CCLE/split_0": expected, "models/gCSI/split_0": expected}


def test_links_out_of_the_tree_are_not_followed(tmp_path: Path) -> None:
    model = tree(tmp_path / "csa")
    (tmp_path / "secret.json").write_text(json.dumps({"mse": 99.0}))
    scores = tmp_path / "csa" / "infer" / "CCLE-GDSCv1" / "split_0" / "test_scores.json"
    scores.unlink()
    scores.symlink_to(tmp_path / "secret.json")
    made = convert(model, tmp_path / "x.candle", Options(context=tmp_path / "csa")).manifest
    assert 99.0 not in [entry["value"] for entry in made["evaluations"]]


@pytest.mark.parametrize("stated", ["../../../etc", "/etc", "C:\\data\\..\\..", "", "None"])
def test_an_input_folder_never_leads_out(tmp_path: Path, stated: str) -> None:
    model = folder(tmp_path / "csa" / "models" / "CCLE" / "split_0", input_dir=stated)
    made = convert(model, tmp_path / "x.candle", Options(context=tmp_path / "csa"))
    assert all(file["path"].startswith("models/") for file in made.manifest["conversion"]["native"]["files"])


def test_several_models_are_named(tmp_path: Path) -> None:
    at = folder(tmp_path / "out", model_file_name="other")
    (at / "model.pt").rename(at / "model_1.pt")
    torch.save(torch.nn.Linear(2, 1).state_dict(), at / "model_2.pt")
    with pytest.raises(InvalidInputError, match=r"2 checkpoints lie here: model_1\.pt, model_2\.pt"):
        convert(at, tmp_path / "x.candle")
    torch.save(torch.nn.Linear(2, 1).state_dict(), at / "other.pt")
    assert convert(at, tmp_path / "x.candle").manifest["weights"]["tensors"][0]["shape"] == [1, 2]


def test_a_folder_without_model(tmp_path: Path) -> None:
    at = folder(tmp_path / "out")
    (at / "model.pt").write_text("model weights")
    with pytest.raises(CandleSpecError, match="holds none"):
        convert(at, tmp_path / "x.candle")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, None, "x", 5.0])
def test_scores_that_are_none(tmp_path: Path, value: Any) -> None:
    at = folder(tmp_path / "out")
    (at / "val_scores.json").write_text(json.dumps({"r2": value, "mse": 0.5}))
    made = convert(at, tmp_path / "x.candle").manifest
    assert [entry["metric"]["id"] for entry in made["evaluations"]] == ["mse"]


def test_scores_of_the_first_version(tmp_path: Path) -> None:
    at = folder(tmp_path / "out")
    (at / "val_scores.json").unlink()
    (at / "scores.json").write_text(json.dumps({"key": "val_loss", "value": 0.25, "pcc": 0.5}))
    made = convert(at, tmp_path / "x.candle").manifest
    assert [(e["metric"]["id"], e["value"]) for e in made["evaluations"]] == [("pearson", 0.5), ("loss", 0.25)]


def test_keras_models_too(tmp_path: Path) -> None:
    at = folder(tmp_path / "out", model_file_format=".keras")
    (at / "model.pt").unlink()
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(at / "model.keras")
    assert convert(at, tmp_path / "x.candle").manifest["conversion"]["native"]["format"] == "keras"


def test_what_a_pickled_dictionary_would_import_is_said(tmp_path: Path) -> None:
    model = tree(tmp_path / "csa")
    data = tmp_path / "csa" / "ml_data" / "CCLE-CCLE" / "split_0"
    (data / "drug_encoder.pkl").write_bytes(pickle.dumps({"CCO": "ethanol", "tokens": functools.partial(len)}))
    made = convert(model, tmp_path / "x.candle", Options(context=tmp_path / "csa")).manifest
    found = {row["file"].rpartition("/")[2]: row["unknown_imports"] for row in made["security"]["inert_pickle"]}
    assert "functools.partial" in found["drug_encoder.pkl"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "graphdrp_params.ini",
            "[DEFAULT]\nseed=7\n[Train]\nepochs = 150\nlearning_rate=0.0001\n[Infer]\nepochs=1\n",
        ),
        (
            "graphdrp_params.yml",
            "DEFAULT: {seed: 7}\nTrain: {epochs: 150, learning_rate: 1e-4}\nInfer: {epochs: 1}\n",
        ),
        ("graphdrp_params.yaml", "seed: 7\nepochs: 150\nlearning_rate: 0.0001\n"),
        (
            "graphdrp_params.json",
            '[{"name": "seed", "default": 7}, {"name": "epochs", "type": "int", "default": 150},'
            ' {"name": "learning_rate", "default": 0.0001}]',
        ),
    ],
)
def test_settings_of_the_study(name: str, text: str, tmp_path: Path) -> None:
    model = folder(tmp_path / "split_0")
    (model / "param_log_file.txt").unlink()
    (model / name).write_text(text)
    made = convert(model, tmp_path / "x.candle").manifest
    assert made["training"]["hyperparameters"] == {"seed": 7, "epochs": 150, "learning_rate": 0.0001}
    assert (made["training"]["epochs"], made["training"]["seed"]) == (150, 7)
    assert next(row for row in made["field_sources"] if row["pointer"] == "/training/epochs")["detail"].startswith(name)
    assert f"artifacts/{name}" in {row["path"] for row in made["files"]}


@pytest.mark.parametrize("text", ["- - -\n", "a: [", "7", '"text"', "!!python/object:os.system x"])
def test_bad_settings_of_the_study(text: str, tmp_path: Path) -> None:
    model = folder(tmp_path / "split_0")
    (model / "param_log_file.txt").unlink()
    (model / "graphdrp_params.yml").write_text(text)
    with pytest.raises(CandleSpecError):
        convert(model, tmp_path / "x.candle")


def test_what_was_used_wins_over_what_the_model_file_says(tmp_path: Path) -> None:
    model = folder(tmp_path / "split_0")
    state = {"state_dict": torch.nn.Linear(6, 1).state_dict(), "args": {"epochs": 1}, "val_mse": 0.5}
    torch.save(state, model / "model.pt")
    made = convert(model, tmp_path / "x.candle")
    assert made.manifest["training"]["hyperparameters"]["epochs"] == 150
    assert made.manifest["evaluations"][0] == {
        "metric": {"id": "mse", "name": "mse", "direction": "minimize"},
        "value": 0.5,
        "source": "key val_mse",
        "split": "val",
    }
    pointers = [row["pointer"] for row in made.manifest["field_sources"]]
    assert len(pointers) == len(set(pointers))
    report = candle_spec.validate(made.path)
    assert [problem.code for problem in report.problems if problem.severity is not Severity.INFO] == []
