"""MONAI bundles: which model is taken, what metadata.json fills, values that have no place, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion import registry
from candle_spec.conversion.convert import convert
from candle_spec.conversion.source import resolve_source
from candle_spec.converters.monai_bundle import CONVERTER
from candle_spec.errors import CandleSpecError, CorruptFileError, MissingPartError
from candle_spec.testing.contract import ConverterContract

METADATA: dict[str, Any] = {
    "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json",
    "version": "0.5.6",
    "changelog": {"0.5.6": "initial"},
    "monai_version": "1.4.0",
    "pytorch_version": "2.4.0",
    "numpy_version": "1.24.4",
    "required_packages_version": {"nibabel": "5.2.1", "itk": "5.4.0"},
    "name": "Spleen CT segmentation",
    "task": "Spleen segmentation in CT image",
    "description": "A model for volumetric segmentation of the spleen from CT image",
    "authors": "MONAI team, A. Lovelace",
    "copyright": "Copyright (c) 2023 MONAI Consortium",
    "data_source": "Task09_Spleen.tar from http://medicaldecathlon.com/",
    "data_type": "nibabel",
    "image_classes": "single channel data, intensity scaled to [0, 1]",
    "pred_classes": "2 channels OneHot data, channel 1 is spleen",
    "eval_metrics": {"mean_dice": 0.961, "hausdorff_95": 3.2, "odd_thing": 7, "accuracy": 96.1},
    "intended_use": "This is an example, not to be used for diagnostic purposes",
    "references": ["Xia, Yingda, et al. arXiv 1811.12506 (2018)", "https://doi.org/10.1007/978-3-030-12029-0_40."],
    "network_data_format": {
        "inputs": {
            "image": {
                "type": "image",
                "format": "hounsfield",
                "modality": "CT",
                "num_channels": 1,
                "spatial_shape": [96, "16*n", "*"],
                "dtype": "float32",
                "value_range": [0, 1],
                "is_patch_data": True,
                "channel_def": {"0": "image"},
            }
        },
        "outputs": {
            "pred": {
                "type": "image",
                "format": "segmentation",
                "num_channels": 2,
                "spatial_shape": [96, 96, 96],
                "dtype": "float32",
                "value_range": [],
                "channel_def": {"0": "background", "1": "spleen"},
            }
        },
        "post_processed_outputs": {"pred": {"type": "image", "format": "labels", "num_channels": 1}},
    },
}


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv3d(1, 8, 3), torch.nn.BatchNorm3d(8))


def bundle(folder: Path, metadata: Any = METADATA, *, script: bool = False, weights: bool = True) -> Path:
    """Write a bundle as ``monai.bundle init_bundle`` lays it out."""
    for name in ("configs", "models", "docs"):
        (folder / name).mkdir(parents=True)
    text = metadata if isinstance(metadata, str) else json.dumps(metadata, indent=4)
    (folder / "configs" / "metadata.json").write_text(text)
    (folder / "configs" / "inference.json").write_text(
        json.dumps({"network_def": {"_target_": "os.system"}, "x": "y" * 60})
    )
    if weights:
        torch.save(network().state_dict(), folder / "models" / "model.pt")
    if script:
        torch.jit.script(network()).save(str(folder / "models" / "model.ts"))
    (folder / "docs" / "README.md").write_text("# Model overview\n" + "A model of the spleen.\n" * 5)
    (folder / "docs" / "data_license.txt").write_text(
        "CC-BY-SA 4.0, as said by those who made the data, in many words\n"
    )
    (folder / "LICENSE").write_text("Apache License, Version 2.0, and all that follows it in the real file\n")
    return folder


class TestMonaiBundle(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=["pt", "pt-and-ts", "ts"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return bundle(tmp_path / "spleen_ct", script="ts" in request.param, weights="pt" in request.param)


def test_the_state_dict_is_taken(tmp_path: Path) -> None:
    made = Checkpoint(convert(bundle(tmp_path / "b", script=True), tmp_path / "x.candle").path)
    for name, tensor in network().state_dict().items():
        assert (made.tensor("model", name) == tensor.numpy()).all()
    reasons = {row["what"]: row.get("reason", "") for row in made.document["conversion"]["parts"]}
    assert reasons["other weights"].endswith("models/model.ts")


def test_what_the_metadata_fills(tmp_path: Path) -> None:
    made = convert(bundle(tmp_path / "b"), tmp_path / "x.candle").manifest
    assert made["name"] == "Spleen CT segmentation"
    assert made["version"] == "0.5.6"
    assert made["description"].startswith("A model for volumetric")
    assert made["model"]["task"] == "Spleen segmentation in CT image"
    assert made["model"]["framework"] | {"evidence": []} == {"name": "pytorch", "version": "2.4.0", "evidence": []}
    assert made["creators"] == [{"name": "MONAI team"}, {"name": "A. Lovelace"}]
    assert made["contributors"] == [{"name": "MONAI Consortium", "role": "RightsHolder"}]
    assert made["intended_use"].startswith("This is an example")
    assert made["citation"].startswith("Xia")
    assert made["related_identifiers"] == [
        {"scheme": "doi", "value": "10.1007/978-3-030-12029-0_40", "relation": "IsDescribedBy"}
    ]
    assert made["training"]["datasets"][0]["name"].startswith("Task09_Spleen")
    assert made["environment"]["packages"] == {
        "nibabel": "5.2.1",
        "itk": "5.4.0",
        "monai": "1.4.0",
        "torch": "2.4.0",
        "numpy": "1.24.4",
    }
    assert [(row["metric"]["id"], row["value"]) for row in made["evaluations"]] == [
        ("dice", 0.961),
        ("hausdorff-95", 3.2),
    ]
    (given,) = made["inputs"]
    assert (given["id"], given["kind"], given["dtype"], given["unit"]) == ("image", "image", "F32", "HU")
    assert given["range"] == {"min": 0, "max": 1}
    assert [axis["size"] for axis in given["axes"]] == [None, 1, 96, None, None]
    (result,) = made["outputs"]
    assert result["labels"] == [{"value": 0, "name": "background"}, {"value": 1, "name": "spleen"}]
    assert result["postprocessing"][0]["params"]["pred"]["format"] == "labels"
    roles = {row["path"]: row["role"] for row in made["files"]}
    assert roles["artifacts/configs/metadata.json"] == roles["artifacts/configs/inference.json"] == "config"
    assert roles["artifacts/docs/data_license.txt"] == roles["artifacts/LICENSE"] == "license"
    assert roles["artifacts/docs/README.md"] == "document"


@pytest.mark.parametrize("key", list(METADATA))
@pytest.mark.parametrize("value", [None, 7, "", "x" * 200_000, ["a", {"b": []}], {"": {"": 1}}], ids=str)
def test_any_value_anywhere_is_no_reason_to_fail(key: str, value: Any, tmp_path: Path) -> None:
    if key == "schema":
        return
    changed = METADATA | {key: value}
    assert convert(bundle(tmp_path / "b", changed), tmp_path / "x.candle").manifest["weights"]["tensors"]


def test_odd_names_and_numbers_in_the_network_format(tmp_path: Path) -> None:
    odd = {
        "inputs": {"": {}, "x" * 300: {}, "ok": {"num_channels": -1, "dtype": 3, "value_range": ["a", 1e400]}},
        "outputs": 7,
    }
    text = json.dumps(METADATA | {"network_data_format": odd}).replace("Infinity", "2")
    made = convert(bundle(tmp_path / "b", text), tmp_path / "x.candle").manifest
    assert [row["id"] for row in made["inputs"]] == ["ok"]
    assert made["inputs"][0]["range"] == {"max": 2}
    assert "outputs" not in made


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1, "a": 2}', "", "\ufeff{}"])
def test_metadata_that_is_none(text: str, tmp_path: Path) -> None:
    folder = bundle(tmp_path / "b", text)
    assert CONVERTER.detect(resolve_source(folder)) is None
    with pytest.raises(CorruptFileError):
        CONVERTER.read(resolve_source(folder))


def test_a_bundle_whose_model_was_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(MissingPartError, match=r"models/model\.pt") as raised:
        convert(bundle(tmp_path / "b", weights=False), tmp_path / "x.candle")
    assert "large_files.yml" in raised.value.hint


def test_a_pointer_instead_of_the_model(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "b")
    (folder / "models" / "model.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(CandleSpecError, match="LFS"):
        convert(folder, tmp_path / "x.candle")


def test_another_metadata_file_is_not_a_bundle(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "b", {"name": "something", "version": "1"})
    found = registry.recognise(resolve_source(folder))
    assert found is None or found[0].name != "monai_bundle"
