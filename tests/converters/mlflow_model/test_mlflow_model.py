"""MLflow models: the flavor of a framework is read, MLmodel and the environment fill the manifest, refusals.

The texts are those that MLflow 3.17.2 writes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import lightgbm
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.convert import convert
from candle_spec.conversion.source import resolve_source
from candle_spec.converters.mlflow_model import CONVERTER
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    MissingPartError,
    UnsafeContentError,
    UnsupportedFormatError,
)
from candle_spec.testing.contract import ConverterContract

MLMODEL = """flavors:
  python_function:
    config:
      device: null
    data: data
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.{flavor}
    python_version: 3.11.7
  {flavor}:
{rows}
is_signature_from_type_hint: false
mlflow_version: 3.17.2
model_id: null
model_uuid: 4edd42a11d3047d18dd4fbad383bdf7d
prompts: null
run_id: 0f1e2d3c4b5a69788796a5b4c3d2e1f0
saved_input_example_info:
  artifact_path: input_example.json
  type: ndarray
signature:
  inputs: '{inputs}'
  outputs: '[{{"type": "tensor", "tensor-spec": {{"dtype": "float32", "shape": [-1,
    2]}}}}]'
  params: null
utc_time_created: '2026-11-24 15:03:20.554013'
"""
TENSOR = '[{"type": "tensor", "name": "x", "tensor-spec": {"dtype": "float32", "shape": [-1, 4]}}]'
CONDA = """channels:
- conda-forge
dependencies:
- python=3.11.7
- pip<=26.3
- pip:
  - mlflow==3.17.2
  - torch==2.13.0
name: mlflow-env
"""


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Linear(40, 8)


def described(folder: Path, flavor: str, rows: dict[str, Any], inputs: str = TENSOR) -> Path:
    """Write what MLflow puts around a model."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "\n".join(f"    {key}: {json.dumps(value)}" for key, value in rows.items())
    (folder / "MLmodel").write_text(MLMODEL.format(flavor=flavor, rows=lines, inputs=inputs))
    (folder / "conda.yaml").write_text(CONDA)
    (folder / "requirements.txt").write_text(
        "mlflow==3.17.2\ntorch==2.13.0\nnumpy>=2\n# a comment that makes it longer than that\n"
    )
    (folder / "python_env.yaml").write_text(
        "python: 3.11.7\nbuild_dependencies:\n- pip==26.3\ndependencies:\n- -r requirements.txt\n"
    )
    (folder / "input_example.json").write_text(json.dumps([[0.25] * 40]))
    return folder


def pytorch(folder: Path) -> Path:
    (folder / "data").mkdir(parents=True)
    torch.save(network(), folder / "data" / "model.pth")
    (folder / "data" / "pickle_module_info.txt").write_text("mlflow.pytorch.pickle_module")
    return described(folder, "pytorch", {"code": None, "model_data": "data", "pytorch_version": "2.13.0+cpu"})


def keras3(folder: Path) -> Path:
    (folder / "data").mkdir(parents=True)
    keras.utils.set_random_seed(0)
    keras.Sequential([keras.Input((40,)), keras.layers.Dense(8)]).save(folder / "data" / "model.keras")
    return described(folder, "keras", {"data": "data/model.keras", "keras_version": "3.15.1", "save_format": "keras"})


def boosted(folder: Path) -> Path:
    folder.mkdir(parents=True)
    values = np.random.default_rng(0).random((200, 4))
    data = lightgbm.Dataset(values, (values[:, 0] > 0.5).astype(int), params={"verbose": -1})
    lightgbm.train({"objective": "binary", "verbose": -1}, data, 3).save_model(folder / "model.lgb")
    return described(
        folder, "lightgbm", {"data": "model.lgb", "lgb_version": "4.7.0", "model_class": "lightgbm.Booster"}
    )


def transformers(folder: Path) -> Path:
    (folder / "model").mkdir(parents=True)
    save_file(network().state_dict(), folder / "model" / "model.safetensors", {"format": "pt"})
    (folder / "model" / "config.json").write_text('{"model_type": "bert", "architectures": ["BertModel"]}')
    return described(folder, "transformers", {"model_binary": "model", "transformers_version": "4.41.2"})


