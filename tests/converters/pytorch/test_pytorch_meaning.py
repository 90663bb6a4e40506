"""What the keys of PyTorch checkpoints mean: which tensors are the model, scores, settings, states of optimizers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import candle_spec
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.meaning import kind_of


def converted(native: Any, folder: Path) -> Checkpoint:
    torch.save(native, folder / "native.pt")
    return candle_spec.convert(folder / "native.pt", folder / "native.candle")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("best_model_state_dict", "model"),
        ("best_model", "model"),
        ("best_state", "model"),
        ("best_weights", "model"),
        ("train_mean", "other"),
        ("test_preds", "other"),
        ("best_acc", "metric"),
        ("best_val_loss", "metric"),
        ("val_pcc", "metric"),
        ("train_losses", "metric"),
        ("best_epoch", "metric"),
        ("optimizer_G", "optimizer"),
        ("ema_model", "ema"),
    ],
)
def test_keys(key: str, kind: str) -> None:
    assert kind_of(key) == kind


def test_the_best_weights_are_the_model(tmp_path: Path) -> None:
    net = nn.Linear(4, 3)
    made = converted({"best_model_state_dict": net.state_dict(), "test_preds": torch.ones(9)}, tmp_path)
    assert made.groups == ["model", "other"]
    (tmp_path / "plain").mkdir()
    plain = converted(net.state_dict(), tmp_path / "plain")
    assert made.document["weights"]["content_digest"] == plain.document["weights"]["content_digest"]


def test_scores_are_named_with_their_split(tmp_path: Path) -> None:
    native = {
        "state_dict": nn.Linear(2, 1).state_dict(),
        "best_acc": np.float32(0.5),
        "val_rmse": 0.25,
        "valid_r2": float("nan"),
        "test_acc": 91.0,
        "val_surprise_score": 1.0,
    }
    made = converted(native, tmp_path)
    found = [(row["metric"]["id"], row["value"], row.get("split")) for row in made.document["evaluations"]]
    assert found == [("accuracy", 0.5, None), ("rmse", 0.25, "val")]
    origin = next(row for row in made.document["field_sources"] if row["pointer"] == "/evaluations")
    assert origin["detail"] == "key best_acc, val_rmse"


def test_a_pickled_optimizer_names_its_states_by_position(tmp_path: Path) -> None:
    net = nn.Linear(4, 3)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    made = converted({"model": net, "opt": optimizer, "epoch": 3}, tmp_path)
    assert [t.name for t in made.tensors if t.group == "optimizer" and t.alias_of is None] == [
        f"state.{i}.{name}" for i in range(2) for name in ("step", "exp_avg", "exp_avg_sq")
    ]
    owners = {t.name: t.alias_of for t in made.tensors if t.group == "optimizer" and t.alias_of is not None}
    assert owners["state.0"] == owners["param_groups.0.params.0"] == ("model", "weight")


def test_a_scaler_with_tensors_belongs_to_the_data(tmp_path: Path) -> None:
    native = {"model": nn.Linear(2, 1).state_dict(), "scaler": {"mean": torch.ones(2)}}
    made = converted(native, tmp_path)
    assert made.groups == ["model", "artifact"]
    assert made.document["training_state"]["parts"]["scaler"]["status"] == "absent"
    mixed = {"model": nn.Linear(2, 1).state_dict(), "scaler": {"scale": 65536.0, "growth_factor": 2.0}}
    (tmp_path / "mixed").mkdir()
    assert converted(mixed, tmp_path / "mixed").document["training_state"]["parts"]["scaler"]["status"] == "present"


def test_devices_and_types_in_settings_are_read_as_people_write_them(tmp_path: Path) -> None:
    settings = {"device": torch.device("cuda", 1), "cpu": torch.device("cpu"), "dtype": torch.float16, "act": nn.ReLU}
    made = converted({"model": nn.Linear(2, 1).state_dict(), "config": settings}, tmp_path)
    assert made.document["training"]["hyperparameters"] == {
        "device": "cuda:1",
        "cpu": "cpu",
        "dtype": "torch.float16",
        "act": "torch.nn.modules.activation.ReLU",
    }


def test_folders_of_the_authors_are_warned_about(tmp_path: Path) -> None:
    """Lightning's callbacks keep the paths of the machine that trained."""
    callbacks = {"ModelCheckpoint": {"best_model_path": "/home/ada/runs/best.ckpt", "dirpath": None}}
    made = converted({"state_dict": nn.Linear(2, 1).state_dict(), "callbacks": callbacks}, tmp_path)
    found = [problem for problem in candle_spec.validate(made.path).problems if problem.code == "CKP5020"]
    assert [(problem.location.file, problem.severity.value) for problem in found] == [("state.json", "warning")]
    clean = converted({"state_dict": nn.Linear(2, 1).state_dict(), "callbacks": {"a": "/data/run"}}, fresh(tmp_path))
    assert not any(problem.code == "CKP5020" for problem in candle_spec.validate(clean.path).problems)


def fresh(folder: Path) -> Path:
    (folder / "fresh").mkdir()
    return folder / "fresh"


def test_large_settings_are_a_document_of_the_manifest(tmp_path: Path) -> None:
    settings = {"classes": [f"class {number}" for number in range(10_000)], "lr": 0.1}
    made = converted({"model": nn.Linear(2, 1).state_dict(), "config": settings}, tmp_path)
    stated = made.document["training"]["hyperparameters"]
    assert stated == {"classes": {"$document": "documents/0.json"}, "lr": 0.1}
    assert json.loads((made.path / "documents/0.json").read_bytes()) == settings["classes"]
