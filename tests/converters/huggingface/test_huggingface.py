"""Hugging Face folders: which weights are taken, what the descriptions fill, checkpoints of the Trainer, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion import registry
from candle_spec.conversion.convert import convert
from candle_spec.conversion.discovery import discover
from candle_spec.conversion.source import resolve_source
from candle_spec.conversion.summary import use_it
from candle_spec.converters.huggingface import CONVERTER
from candle_spec.errors import CandleSpecError, CorruptFileError, InvalidInputError, MissingPartError
from candle_spec.testing.contract import ConverterContract
from tests.helpers.checkpoints import residues

CONFIG = {
    "architectures": ["BertForSequenceClassification"],
    "model_type": "bert",
    "transformers_version": "4.41.2",
    "max_position_embeddings": 512,
    "id2label": {"0": "normal", "1": "tumour"},
    "_name_or_path": "lab/pathology-bert",
}
CARD = """---
license: apache-2.0
language: no
pipeline_tag: text-classification
tags: [pathology, on]
datasets: [lab/reports]
base_model: lab/bert-base
co2_eq_emissions: {emissions: 12.5, hardware_used: 1 V100}
model-index:
- name: PathBERT
  results:
  - task: {type: text-classification, name: Subtyping}
    dataset: {type: lab/reports, name: TCGA reports, split: test}
    metrics:
    - {type: accuracy, value: 0.91}
    - {type: accuracy, value: 91.0}
    - {type: home-made, value: 1.0}
---
# Model Card for PathBERT large

PathBERT reads pathology reports and says of which subtype the tumour is.

## Intended uses

Research only.

## Out-of-Scope Use

[More Information Needed]

## Citation

