"""Boosters: the checkpoint is the model that the framework would save, and its digest that of the converted file."""

import numpy as np
import pytest

import candle_spec
from candle_spec.callbacks import Settings
from candle_spec.series.series import Series

pytestmark = pytest.mark.framework

X = np.random.default_rng(0).normal(size=(60, 3))
Y = X[:, 0] + X[:, 1]


def quiet(line):
    assert line


QUIET = Settings(say=quiet)


def newest(folder):
    return candle_spec.load(Series.read(folder).last().path)


def test_lightgbm(tmp_path):
    lightgbm = pytest.importorskip("lightgbm")
    from candle_spec.callbacks.lightgbm import checkpoint_callback

    folder, settings = tmp_path / "ckpts", {"verbose": -1, "num_threads": 1}
    with checkpoint_callback(folder, settings=QUIET, params={"ckpt_save_interval": 2}) as checkpoints:
        left = checkpoints.remaining(5)
        booster = lightgbm.train(settings, lightgbm.Dataset(X, Y), left, callbacks=[checkpoints])
    assert [entry.epoch for entry in Series.read(folder).entries()] == [2, 4, 5]
    (tmp_path / "model.txt").write_text(booster.model_to_string(num_iteration=-1))
    theirs = candle_spec.convert(tmp_path / "model.txt", tmp_path / "a").manifest["weights"]["content_digest"]
    assert newest(folder).manifest["weights"]["content_digest"] == theirs


def test_xgboost(tmp_path):
    xgboost = pytest.importorskip("xgboost")
    from candle_spec.callbacks.xgboost import checkpoint_callback

    folder, data = tmp_path / "ckpts", xgboost.DMatrix(X, Y)
    params = {"ckpt_save_interval": 2, "ckpt_save_best_metric": "val_rmse"}
    with checkpoint_callback(folder, settings=QUIET, params=params) as checkpoints:
        left = checkpoints.remaining(5)
        booster = xgboost.train(
            {"nthread": 1}, data, left, evals=[(data, "val")], verbose_eval=False, callbacks=[checkpoints]
        )
    assert Series.read(folder).best().epoch == 5
    booster.save_model(tmp_path / "model.ubj")
    theirs = candle_spec.convert(tmp_path / "model.ubj", tmp_path / "a").manifest["weights"]["content_digest"]
    assert newest(folder).manifest["weights"]["content_digest"] == theirs


def test_a_stop_ends_the_training(tmp_path):
    xgboost = pytest.importorskip("xgboost")
    from candle_spec.callbacks.xgboost import checkpoint_callback

    with checkpoint_callback(tmp_path / "ckpts", settings=QUIET) as checkpoints:
        checkpoints.recorder.stop("enough")
        booster = xgboost.train({}, xgboost.DMatrix(X, Y), checkpoints.remaining(5), callbacks=[checkpoints])
    assert booster.num_boosted_rounds() == 1