MAKERS = {"pytorch": pytorch, "keras": keras3, "lightgbm": boosted, "transformers": transformers}


class TestMlflowModel(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=list(MAKERS))
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return MAKERS[request.param](tmp_path / "survival")


@pytest.mark.parametrize("kind", ["pytorch", "transformers"])
def test_the_tensors_are_those_of_the_framework(kind: str, tmp_path: Path) -> None:
    made = Checkpoint(convert(MAKERS[kind](tmp_path / "m"), tmp_path / "x.candle").path)
    for name, tensor in network().state_dict().items():
        assert (made.tensor("model", name) == tensor.numpy()).all()


def test_the_tensors_are_those_of_keras(tmp_path: Path) -> None:
    folder = keras3(tmp_path / "m")
    made = Checkpoint(convert(folder, tmp_path / "x.candle").path)
    kernel, bias = keras.saving.load_model(folder / "data" / "model.keras").get_weights()
    found = {tensor.shape: made.tensor("model", tensor.name) for tensor in made.tensors if tensor.group == "model"}
    assert (found[40, 8] == kernel).all()
    assert (found[8,] == bias).all()
    assert made.document["model"]["topology"][0]["kind"] == "keras-config"


def test_a_booster_is_a_payload(tmp_path: Path) -> None:
    folder = boosted(tmp_path / "m")
    made = Checkpoint(convert(folder, tmp_path / "x.candle").path)
    (payload,) = made.document["weights"]["payload"]
    assert made.read_file(payload["path"]) == (folder / "model.lgb").read_bytes()
    assert made.document["model"]["framework"]["name"] == "lightgbm"
    assert made.document["model"]["framework"]["version"] == "4.7.0"


def test_what_mlmodel_and_the_environment_fill(tmp_path: Path) -> None:
    made = convert(pytorch(tmp_path / "survival"), tmp_path / "x.candle").manifest
    assert made["name"] == "survival"
    assert made["identifiers"] == [{"scheme": "uuid", "value": "4edd42a1-1d30-47d1-8dd4-fbad383bdf7d"}]
    assert made["lineage"] == {"run_id": "0f1e2d3c4b5a69788796a5b4c3d2e1f0"}
    assert made["environment"] == {"python": "3.11.7", "packages": {"mlflow": "3.17.2", "torch": "2.13.0"}}
    assert made["model"]["framework"]["version"] == "2.13.0+cpu"
    assert made["model"]["architecture"] == "Linear"
    axes = [{"name": "axis_0", "size": None}, {"name": "axis_1", "size": 4}]
    assert made["inputs"] == [{"id": "x", "kind": "tensor", "dtype": "F32", "axes": axes}]
    assert made["outputs"][0]["id"] == "tensor_0"
    assert made["conversion"]["native"]["written"] == "2026-11-24T15:03:20"
    roles = {row["path"]: row["role"] for row in made["files"]}
    assert roles["samples/input_example.json"] == "sample-input"
    assert roles["artifacts/conda.yaml"] == roles["artifacts/requirements.txt"] == "environment"
    assert "artifacts/MLmodel" in roles


def test_columns_of_a_table(tmp_path: Path) -> None:
    folder = pytorch(tmp_path / "m")
    columns = [
        {"type": "double", "name": "TP53", "required": True},
        {"type": "string", "name": "site", "required": False},
    ]
    described(folder, "pytorch", {"model_data": "data"}, json.dumps(columns))
    made = convert(folder, tmp_path / "x.candle").manifest
    assert made["inputs"] == [
        {"id": "TP53", "kind": "table", "dtype": "F64"},
        {"id": "site", "kind": "table", "dtype": "STR", "optional": True},
    ]


