"""bioimage.io packages of 0.4 and 0.5: weights, sums, what the description fills, samples, zip files, refusals."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.convert import convert
from candle_spec.conversion.source import resolve_source
from candle_spec.converters.bioimageio_package import CONVERTER
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    MissingPartError,
    UnsafeContentError,
    UnsupportedFormatError,
)
from candle_spec.testing.contract import ConverterContract
from tests.helpers.checkpoints import residues


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.Conv2d(8, 2, 1))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files(folder: Path) -> dict[str, dict[str, str]]:
    """Write the files of a package; returns source and sum of each by its stem."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(network().state_dict(), folder / "weights.pt")
    torch.jit.script(network()).save(str(folder / "script.pt"))
    keras.utils.set_random_seed(0)
    keras.Sequential([keras.Input((40,)), keras.layers.Dense(8)]).save(folder / "model.keras")
    (folder / "unet.py").write_text("raise SystemExit('this is never run, only kept beside the weights')  # UNet2d\n")
    np.save(folder / "test_input.npy", np.ones((1, 1, 16, 16), np.float32))
    np.save(folder / "test_output.npy", np.ones((1, 2, 14, 14), np.float32))
    (folder / "README.md").write_text("# UNet for nuclei\n" + "It finds nuclei in histology.\n" * 4)
    return {path.stem: {"source": path.name, "sha256": sha256(path)} for path in sorted(folder.iterdir())}


def description(made: dict[str, dict[str, str]]) -> dict[str, Any]:
    """A description of 0.5 with everything that has a place in the manifest."""
    space = [
        {"type": "space", "id": "y", "size": {"min": 16, "step": 8}, "unit": "micrometer", "scale": 0.5},
        {"type": "space", "id": "x", "size": 16},
    ]
    return {
        "type": "model",
        "format_version": "0.5.4",
        "id": "10.5281/zenodo.1234567",
        "name": "UNet for nuclei",
        "version": "1.2",
        "description": "Finds nuclei in histology.",
        "timestamp": "2024-05-06T07:08:09Z",
        "authors": [
            {
                "name": "Ada Lovelace",
                "affiliation": "Analytical Lab",
                "orcid": "0000-0002-1825-0097",
                "email": "a@b.org",
            },
            {"name": "Mistyped", "orcid": "0000-0002-1825-0098"},
        ],
        "maintainers": [{"name": "Charles Babbage", "github_user": "cb"}],
        "cite": [{"text": "Lovelace 1843", "doi": "10.1000/xyz123"}, {"text": "Page", "url": "https://example.org/p"}],
        "license": "CC-BY-4.0",
        "tags": ["nuclei", "histology"],
        "git_repo": "https://github.com/lab/unet",
        "documentation": "README.md",
        "inputs": [
            {
                "id": "raw",
                "axes": [{"type": "batch"}, {"type": "channel", "channel_names": ["gray"]}, *space],
                "data": {"type": "float32", "range": [0, 1]},
                "preprocessing": [{"id": "zero_mean_unit_variance", "kwargs": {"axes": ["x", "y"], "eps": 1e-6}}],
                "test_tensor": made["test_input"],
            }
        ],
        "outputs": [
            {
                "id": "mask",
                "axes": [{"type": "batch"}, {"type": "channel", "channel_names": ["in", "out"]}, *space],
                "data": {"type": "float32"},
                "postprocessing": [{"id": "sigmoid"}],
                "test_tensor": made["test_output"],
            }
        ],
        "weights": {
            "torchscript": made["script"] | {"pytorch_version": "2.4.0", "parent": "pytorch_state_dict"},
            "pytorch_state_dict": made["weights"]
            | {
                "pytorch_version": "2.4.0",
                "architecture": made["unet"] | {"callable": "UNet2d", "kwargs": {"depth": 4}},
            },
        },
        "training_data": {"id": "zenodo/nuclei"},
        "config": {
            "bioimageio": {
                "reproducibility_tolerance": [{"relative_tolerance": 0.001, "absolute_tolerance": 0.0001}],
                "task": "semantic segmentation",
                "modality": "histology",
                "out_of_scope_use": "Diagnosis.",
                "training": {
                    "training_epochs": 50,
                    "loss_function": "dice",
                    "optimizer": "Adam",
                    "learning_rate": 0.001,
                },
                "evaluations": [
                    {
                        "dataset_id": "nuclei-test",
                        "dataset_role": "independent",
                        "sample_count": 20,
                        "evaluation_factors": ["all"],
                        "metrics": ["Dice", "odd"],
                        "results": [[0.91, 3.0]],
                    }
                ],
            }
        },
    }


def package(folder: Path, **changes: Any) -> Path:
    """Write a package of 0.5."""
    about = description(files(folder)) | changes
    (folder / "bioimageio.yaml").write_text(json.dumps(about, indent=1))
    return folder


