"""Orbax folders of every layout: every array as Orbax gives it, steps and items, unfinished and hostile folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jax
import ml_dtypes
import numpy as np
import orbax.checkpoint as ocp
import pytest

import candle_spec
from candle_spec.conversion.convert import convert
from candle_spec.converters.orbax import CONVERTER
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    InvalidInputError,
    LimitExceededError,
    MissingDependencyError,
    MissingPartError,
)
from candle_spec.testing.contract import ConverterContract

TREE: dict[str, Any] = {
    "params": {"dense": {"kernel": np.arange(24, dtype="f4").reshape(4, 6), "bias": np.ones(6, "f4")}},
    "opt_state": [{"mu": np.linspace(0, 1, 7)}, None, {}],
    "half": np.arange(6).reshape(2, 3).astype(ml_dtypes.bfloat16),
    "step": 3,
}
LAYOUTS = {
    "ocdbt": {"use_ocdbt": True},
    "plain": {"use_ocdbt": False},
    "zarr3": {"use_ocdbt": True, "use_zarr3": True},
}


def save(path: Path, layout: str = "ocdbt", tree: Any = None) -> Path:
    handler = ocp.PyTreeCheckpointHandler(**LAYOUTS[layout])
    ocp.Checkpointer(handler).save(path.absolute(), args=ocp.args.PyTreeSave(TREE if tree is None else tree))
    return path


def managed(path: Path) -> Path:
    manager = ocp.CheckpointManager(path.absolute(), options=ocp.CheckpointManagerOptions(max_to_keep=3))
    for step in (10, 20):
        items = {
            "state": ocp.args.StandardSave({"w": np.full((3, 2), step)}),
            "meta": ocp.args.JsonSave({"best": step}),
        }
        manager.save(step, args=ocp.args.Composite(**items))
    manager.wait_until_finished()
    manager.close()
    return path


class TestOrbax(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=sorted(LAYOUTS))
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return save(tmp_path / "native", request.param)


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_every_array(layout: str, tmp_path: Path) -> None:
    made = convert(save(tmp_path / "native", layout), tmp_path / "x.candle")
    checkpoint = candle_spec.load(made.path)
    expected = ocp.PyTreeCheckpointer().restore((tmp_path / "native").absolute())
    found = checkpoint.state_dict()
    assert found["dense.kernel"].tobytes() == np.asarray(expected["params"]["dense"]["kernel"]).tobytes()
    assert found["dense.bias"].tobytes() == np.asarray(expected["params"]["dense"]["bias"]).tobytes()
    moments = checkpoint.state_dict("optimizer")
    assert moments["0.mu"].tobytes() == np.asarray(expected["opt_state"][0]["mu"]).tobytes()
    other = checkpoint.state_dict("other")
    assert other["half"].dtype == ml_dtypes.bfloat16
    assert other["half"].tobytes() == np.asarray(expected["half"]).tobytes()
    assert made.manifest["training_state"]["step"] == 3
    assert checkpoint.state()["opt_state"]["1"] is None


def test_the_restored_folder_loads_the_same(tmp_path: Path) -> None:
    made = convert(save(tmp_path / "native"), tmp_path / "x.candle").path
    candle_spec.restore(made, tmp_path / "back")
    loaded = ocp.PyTreeCheckpointer().restore((tmp_path / "back").absolute())
    leaves = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(loaded)]
    assert leaves == [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(TREE)]


def test_large_arrays_come_in_rows(tmp_path: Path) -> None:
    value = np.random.default_rng(0).random((3000, 700))
    made = convert(save(tmp_path / "native", tree={"params": {"w": value}}), tmp_path / "x.candle").path
    assert candle_spec.load(made).state_dict()["w"].tobytes() == value.tobytes()


def test_one_step_of_several(tmp_path: Path) -> None:
    native = managed(tmp_path / "run")
    with pytest.raises(InvalidInputError, match="2 checkpoints lie here: 10, 20"):
        convert(native, tmp_path / "x.candle")
    made = convert(native / "20", tmp_path / "x.candle")
    assert made.manifest["training_state"]["step"] == 20
    assert candle_spec.load(made.path).state_dict()["w"].tolist() == np.full((3, 2), 20).tolist()
    assert json.loads((made.path / "artifacts" / "meta" / "metadata").read_text()) == {"best": 20}


def test_an_unfinished_checkpoint(tmp_path: Path) -> None:
    native = save(tmp_path / "native")
    unfinished = native.rename(tmp_path / "10.orbax-checkpoint-tmp-123")
    with pytest.raises(MissingPartError, match="did not finish"):
        convert(unfinished, tmp_path / "x.candle")


def test_without_tensorstore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    native = save(tmp_path / "native")
    monkeypatch.setitem(__import__("sys").modules, "tensorstore", None)
    with pytest.raises(MissingDependencyError) as error:
        convert(native, tmp_path / "x.candle")
    assert error.value.hint == "pip install 'candle-spec[jax]'"


def change(native: Path, old: str, new: str) -> Path:
    tree = native / "_METADATA"
    text = tree.read_text()
    assert old in text
    tree.write_text(text.replace(old, new))
    return native


@pytest.mark.parametrize("layout", ["ocdbt", "plain"])
def test_keys_do_not_lead_out(layout: str, tmp_path: Path) -> None:
    secret = save(tmp_path / "secret", "plain", {"w": np.arange(5.0)})
    native = change(save(tmp_path / "native", layout), '"key": "half"', '"key": "../secret/w"')
    assert (secret / "w").is_dir()
    with pytest.raises(CandleSpecError):
        convert(native, tmp_path / "x.candle")


def test_an_array_that_is_missing(tmp_path: Path) -> None:
    native = save(tmp_path / "native", "plain")
    shutil.rmtree(native / "half")
    with pytest.raises(MissingPartError):
        convert(native, tmp_path / "x.candle")


def test_a_chunk_that_is_damaged(tmp_path: Path) -> None:
    native = save(tmp_path / "native", "plain")
    chunk = native / "params.dense.kernel" / "0.0"
    chunk.write_bytes(chunk.read_bytes()[:-3])
    with pytest.raises(CandleSpecError):
        convert(native, tmp_path / "x.candle")
    assert not (tmp_path / "x.candle").exists()


def test_sizes_that_are_nonsense(tmp_path: Path) -> None:
    native = save(tmp_path / "native", "plain")
    about = json.loads((native / "half" / ".zarray").read_text())
    (native / "half" / ".zarray").write_text(json.dumps(about | {"shape": [1 << 40, 3]}))
    with pytest.raises(LimitExceededError):
        convert(native, tmp_path / "x.candle")
    (native / "half" / ".zarray").write_text(
        json.dumps(about | {"shape": [1 << 17, 1 << 17], "chunks": [1 << 17, 1 << 17]})
    )
    with pytest.raises(LimitExceededError):
        convert(native, tmp_path / "x.candle")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"tree_metadata": []}', '{"tree_metadata": {"a": {}}}', "\x00"])
def test_damaged_trees(text: str, tmp_path: Path) -> None:
    native = save(tmp_path / "native")
    (native / "_METADATA").write_text(text + " " * 10)
    with pytest.raises(CandleSpecError):
        convert(native, tmp_path / "x.candle")
    with pytest.raises((CorruptFileError, CandleSpecError)):
        candle_spec.inspect(native)
