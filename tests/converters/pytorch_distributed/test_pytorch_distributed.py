"""Distributed checkpoints of one and of several processes: every tensor, pieces of all kinds, damaged folders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp

import candle_spec
from candle_spec.conversion.convert import convert
from candle_spec.converters.pytorch_distributed import CONVERTER
from candle_spec.errors import CandleSpecError, CorruptFileError, MissingPartError
from candle_spec.testing.contract import ConverterContract

SHARDED = """
import os, sys, torch, torch.distributed as dist, torch.distributed.checkpoint as dcp
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard, distribute_tensor
rank = int(sys.argv[2])
os.environ.update(RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=sys.argv[3])
dist.init_process_group("gloo", init_method=f"file://{sys.argv[1]}.rendezvous", rank=rank, world_size=2)
mesh = init_device_mesh("cpu", (2,))
rows = torch.arange(35.0).reshape(7, 5)
state = {
    "rows": distribute_tensor(rows, mesh, [Shard(0)]),
    "columns": distribute_tensor(rows.t().contiguous(), mesh, [Shard(1)]),
    "whole": distribute_tensor(torch.ones(3), mesh, [Replicate()]),
}
dcp.save({"model": state, "epoch": 4}, checkpoint_id=sys.argv[1])
dist.destroy_process_group()
"""


def training() -> dict[str, Any]:
    torch.manual_seed(0)
    net = torch.nn.Linear(4, 3)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    return {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "args": {"lr": 0.5}}


def single(path: Path) -> Path:
    dcp.save(training(), checkpoint_id=path)
    return path


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real processes, each with its part of the tensors."""
    path = tmp_path_factory.mktemp("sharded") / "native"
    command = [sys.executable, "-c", SHARDED, str(path)]
    runs = [subprocess.Popen([*command, str(rank), "29517"], stderr=subprocess.PIPE) for rank in range(2)]
    for run in runs:
        _, errors = run.communicate(timeout=120)
        assert run.returncode == 0, errors.decode()
    return path


class TestPyTorchDistributed(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=["single", "sharded"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return single(tmp_path / "native") if request.param == "single" else request.getfixturevalue("sharded")


def test_every_tensor_of_one_process(tmp_path: Path) -> None:
    made = convert(single(tmp_path / "native"), tmp_path / "x.candle")
    checkpoint = candle_spec.load(made.path)
    state = training()
    found = checkpoint.state_dict(framework="torch")
    assert {name: value.tolist() for name, value in found.items()} == {n: v.tolist() for n, v in state["model"].items()}
    moments = checkpoint.state_dict("optimizer", framework="torch")
    for number, about in state["optimizer"]["state"].items():
        for name, value in about.items():
            assert torch.equal(moments[f"state.{number}.{name}"], value)
    assert made.manifest["training_state"]["epoch"] == 3
    assert made.manifest["training_state"]["resume_grade"] == "fine-tunable"
    assert made.manifest["training"]["hyperparameters"] == {"lr": 0.5}


def test_every_tensor_of_two_processes(sharded: Path, tmp_path: Path) -> None:
    assert len(list(sharded.glob("*.distcp"))) == 2
    made = convert(sharded, tmp_path / "x.candle")
    found = candle_spec.load(made.path).state_dict(framework="torch")
    rows = torch.arange(35.0).reshape(7, 5)
    assert torch.equal(found["rows"], rows)
    assert torch.equal(found["columns"], rows.t())
    assert torch.equal(found["whole"], torch.ones(3))
    tensor = next(tensor for tensor in made.native.tensors if tensor.name == "rows")
    assert len({extent.path for extent in tensor.parts[""].data.extents}) == 2


def test_the_restored_folder_loads_the_same(tmp_path: Path) -> None:
    made = convert(single(tmp_path / "native"), tmp_path / "x.candle").path
    candle_spec.restore(made, tmp_path / "back")
    target = {"model": {name: torch.zeros_like(value) for name, value in training()["model"].items()}}
    dcp.load(target, checkpoint_id=tmp_path / "back")
    for name, value in training()["model"].items():
        assert torch.equal(target["model"][name], value)


def test_every_pickle_is_named(tmp_path: Path) -> None:
    made = convert(single(tmp_path / "native"), tmp_path / "x.candle").manifest
    named = made["security"]["inert_pickle"]
    assert named[0]["file"] == ".metadata"
    assert len(named) > 5
    assert all(entry["unknown_imports"] == [] for entry in named)


def test_a_file_that_is_missing(sharded: Path, tmp_path: Path) -> None:
    import shutil

    native = shutil.copytree(sharded, tmp_path / "native")
    sorted(native.glob("*.distcp"))[1].unlink()
    with pytest.raises(MissingPartError, match="all processes"):
        convert(native, tmp_path / "x.candle")


def test_a_file_that_was_cut_off(tmp_path: Path) -> None:
    native = single(tmp_path / "native")
    (file,) = native.glob("*.distcp")
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(CorruptFileError):
        convert(native, tmp_path / "x.candle")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"__0_0.distcp", b"../../secret"),
        (b"TensorStorageMetadata", b"TensorStorageMetadatb"),
        (b"storage_data", b"storage_datb"),
        (b"sizes", b"sizez"),
        (b"float32", b"float64"),
    ],
)
def test_descriptions_that_do_not_fit(old: bytes, new: bytes, tmp_path: Path) -> None:
    native = single(tmp_path / "native")
    data = (native / ".metadata").read_bytes()
    assert old in data
    assert len(old) == len(new)
    (native / ".metadata").write_bytes(data.replace(old, new))
    with pytest.raises(CandleSpecError):
        convert(native, tmp_path / "x.candle")
    assert not (tmp_path / "x.candle").exists()


@pytest.mark.parametrize("data", [b"", b"\x80\x04N.", b"\x80\x04]\x94.", b"x" * 100])
def test_damaged_descriptions(data: bytes, tmp_path: Path) -> None:
    native = single(tmp_path / "native")
    (native / ".metadata").write_bytes(data)
    with pytest.raises(CandleSpecError):
        convert(native, tmp_path / "x.candle")


def test_a_training_within_a_dictionary(tmp_path: Path) -> None:
    native = {"app": {"net": {"args": {"width": 3}, "weights": training()["model"]}, "optimizer": {"state": {}}}}
    native["app"]["ema_weights"] = {name: tensor + 1 for name, tensor in training()["model"].items()}
    dcp.save(native, checkpoint_id=tmp_path / "native")
    made = candle_spec.convert(tmp_path / "native", tmp_path / "made.candle")
    assert {group["id"]: group["root"] for group in made.document["weights"]["groups"]} == {
        "ema": "/app/ema_weights",
        "model": "/app/net/weights",
    }
    torch.nn.Linear(4, 3).load_state_dict(made.state_dict(), strict=True)