def old(folder: Path) -> Path:
    """Write a package of 0.4, as YAML."""
    made = files(folder)
    (folder / "rdf.yaml").write_text(f"""format_version: 0.4.9
type: model
name: UNet for nuclei
description: Finds nuclei.
authors: [{{name: Ada Lovelace}}]
license: MIT
timestamp: 2022-03-04T05:06:07
inputs:
- name: raw
  axes: bcyx
  data_type: float32
  data_range: [-.inf, 255]
  shape: {{min: [1, 1, 16, 16], step: [0, 0, 8, 8]}}
outputs:
- {{name: mask, axes: bcyx, data_type: uint8, shape: [1, 2, 14, 14]}}
test_inputs: [test_input.npy]
test_outputs: [test_output.npy]
weights:
  pytorch_state_dict:
    source: weights.pt
    sha256: {made["weights"]["sha256"]}
    architecture: unet.py:UNet2d
    architecture_sha256: {made["unet"]["sha256"]}
    kwargs: {{depth: 4}}
""")
    return folder


def keras_only(folder: Path) -> Path:
    made = files(folder)
    return package(
        folder, weights={"keras_v3": made["model"] | {"keras_version": "3.15.1"}, "onnx": {"source": "a.onnx"}}
    )


def zipped(folder: Path) -> Path:
    package(folder)
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.iterdir()):
            archive.writestr(zipfile.ZipInfo(file.name), file.read_bytes())
    return path


MAKERS = {"0.5": package, "0.4": old, "keras": keras_only}


class TestBioimageioPackage(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=list(MAKERS))
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return MAKERS[request.param](tmp_path / "nuclei")


@pytest.mark.parametrize("maker", [package, old, zipped])
def test_the_state_dict_is_taken(maker: Any, tmp_path: Path) -> None:
    made = Checkpoint(convert(maker(tmp_path / "nuclei"), tmp_path / "x.candle").path)
    for name, tensor in network().state_dict().items():
        assert (made.tensor("model", name) == tensor.numpy()).all()
    assert made.document["name"] == "UNet for nuclei"


def test_what_the_description_fills(tmp_path: Path) -> None:
    made = convert(package(tmp_path / "nuclei"), tmp_path / "x.candle").manifest
    assert made["version"] == "1.2"
    assert made["license"] == {"weights": "CC-BY-4.0"}
    assert made["keywords"] == ["nuclei", "histology"]
    assert made["identifiers"] == [{"scheme": "doi", "value": "10.5281/zenodo.1234567"}]
    assert made["creators"] == [
        {
            "name": "Ada Lovelace",
            "orcid": "0000-0002-1825-0097",
            "affiliation": [{"name": "Analytical Lab"}],
            "email": "a@b.org",
        },
        {"name": "Mistyped"},
    ]
    assert made["contributors"] == [{"name": "Charles Babbage", "role": "ContactPerson"}]
    assert made["citation"] == "Lovelace 1843 10.1000/xyz123\nPage https://example.org/p"
    assert {row["value"]: row["relation"] for row in made["related_identifiers"]} == {
        "10.1000/xyz123": "IsDescribedBy",
        "https://github.com/lab/unet": "IsSupplementedBy",
    }
    assert made["dates"]["published"] == "2024-05-06"
    assert made["model"]["task"] == "semantic segmentation"
    assert made["model"]["architecture"] == "UNet2d"
    assert made["model"]["framework"]["version"] == "2.4.0"
    implementation = made["model"]["implementation"]
    assert implementation["source"] == {
        "path": "artifacts/unet.py",
    }
    assert implementation["kwargs"] == {"depth": 4}
    assert made["training"]["epochs"] == 50
    assert made["training"]["optimizer"] == {"name": "Adam"}
    assert made["training"]["datasets"] == [{"name": "zenodo/nuclei", "role": "train"}]
    assert made["out_of_scope_use"] == "Diagnosis."
    (score,) = made["evaluations"]
    assert (score["metric"]["id"], score["value"], score["split"], score["n"]) == ("dice", 0.91, "external", 20)
    (given,) = made["inputs"]
    assert (given["kind"], given["dtype"], given["range"]) == ("image", "F32", {"min": 0, "max": 1})
    assert given["axes"] == [
        {"name": "batch", "size": None},
        {"name": "channel", "size": 1},
        {"name": "y", "size": None, "min": 16, "step": 8, "unit": "micrometer"},
        {"name": "x", "size": 16},
    ]
    assert given["preprocessing"] == [{"name": "zero_mean_unit_variance", "params": {"axes": ["x", "y"], "eps": 1e-06}}]
    assert made["outputs"][0]["postprocessing"] == [{"name": "sigmoid"}]


def test_test_tensors_become_a_vector(tmp_path: Path) -> None:
    made = Checkpoint(convert(package(tmp_path / "nuclei"), tmp_path / "x.candle").path)
    (vector,) = made.document["verification"]["vectors"]
    assert vector["tolerance"] == {"rtol": 0.001, "atol": 0.0001}
    assert (np.load(made.file(vector["inputs"])) == 1).all()
    roles = {row["path"]: row["role"] for row in made.document["files"]}
    assert roles[vector["inputs"]] == "sample-input"
    assert roles[vector["outputs"]] == "expected-output"