def test_many_columns_become_a_list_of_features(tmp_path: Path) -> None:
    folder = pytorch(tmp_path / "m")
    columns = [{"type": "double", "name": f"gene_{number}"} for number in range(500)]
    described(folder, "pytorch", {"model_data": "data"}, json.dumps(columns))
    made = Checkpoint(convert(folder, tmp_path / "x.candle").path)
    (table,) = made.document["inputs"]
    assert table["feature_list"]["count"] == table["axes"][1]["size"] == 500
    assert table["dtype"] == "F64"
    assert made.read_file(table["feature_list"]["path"]).decode().split()[-1] == "gene_499"


def test_the_registry_gives_name_and_version(tmp_path: Path) -> None:
    folder = pytorch(tmp_path / "m")
    (folder / "registered_model_meta").write_text("model_name: breast-survival\nmodel_version: '7'\n")
    made = convert(folder, tmp_path / "x.candle").manifest
    assert (made["name"], made["version"]) == ("breast-survival", "7")


def test_a_second_flavor_and_pickles_stay_in_the_native_bytes(tmp_path: Path) -> None:
    folder = pytorch(tmp_path / "m")
    (folder / "python_model.pkl").write_bytes(b"\x80\x05cos\nsystem\n" + bytes(99))
    (folder / "code").mkdir()
    (folder / "code" / "mine.py").write_text("raise SystemExit('never run')  # and some more words to make it longer\n")
    made = convert(folder, tmp_path / "x.candle").manifest
    reasons = {row["what"]: row.get("reason", "") for row in made["conversion"]["parts"]}
    assert "python_model.pkl" in reasons["other weights"]
    assert any(code.get("path") == "artifacts/code/mine.py" for code in made["security"]["embedded_code"])


@pytest.mark.parametrize("value", ["null", "7", "[]", "{a: {b: [1]}}", "'x'", "yes", "'[{'", "2020-01-01", "1e400"])
@pytest.mark.parametrize("key", ["signature", "mlflow_version", "model_uuid", "run_id", "utc_time_created", "metadata"])
def test_any_value_anywhere_is_no_reason_to_fail(key: str, value: str, tmp_path: Path) -> None:
    folder = pytorch(tmp_path / "m")
    (folder / "MLmodel").write_text(f"flavors:\n  pytorch:\n    model_data: data\n{key}: {value}\n")
    assert convert(folder, tmp_path / "x.candle").manifest["weights"]["tensors"]


def only(folder: Path, text: str) -> Path:
    made = pytorch(folder)
    (made / "MLmodel").write_text(text)
    return made


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("flavors:\n  pytorch: {model_data: missing}\n", MissingPartError),
        ("flavors:\n  pytorch: {model_data: ../../etc}\n", UnsafeContentError),
        ("flavors:\n  pytorch: {model_data: /etc/passwd}\n", UnsafeContentError),
        ("flavors:\n  pytorch: {model_data: MLmodel}\n", UnsupportedFormatError),
        ("flavors:\n  python_function: {loader_module: os, data: data}\n", UnsupportedFormatError),
        ("flavors:\n  pytorch: text\n", UnsupportedFormatError),
        ("flavors: {}\n", UnsupportedFormatError),
        ("flavors: [a]\n", CorruptFileError),
        ("a: &a [*a]\n", CorruptFileError),
        ("!!python/object/apply:os.system ['touch PWNED']\n", CorruptFileError),
        ("", CorruptFileError),
    ],
)
def test_hostile_descriptions(text: str, error: type[CandleSpecError], tmp_path: Path) -> None:
    with pytest.raises(error):
        CONVERTER.read(resolve_source(only(tmp_path / "m", text)))


def test_a_folder_without_flavors_is_not_one(tmp_path: Path) -> None:
    assert CONVERTER.detect(resolve_source(only(tmp_path / "m", "a: 1\n"))) is None


def test_a_named_file_below_a_folder_that_is_no_model(tmp_path: Path) -> None:
    folder = described(tmp_path / "m", "keras", {"data": "data/model.keras", "keras_version": "3.15.1"})
    (folder / "data").mkdir()
    (folder / "data" / "model.keras").write_bytes(b"cut off")
    with pytest.raises(UnsupportedFormatError, match="of no kind known here"):
        convert(folder, tmp_path / "x.candle")
