"""The save patterns of IMPROVE's 29 models: what their train scripts leave behind, converted in one command.

The calls are those of the models' repositories (https://github.com/JDACS4C-IMPROVE); the networks are small stand-ins.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import keras
import lightgbm
import numpy as np
import pytest
import sklearn.ensemble
import sklearn.preprocessing
import tensorflow as tf
import torch
import xgboost

import candle_spec
from candle_spec.conversion.convert import Options, convert
from candle_spec.errors import CandleSpecError
from tests.helpers.native.candle_folders import LOG, SCORES
from tests.helpers.native.candle_folders import make as candle_checkpoint

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(60, 6)), RANDOM.normal(size=60)


class Net(torch.nn.Module):
    """A stand-in for a network whose class is pickled with it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(6, 4)
        self.last = torch.nn.Linear(4, 1)


def network() -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def saved_model(path: Path) -> None:
    module = tf.Module()
    module.kernel = tf.Variable(tf.ones((6, 4)), name="dense/kernel")
    module.bias = tf.Variable(tf.zeros((4,)), name="dense/bias")
    module.__call__ = tf.function(lambda x: x @ module.kernel + module.bias, [tf.TensorSpec((None, 6), tf.float32)])
    path.parent.mkdir(parents=True, exist_ok=True)
    tf.saved_model.save(module, str(path))


def saver(prefix: Path, step: int | None = None) -> None:
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.get_variable("conv/weights", shape=(3, 3, 1, 4))
        tf.compat.v1.get_variable("conv/biases", shape=(4,))
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(max_to_keep=5).save(session, str(prefix), global_step=step)