def test_the_old_form_of_axes(tmp_path: Path) -> None:
    made = convert(old(tmp_path / "nuclei"), tmp_path / "x.candle").manifest
    (given,) = made["inputs"]
    assert [axis["name"] for axis in given["axes"]] == ["batch", "channel", "y", "x"]
    assert given["axes"][0] == {"name": "batch", "size": 1}
    assert given["axes"][2] == {"name": "y", "size": None, "min": 16, "step": 8}
    assert given["range"] == {"max": 255}
    assert made["outputs"][0]["dtype"] == "U8"
    assert made["model"]["implementation"]["callable"] == "UNet2d"
    assert made["verification"]["vectors"]


def test_further_weights_stay_in_the_native_bytes(tmp_path: Path) -> None:
    made = convert(package(tmp_path / "nuclei"), tmp_path / "x.candle").manifest
    reasons = {row["what"]: row.get("reason", "") for row in made["conversion"]["parts"]}
    assert reasons["other weights"].endswith("script.pt")


def test_a_wrong_sum_is_said(tmp_path: Path) -> None:
    folder = package(tmp_path / "nuclei")
    assert not [found for found in convert(folder, tmp_path / "x.candle").report.problems if found.code == "CKP4032"]
    with (folder / "unet.py").open("a") as file:
        file.write("# changed\n")
    problems = convert(folder, tmp_path / "y.candle").report.problems
    assert "unet.py" in next(found.message for found in problems if found.code == "CKP4032")


def test_a_stored_zip_file_leaves_little(tmp_path: Path) -> None:
    path = zipped(tmp_path / "nuclei")
    made = convert(path, tmp_path / "x.candle").manifest
    assert made["conversion"]["native"]["variant"] == "zip:bioimageio_package"
    other = (tmp_path / "nuclei" / "script.pt").stat().st_size
    assert next(iter(residues(tmp_path / "x.candle").values())) < 6_000 + other


@pytest.mark.parametrize("value", [None, 7, "x" * 3000, [[]], [{"name": {"a": 1}}], {"": 1}, ["a", None]], ids=str)
@pytest.mark.parametrize(
    "key", "id name authors cite license tags inputs outputs config timestamp parent git_repo".split()
)
def test_any_value_anywhere_is_no_reason_to_fail(key: str, value: Any, tmp_path: Path) -> None:
    folder = tmp_path / "nuclei"
    folder.mkdir()
    torch.save(network().state_dict(), folder / "weights.pt")
    about = {"format_version": "0.5.4", "weights": {"pytorch_state_dict": {"source": "weights.pt"}}, key: value}
    (folder / "rdf.yaml").write_text(json.dumps(about))
    assert convert(folder, tmp_path / "x.candle").manifest["weights"]["tensors"]


@pytest.mark.parametrize(
    ("weights", "error"),
    [
        ({"pytorch_state_dict": {"source": "missing.pt"}}, MissingPartError),
        ({"pytorch_state_dict": {"source": "https://example.org/weights.pt"}}, MissingPartError),
        ({"pytorch_state_dict": {"source": "../weights.pt"}}, UnsafeContentError),
        ({"pytorch_state_dict": {"source": "/etc/passwd"}}, UnsafeContentError),
        ({"pytorch_state_dict": {"source": 7}}, MissingPartError),
        ({"pytorch_state_dict": {"source": "README.md"}}, UnsupportedFormatError),
        ({"tensorflow_js": {"source": "weights.pt"}}, UnsupportedFormatError),
        ({}, UnsupportedFormatError),
    ],
)
def test_weights_that_cannot_be_read(weights: Any, error: type[CandleSpecError], tmp_path: Path) -> None:
    with pytest.raises(error):
        convert(package(tmp_path / "nuclei", weights=weights), tmp_path / "x.candle")


def test_test_tensors_that_lead_out(tmp_path: Path) -> None:
    with pytest.raises(UnsafeContentError):
        convert(package(tmp_path / "n", inputs=[{"test_tensor": {"source": "../../x.npy"}}]), tmp_path / "x.candle")


@pytest.mark.parametrize(
    "text", ["", "a: 1", "type: dataset\nformat_version: 0.5\nweights: {}", "!!python/tuple [1]", "[" * 999]
)
def test_descriptions_that_are_none(text: str, tmp_path: Path) -> None:
    folder = package(tmp_path / "nuclei")
    (folder / "bioimageio.yaml").write_text(text)
    assert CONVERTER.detect(resolve_source(folder)) is None
    with pytest.raises(CandleSpecError) as raised:
        CONVERTER.read(resolve_source(folder))
    assert not isinstance(raised.value, UnsupportedFormatError) or isinstance(raised.value, CorruptFileError)
