"""Tensors that consist of others: subclasses that wrap them, distributed and nested ones; no class of theirs is run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.testing._internal.two_tensor import TwoTensor

import candle_spec
from candle_spec.errors import UnsupportedFormatError
from candle_spec.testing.contract import ConverterContract
from candle_spec.validation import validate

DISTRIBUTED = """
import sys, torch
from torch.distributed.tensor import DTensor, Shard, init_device_mesh
from torch.testing._internal.distributed.fake_pg import FakeStore
torch.distributed.init_process_group("fake", store=FakeStore(), rank=0, world_size=int(sys.argv[2]))
mesh = init_device_mesh("cpu", (int(sys.argv[2]),))
rows = torch.arange(8.0).reshape(4, 2)[: 4 // int(sys.argv[2])]
whole = DTensor.from_local(rows, mesh, [Shard(0)], run_check=False)
torch.save({"model": {"fc.weight": whole, "fc.bias": torch.ones(4)}}, sys.argv[1])
"""


def two(count: int) -> TwoTensor:
    return TwoTensor(torch.arange(float(count)), torch.arange(float(count)) * 2)


def converted(native: Any, folder: Path) -> Any:
    torch.save(native, folder / "native.pt")
    made = candle_spec.convert(folder / "native.pt", folder / "native.candle")
    assert validate(made.path).errors == []
    ConverterContract.comes_back(made.path, folder / "native.pt", folder / "again")
    return made


def names(made: Any) -> list[str]:
    return [tensor.name for tensor in made.tensors]


def test_a_wrapper_is_a_record_and_its_tensors_are_stored(tmp_path: Path) -> None:
    made = converted({"weight": two(4), "bias": torch.ones(2), "p": nn.Parameter(two(3))}, tmp_path)
    assert names(made) == ["weight.a", "weight.b", "bias", "p.a", "p.b"]
    assert made.tensor("model", "weight.b").tolist() == [0, 2, 4, 6]
    assert "torch.testing._internal.two_tensor.TwoTensor" in str(made.state())


def test_wrappers_within_wrappers(tmp_path: Path) -> None:
    made = converted({"weight": TwoTensor(two(4), two(4)), "bias": torch.ones(2)}, tmp_path)
    assert names(made) == ["weight.a.a", "weight.a.b", "weight.b.a", "weight.b.b", "bias"]


def test_a_deeper_network_of_wrappers_is_found(tmp_path: Path) -> None:
    state = {f"layers.{n}.weight": two(4) for n in range(3)}
    made = converted({"model": {"config": {"width": 4}, "state_dict": state}, "epoch": 1}, tmp_path)
    assert names(made) == [f"layers.{n}.weight.{part}" for n in range(3) for part in "ab"]
    assert [group["root"] for group in made.document["weights"]["groups"]] == ["/model/state_dict"]


def test_in_a_whole_module(tmp_path: Path) -> None:
    network = nn.Linear(2, 2)
    network.weight = nn.Parameter(TwoTensor(torch.ones(2, 2), torch.zeros(2, 2)))
    assert names(converted(network, tmp_path)) == ["weight.a", "weight.b", "bias"]


def test_a_nested_tensor(tmp_path: Path) -> None:
    nested = torch.nested.nested_tensor([torch.ones(2), torch.zeros(3)])
    made = converted({"n": nested, "w": torch.ones(2)}, tmp_path)
    assert names(made) == ["n.buffer", "n.sizes", "n.strides", "n.offsets", "w"]
    assert made.tensor("model", "n.buffer").tolist() == [1, 1, 0, 0, 0]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_distributed_tensor_is_whole_or_refused(processes: int, tmp_path: Path) -> None:
    native = tmp_path / "native.pt"
    subprocess.run([sys.executable, "-c", DISTRIBUTED, str(native), str(processes)], check=True, capture_output=True)
    if processes == 1:
        made = candle_spec.convert(native, tmp_path / "native.candle")
        assert names(made)[0] == "fc.weight._local_tensor"
        assert made.tensor("model", "fc.weight._local_tensor").shape == (4, 2)
        return
    part = r"only what one process of several held of a larger one .*\[2, 2\] of \[4, 2\]"
    with pytest.raises(UnsupportedFormatError, match=part):
        candle_spec.inspect(native)
    with pytest.raises(UnsupportedFormatError, match=part):
        candle_spec.convert(native, tmp_path / "native.candle")
    assert list(tmp_path.iterdir()) == [native]