def state_dict(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(Net().state_dict(), path)


def wrapped(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model_state_dict": Net().state_dict()}, path)


def module(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(Net(), path)


def paccmann(at: Path) -> None:
    state_dict(at / "model.pt")
    state_dict(at / "weights" / "epoch_0_mca.pt")
    (at / "final_params.pickle").write_bytes(pickle.dumps({"epochs": 2, "lr": 0.1}))


def igtd(at: Path) -> None:
    network().save(at / "model.h5")
    (at / "log.csv").write_text("epoch,loss,val_loss\n0,1.0,1.1\n")


def lgbm(at: Path) -> None:
    lightgbm.LGBMRegressor(n_estimators=5, verbose=-1).fit(X, Y).booster_.save_model(str(at / "model.txt"))
    joblib.dump(sklearn.preprocessing.StandardScaler().fit(X), at / "x_data_gene_expression_scaler.gz")


def forest(at: Path) -> None:
    joblib.dump(sklearn.ensemble.RandomForestRegressor(3, warm_start=True).fit(X, Y), str(at / "model.joblib"))


def matchmaker(at: Path) -> None:
    network().save(at / "model.keras")
    (at / "checkpoint").mkdir()


def drugcell(at: Path) -> None:
    for epoch in (0, 1):
        module(at / f"model_{epoch}.pt")
    module(at / "model_final.pt")


def bigdrp(at: Path) -> None:
    state_dict(at / "model_weights_fold_anl.pt")
    (at / "model_config_fold.txt").write_text(json.dumps({"n_layers": 2, "dropout": 0.1}))


Maker = Callable[[Path], Any]

FOLDERS: tuple[tuple[str, Maker, str, int], ...] = (
    ("01 GraphDRP", lambda at: state_dict(at / "model.pt"), "pytorch", 4),
    ("02 DeepTTC", lambda at: state_dict(at / "model.pt"), "pytorch", 4),
    ("03 PathDSP", lambda at: state_dict(at / "model.pt"), "pytorch", 4),
    ("04 Paccmann_MCA", paccmann, "pytorch", 4),
    ("05 DualGCN", lambda at: network().save(at / "model.h5"), "keras", 4),
    ("06 HiDRA", lambda at: network().save(at / "model.h5"), "keras", 4),
    ("07 IGTD", igtd, "keras", 4),
    ("08 DeepCDR", lambda at: saved_model(at / "DeepCDR_model" / "DeepCDR_model"), "tensorflow_savedmodel", 2),
    ("09 tCNNS", lambda at: saver(at / "model" / "result.ckpt"), "tensorflow_checkpoint", 2),
    ("10 UNO", lambda at: saved_model(at / "model"), "tensorflow_savedmodel", 2),
    ("11 LGBM", lgbm, "lightgbm", 0),
    (
        "12 XGBoost-DRP",
        lambda at: xgboost.XGBRegressor(n_estimators=3).fit(X, Y).save_model(at / "model.json"),
        "xgboost",
        0,
    ),
    ("13 RandomForest-DRP", forest, "python_pickle", -1),
    ("14 matchmaker", matchmaker, "keras", 4),
    ("15 DeepDDs", lambda at: module(at / "model.pt"), "pytorch", 4),
    ("16 SDCNet", lambda at: saver(at / "best_model.ckpt"), "tensorflow_checkpoint", 2),
    ("17 DrugCell", drugcell, "pytorch", 4),
    ("18 BiG-DRP", bigdrp, "pytorch", 4),
    ("25 MGAE-DC", lambda at: saver(at / "best_model.ckpt"), "tensorflow_checkpoint", 2),
)
"""Patterns whose folder is converted as it is."""

FILES: tuple[tuple[str, Maker, str, str], ...] = (
    (
        "19 DRPreter",
        lambda at: wrapped(at / "weights" / "weight_sim_seed42.pth"),
        "weights/weight_sim_seed42.pth",
        "pytorch",
    ),
    ("20 TGSA", lambda at: wrapped(at / "TGDRP_2023-06-30_13-57-26.pth"), "TGDRP_2023-06-30_13-57-26.pth", "pytorch"),
    ("21 NIHGCN", lambda at: module(at / "EXP000_best_model.pt"), "EXP000_best_model.pt", "pytorch"),
    ("22 GADRP", lambda at: candle_checkpoint(at / "ckpts" / "epochs" / "003"), "ckpts/epochs/003", "pytorch"),
    (
        "23 GraTransDRP",
        lambda at: state_dict(at / "model_GAT_GCN_GDSC_pca.model"),
        "model_GAT_GCN_GDSC_pca.model",
        "pytorch",
    ),
    ("24 DrVAE", lambda at: state_dict(at / "model_drvae_CTRP_cv.model"), "model_drvae_CTRP_cv.model", "pytorch"),
    ("25b MGAE-DC", lambda at: state_dict(at / "120.pkl"), "120.pkl", "pytorch"),
    ("26 GAECDS", lambda at: module(at / "net_cnn_GAECDS.pt"), "net_cnn_GAECDS.pt", "pytorch"),
    ("27 DrugGCN", lambda at: saver(at / "checkpoints" / "model", 300), "checkpoints", "tensorflow_checkpoint"),
)
"""Patterns of which a file or folder is named."""


def improve_folder(at: Path, make: Maker) -> Path:
    at.mkdir(parents=True)
    make(at)
    (at / "param_log_file.txt").write_text(str(LOG | {"model_file_name": "model", "model_file_format": None}))
    (at / "val_scores.json").write_text(json.dumps(SCORES))
    return at


@pytest.mark.parametrize(
    ("make", "format_id", "tensors"), [row[1:] for row in FOLDERS], ids=[row[0] for row in FOLDERS]
)
def test_a_folder(make: Maker, format_id: str, tensors: int, tmp_path: Path) -> None:
    native = improve_folder(tmp_path / "out", make)
    made = convert(native, tmp_path / "x.candle", Options()).manifest
    assert made["conversion"]["native"]["format"] == format_id
    model = [tensor for tensor in made["weights"].get("tensors", []) if tensor["group"] == "model"]
    assert len(model) == tensors or tensors < 0
    assert made["weights"]["kind"] == ("payload" if format_id in ("lightgbm", "xgboost") else "tensors")
    assert made["training"]["hyperparameters"]["epochs"] == 150
    assert {entry["metric"]["id"] for entry in made["evaluations"]} >= {"mse", "pearson"}
    assert candle_spec.validate(tmp_path / "x.candle").errors == []
    for restored in candle_spec.restore(tmp_path / "x.candle", tmp_path / "back"):
        assert restored.path.read_bytes() == (native / restored.path.relative_to(tmp_path / "back")).read_bytes()


@pytest.mark.parametrize(("make", "name", "format_id"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_a_file(make: Maker, name: str, format_id: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    make(tmp_path / "out")
    made = convert(tmp_path / "out" / name, tmp_path / "x.candle").manifest
    assert made["conversion"]["native"]["format"] == format_id
    assert made["model"]["parameter_count"] > 0
    assert candle_spec.validate(tmp_path / "x.candle").errors == []


def test_28_logs_without_weights(tmp_path: Path) -> None:
    (tmp_path / "logs1.pkl").write_bytes(pickle.dumps({"trial": 1, "predictions": ["S", "R"]}))
    with pytest.raises(CandleSpecError, match="no arrays"):
        convert(tmp_path / "logs1.pkl", tmp_path / "x.candle")


def test_29_nothing_was_saved(tmp_path: Path) -> None:
    native = improve_folder(tmp_path / "out", lambda at: None)
    with pytest.raises(CandleSpecError, match="holds none"):
        convert(native, tmp_path / "x.candle")
