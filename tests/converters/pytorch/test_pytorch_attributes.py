"""Tensors that a module holds besides its state dict: kept, but no names of the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import candle_spec
from candle_spec.converters._shared.torch.script import declared
from candle_spec.testing.contract import ConverterContract

HELD = {"scale", "passing", "several.0", "several.1"}


class Net(nn.Module):
    """A network with plain tensors, and a buffer that is not kept."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.register_buffer("kept", torch.ones(2))
        self.register_buffer("passing", torch.full((2,), 5.0), persistent=False)
        self.scale = torch.full((2,), 3.0)
        self.several = [torch.zeros(1), torch.ones(1)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x) * self.scale + self.kept + self.passing + self.several[0]


def names(checkpoint: Any, group: str) -> set[str]:
    return {tensor.name for tensor in checkpoint.tensors if tensor.group == group}


@pytest.mark.parametrize("at", ["", "model."])
def test_a_whole_module(at: str, tmp_path: Path) -> None:
    network = Net()
    torch.save({"model": network, "epoch": 1} if at else network, tmp_path / "net.pt")
    made = candle_spec.convert(tmp_path / "net.pt", tmp_path / "net.candle")
    Net().load_state_dict(made.state_dict(), strict=True)
    assert names(made, "other.attributes") == {f"{at}{name}" for name in HELD}
    assert made.tensor("other.attributes", f"{at}passing").tolist() == [5.0, 5.0]
    ConverterContract.comes_back(made.path, tmp_path / "net.pt", tmp_path / "again")


def test_a_script(tmp_path: Path) -> None:
    torch.jit.script(Net()).save(tmp_path / "net.pt")
    made = candle_spec.convert(tmp_path / "net.pt", tmp_path / "net.candle")
    torch.jit.load(tmp_path / "net.pt").load_state_dict(made.state_dict(), strict=True)
    held = names(made, "other.attributes")
    # What a script calls a buffer is in its state dict, kept or not.
    assert {name.partition(".")[0] for name in held} == {name.partition(".")[0] for name in HELD - {"passing"}}
    roles = {tensor.name: tensor.role for tensor in made.tensors if tensor.group == "model"}
    assert roles == {"fc.weight": "parameter", "fc.bias": "parameter", "kept": "buffer", "passing": "buffer"}
    ConverterContract.comes_back(made.path, tmp_path / "net.pt", tmp_path / "again")


def test_an_average_of_a_module(tmp_path: Path) -> None:
    torch.save({"model": Net(), "ema": Net()}, tmp_path / "net.pt")
    made = candle_spec.convert(tmp_path / "net.pt", tmp_path / "net.candle")
    Net().load_state_dict(made.state_dict("ema"), strict=True)
    assert names(made, "other.attributes") == {f"{part}.{name}" for name in HELD for part in ("model", "ema")}


def test_packed_weights_are_the_models(tmp_path: Path) -> None:
    """They stand in an object, not in the state dict, and are all that such a network has learned."""
    layer = torch.ao.nn.quantized.Linear(4, 3)
    torch.jit.script(nn.Sequential(layer)).save(tmp_path / "net.pt")
    made = candle_spec.convert(tmp_path / "net.pt", tmp_path / "net.candle")
    assert next(tensor.dtype for tensor in made.tensors if tensor.group == "model") == "QI8"


def test_what_a_program_declares() -> None:
    code = {
        "code/__torch__/net.py": b"""class One(Module):
  __parameters__ = ["weight", "bias", ]
  __buffers__ = ["mean", ]
  weight : Tensor
class Old(Module):
  __parameters__ = ["weight", ]
class Plain:
  __parameters__ = ["x", ]
  __buffers__ = []
class Two(Module):
  __parameters__ = []
  __buffers__ = []
""",
        "code/__torch__/\xff.py": b"class \xff(Module):\n  __buffers__ = [\n",
    }
    assert declared(code) == {
        "__torch__.net.One": {"weight": "parameter", "bias": "parameter", "mean": "buffer"},
        "__torch__.net.Two": {},
    }
