"""What boosters write for people to read: named as what it is, with the call that writes a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from candle_spec.conversion.convert import convert
from candle_spec.errors import CandleSpecError

pytestmark = pytest.mark.slow

ROWS = 120


def trained() -> tuple[Any, Any]:
    import lightgbm
    import numpy as np
    import xgboost

    x = np.random.default_rng(0).normal(size=(ROWS, 3))
    y = x[:, 0] > 0
    settings = {"objective": "binary", "num_leaves": 4, "verbose": -1, "num_threads": 1}
    light = lightgbm.train(settings, lightgbm.Dataset(x, label=y), num_boost_round=2)
    settings = {"objective": "binary:logistic", "max_depth": 2, "nthread": 1}
    return light, xgboost.train(settings, xgboost.DMatrix(x, label=y), num_boost_round=2)


@pytest.fixture(scope="module")
def boosters() -> tuple[Any, Any]:
    return trained()


def table(path: Path, frame: Any, *, index: bool) -> None:
    frame.to_csv(path, index=index)


LIGHTGBM: dict[str, Callable[[Any, Path], Any]] = {
    "dump_model": lambda booster, path: path.write_text(json.dumps(booster.dump_model())),
    "dump_model, indented": lambda booster, path: path.write_text(json.dumps(booster.dump_model(), indent=2)),
    "dump_model, sorted": lambda booster, path: path.write_text(json.dumps(booster.dump_model(), sort_keys=True)),
    "trees_to_dataframe": lambda booster, path: table(path, booster.trees_to_dataframe(), index=True),
    "trees_to_dataframe, plain": lambda booster, path: table(path, booster.trees_to_dataframe(), index=False),
}
XGBOOST: dict[str, Callable[[Any, Path], Any]] = {
    "text": lambda booster, path: booster.dump_model(path),
    "json": lambda booster, path: booster.dump_model(path, dump_format="json"),
    "dot": lambda booster, path: booster.dump_model(path, dump_format="dot"),
    "get_dump": lambda booster, path: path.write_text(json.dumps(booster.get_dump())),
    "get_dump, json": lambda booster, path: path.write_text(json.dumps(booster.get_dump(dump_format="json"))),
    "save_config": lambda booster, path: path.write_text(booster.save_config()),
    "trees_to_dataframe": lambda booster, path: table(path, booster.trees_to_dataframe(), index=False),
}


@pytest.mark.parametrize("form", LIGHTGBM)
def test_dumps_of_lightgbm(form: str, boosters: tuple[Any, Any], tmp_path: Path) -> None:
    LIGHTGBM[form](boosters[0], tmp_path / "model.json")
    with pytest.raises(CandleSpecError, match="dump of a LightGBM model") as caught:
        convert(tmp_path / "model.json", tmp_path / "out.candle")
    assert "save_model('model.txt')" in (caught.value.hint or "")
    boosters[0].save_model(tmp_path / "model.txt")  # what the hint says
    assert convert(tmp_path / "model.txt", tmp_path / "out.candle").manifest["weights"]["kind"] == "payload"


@pytest.mark.parametrize("form", XGBOOST)
def test_dumps_of_xgboost(form: str, boosters: tuple[Any, Any], tmp_path: Path) -> None:
    XGBOOST[form](boosters[1], tmp_path / "model.json")
    what = "settings" if form == "save_config" else "dump"
    with pytest.raises(CandleSpecError, match=f"{what} of an XGBoost model") as caught:
        convert(tmp_path / "model.json", tmp_path / "out.candle")
    assert "save_model('model.ubj')" in (caught.value.hint or "")
    boosters[1].save_model(tmp_path / "model.ubj")
    assert convert(tmp_path / "model.ubj", tmp_path / "out.candle").manifest["weights"]["kind"] == "payload"


def test_other_json_is_a_text(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps({"label_index": 0, "name": "a study", "trees": 3}))
    with pytest.raises(CandleSpecError, match="text file"):
        convert(tmp_path / "model.json", tmp_path / "out.candle")