```bibtex
@article{path}
```
"""


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return {"bert.embeddings.weight": torch.randn(30, 16), "classifier.weight": torch.randn(2, 16)}


def write(folder: Path, *, card: str = CARD, config: dict[str, Any] | None = None) -> Path:
    """Write a folder as the Hub holds one, with the same weights in three formats."""
    folder.mkdir(parents=True)
    save_file(weights(), folder / "model.safetensors", {"format": "pt"})
    torch.save(weights(), folder / "pytorch_model.bin")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(b"\x08\x08" + bytes(range(200)))
    (folder / "config.json").write_text(json.dumps(config or CONFIG))
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": {"vocab": {"[PAD]": 0}}}))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    (folder / "vocab.txt").write_text("[PAD]\ntumour\n")
    (folder / "modeling_path.py").write_text(
        "raise SystemExit('this is never run, only kept beside the weights: ok')\n"
    )
    (folder / "README.md").write_text(card)
    (folder / "LICENSE").write_text("Apache License, Version 2.0, and so on, at some length here\n")
    return folder


def trainer(folder: Path) -> Path:
    """Write a checkpoint of the Trainer."""
    folder.mkdir(parents=True)
    network = torch.nn.Linear(16, 4)
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 16)).sum().backward()
    optimizer.step()
    save_file(network.state_dict(), folder / "model.safetensors", {"format": "pt"})
    torch.save(optimizer.state_dict(), folder / "optimizer.pt")
    torch.save(torch.optim.lr_scheduler.StepLR(optimizer, 2).state_dict(), folder / "scheduler.pt")
    torch.save({"cpu": torch.get_rng_state(), "python": (3, (1, 2), None)}, folder / "rng_state.pth")
    state = {"global_step": 500, "epoch": 2.0, "num_train_epochs": 3, "log_history": [{"loss": 0.5}]}
    (folder / "trainer_state.json").write_text(json.dumps(state))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder


def sharded_bin(folder: Path) -> Path:
    """Write two shards of PyTorch with their index."""
    folder.mkdir(parents=True)
    names = {}
    for number, (name, tensor) in enumerate(weights().items(), start=1):
        file = f"pytorch_model-{number:05d}-of-00002.bin"
        torch.save({name: tensor}, folder / file)
        names[name] = file
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": names}))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder


def diffusers(folder: Path) -> Path:
    """Write a pipeline of two components."""
    for name in ("unet", "vae"):
        (folder / name).mkdir(parents=True)
        save_file(weights(len(name)), folder / name / "diffusion_pytorch_model.safetensors", {"format": "pt"})
        (folder / name / "config.json").write_text('{"_class_name": "Net"}')
    index = {"_class_name": "Pipe", "_diffusers_version": "0.30.0", "unet": ["diffusers", "U"], "vae": ["d", "V"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


MAKERS = {"hub": write, "trainer": trainer, "bin-shards": sharded_bin, "diffusers": diffusers}


class TestHuggingFace(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=list(MAKERS))
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return MAKERS[request.param](tmp_path / "pathbert")


def part(manifest: dict[str, Any], what: str) -> dict[str, Any]:
    return next(row for row in manifest["conversion"]["parts"] if row["what"] == what)


def test_safetensors_are_taken_and_equal_tensors_stored_once(tmp_path: Path) -> None:
    folder = write(tmp_path / "pathbert")
    made = Checkpoint(convert(folder, tmp_path / "x.candle").path)
    for name, tensor in weights().items():
        assert (made.tensor("model", name) == tensor.numpy()).all()
    left = residues(tmp_path / "x.candle")
    tensors = sum(tensor.nbytes for tensor in weights().values())
    assert left["pytorch_model.bin"] == (folder / "pytorch_model.bin").stat().st_size - tensors
    assert left["onnx/model.onnx"] == 202
    assert left["README.md"] == left["config.json"] == 0
    assert "stored once" in part(made.document, "other weights")["reason"]
    assert "onnx/model.onnx" in part(made.document, "weights in other formats")["reason"]


def test_other_values_in_another_format_are_kept_apart(tmp_path: Path) -> None:
    folder = write(tmp_path / "pathbert")
    torch.save(weights(seed=7), folder / "pytorch_model.bin")
    convert(folder, tmp_path / "x.candle")
    left = residues(tmp_path / "x.candle")
    assert left["pytorch_model.bin"] == (folder / "pytorch_model.bin").stat().st_size


def test_a_damaged_second_format_does_not_hinder(tmp_path: Path) -> None:
    folder = write(tmp_path / "pathbert")
    (folder / "pytorch_model.bin").write_bytes((folder / "pytorch_model.bin").read_bytes()[:500])
    made = convert(folder, tmp_path / "x.candle").manifest
    assert any("not read" in row.get("reason", "") for row in made["conversion"]["parts"])


def test_what_the_descriptions_fill(tmp_path: Path) -> None:
    made = convert(write(tmp_path / "repo"), tmp_path / "x.candle").manifest
    assert made["name"] == "PathBERT"
    assert made["license"] == {"weights": "Apache-2.0"}
    assert made["keywords"] == ["pathology", "on"]
    assert made["model"]["task"] == "text-classification"
    assert made["model"]["architecture"] == "BertForSequenceClassification"
    assert made["model"]["architecture_family"] == "bert"
    assert made["model"]["framework"]["name"] == "pytorch"
    assert made["environment"]["packages"] == {"transformers": "4.41.2"}
    assert made["outputs"][0]["labels"] == [{"value": 0, "name": "normal"}, {"value": 1, "name": "tumour"}]
    tokens = made["inputs"][0]
    assert tokens["axes"][1] == {"name": "sequence", "size": None, "max": 512}
    assert tokens["preprocessing"] == [{"name": "BertTokenizer", "artifact": "artifacts/tokenizer.json"}]
    assert made["base_models"] == [{"identifier": {"scheme": "hf", "value": "lab/bert-base"}, "relation": "finetune"}]
    assert made["training"]["datasets"][0]["name"] == "lab/reports"
    assert made["training"]["compute"]["emissions"] == {"value": 12.5, "unit": "g CO2e"}
    assert [row["value"] for row in made["evaluations"]] == [0.91]
    assert made["evaluations"][0]["split"] == "test"
    assert made["description"].startswith("PathBERT reads")
    assert made["intended_use"] == "Research only."
    assert "out_of_scope_use" not in made
    assert made["citation"] == "@article{path}"
    roles = {row["path"]: row["role"] for row in made["files"]}
    assert roles["artifacts/README.md"] == "document"
    assert roles["artifacts/LICENSE"] == "license"
    assert roles["artifacts/modeling_path.py"] == "code"
    assert roles["artifacts/config.json"] == "config"
    code = {"path": "artifacts/modeling_path.py", "kind": "python-source", "description": "kept, not run"}
    assert made["security"]["embedded_code"] == [code]


@pytest.mark.parametrize(
    "card", ["---\n: : [\n---\n", "---\n!!python/object:os.system x\n---\n", "---\na: 1\na: 2\n---\n"]
)
def test_a_card_that_cannot_be_read_is_kept_and_said(card: str, tmp_path: Path) -> None:
    made = convert(write(tmp_path / "pathbert", card=card), tmp_path / "x.candle").manifest
    assert part(made, "description README.md")["status"] == "residue"
    assert "artifacts/README.md" in {row["path"] for row in made["files"]}
    assert made["name"] == "lab/pathology-bert"


def test_values_that_do_not_fit_are_left_out(tmp_path: Path) -> None:
    odd = {"architectures": [7, "x" * 5000], "model_type": ["a"], "id2label": {"a": "b"}, "transformers_version": {}}
    card = "---\nlicense: [a, b]\ntags: {a: b}\ndatasets: 7\nbase_model: 'a b c'\nmodel-index: no\n---\n"
    made = convert(write(tmp_path / "pathbert", card=card, config=odd), tmp_path / "x.candle").manifest
    assert not {"license", "keywords", "base_models", "evaluations", "environment", "outputs"} & made.keys()


def test_a_checkpoint_of_the_trainer_can_go_on(tmp_path: Path) -> None:
    made = Checkpoint(convert(trainer(tmp_path / "checkpoint-500"), tmp_path / "x.candle").path)
    state = made.document["training_state"]
    assert (state["step"], state["epoch"]) == (500, 2)
    assert made.document["training"]["epochs"] == 3
    assert {name: row["status"] for name, row in state["parts"].items()} | {
        "sampler": "",
        "metric": "",
        "scaler": "",
    } == {
        "optimizer": "present",
        "scheduler": "present",
        "rng": "present",
        "sampler": "",
        "metric": "",
        "scaler": "",
    }
    assert set(made.groups) == {"model", "optimizer", "rng"}
    reference = torch.load(tmp_path / "checkpoint-500" / "optimizer.pt", weights_only=True)
    for index, row in reference["state"].items():
        for key, tensor in row.items():
            assert (made.tensor("optimizer", f"{index}.{key}") == tensor.numpy()).all()
    tree = dict(json.loads((made.path / "state.json").read_text())["tree"]["$dict"])
    assert set(tree) == {"model", "optimizer.pt", "scheduler.pt", "rng_state.pth"}


def test_shards_of_pytorch(tmp_path: Path) -> None:
    made = Checkpoint(convert(sharded_bin(tmp_path / "pathbert"), tmp_path / "x.candle").path)
    assert list(made.state_dict("model", framework="numpy")) == list(weights())


def test_components_are_groups(tmp_path: Path) -> None:
    made = Checkpoint(convert(diffusers(tmp_path / "pipe"), tmp_path / "x.candle").path)
    assert set(made.groups) == {"model.unet", "model.vae"}
    assert made.document["model"]["architecture"] == "Pipe"
    assert made.document["environment"]["packages"] == {"diffusers": "0.30.0"}


def test_several_models_are_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "out")
    trainer(tmp_path / "out" / "checkpoint-500")
    assert registry.detect(resolve_source(tmp_path / "out"))[1].confidence == 60
    with pytest.raises(InvalidInputError, match="checkpoint-500"):
        convert(tmp_path / "out", tmp_path / "x.candle")
    assert "out/checkpoint-500" in [found.name for found in discover(tmp_path).found]


def test_models_of_unusual_names_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "out")
    (folder / "model.safetensors").rename(folder / "first.safetensors")
    save_file(weights(), folder / "second.safetensors")
    with pytest.raises(InvalidInputError, match="usual name"):
        convert(folder, tmp_path / "x.candle")


def test_a_variant_is_another_format(tmp_path: Path) -> None:
    folder = write(tmp_path / "out")
    save_file({key: tensor.half() for key, tensor in weights().items()}, folder / "model.fp16.safetensors")
    made = convert(folder, tmp_path / "x.candle").manifest
    assert {row["dtype"] for row in made["weights"]["tensors"]} == {"F32"}


@pytest.mark.parametrize(
    ("break_it", "error"),
    [
        (lambda folder: (folder / "pytorch_model-00002-of-00002.bin").unlink(), MissingPartError),
        (lambda folder: (folder / "pytorch_model.bin.index.json").write_text("{}"), CorruptFileError),
        (
            lambda folder: (folder / "pytorch_model.bin.index.json").write_text('{"weight_map": {"a": "../x"}}'),
            MissingPartError,
        ),
        (lambda folder: (folder / "pytorch_model-00001-of-00002.bin").write_bytes(b"<html>"), CandleSpecError),
    ],
    ids=["no-shard", "no-map", "out-of-folder", "error-page"],
)
def test_damaged_folders(break_it: Any, error: type[CandleSpecError], tmp_path: Path) -> None:
    folder = sharded_bin(tmp_path / "model")
    break_it(folder)
    with pytest.raises(error):
        convert(folder, tmp_path / "x.candle")
    assert not (tmp_path / "x.candle").exists()


def test_it_is_run_by_the_library_that_its_configuration_names(tmp_path: Path) -> None:
    made = convert(write(tmp_path / "pathbert"), tmp_path / "x.candle")
    assert use_it(Checkpoint(made.path), [])[-1] == (
        "to run it: pip install torch transformers==4.41.2; then from_pretrained of the restored folder"
    )
