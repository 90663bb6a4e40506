"""PyTorch files of every kind: the same bits, the same structure, the same predictions, the same bytes back."""

from __future__ import annotations

import argparse
import collections
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import candle_spec
from candle_spec.conversion.convert import convert
from candle_spec.conversion.restore import restore
from candle_spec.validation import validate


def bits(tensor: torch.Tensor) -> bytes:
    plain = tensor.detach().resolve_conj().resolve_neg().contiguous()
    return plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b""


def zoo() -> dict[str, torch.Tensor]:
    """Tensors of every dtype and layout of memory that a file can hold."""
    torch.manual_seed(0)
    base = torch.arange(24.0).reshape(4, 6)
    waves = torch.randn(3, dtype=torch.complex64)
    floats = {name: torch.randn(2, 3).to(getattr(torch, name)) for name in ("float16", "bfloat16", "float64")}
    ints = {
        name: torch.tensor([1, 100]).to(getattr(torch, name))
        for name in "int8 uint8 int16 int32 int64 uint16 uint32 uint64 bool".split()
    }
    eights = {
        name: torch.ones(4).to(getattr(torch, name))
        for name in "float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu".split()
    }
    return {
        **floats,
        **ints,
        **eights,
        "base": base,
        "same": base,
        "transposed": base.t(),
        "sliced": base[1:3, ::2],
        "expanded": torch.ones(1, 3).expand(5, 3),
        "channels_last": torch.randn(1, 3, 4, 5).to(memory_format=torch.channels_last),
        "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0, 3),
        "slice_of_large": torch.zeros(100_000)[:3],
        "special": torch.tensor([float("nan"), -0.0, float("inf"), 1e-45]),
        "complex64": waves,
        "complex128": torch.randn(2, 2, dtype=torch.complex128),
        "complex128_transposed": torch.randn(2, 3, dtype=torch.complex128).t(),
        "complex32": torch.randn(2, dtype=torch.complex64).to(torch.complex32),
        "conjugate": waves.conj(),
        "negative": torch.randn(3, dtype=torch.complex64).conj().imag,
        "parameter": nn.Parameter(torch.randn(2)),
    }


@pytest.mark.parametrize("name", sorted(zoo()))
def test_every_tensor_has_the_same_bits(name: str, tmp_path: Path) -> None:
    tensor = zoo()[name]
    torch.save({name: tensor, "other": torch.ones(1)}, tmp_path / "zoo.pt")
    made = candle_spec.convert(tmp_path / "zoo.pt", tmp_path / "zoo.candle")
    loaded = made.state_dict(framework="torch")[name]
    assert loaded.dtype == tensor.dtype
    assert loaded.shape == tensor.shape
    assert bits(loaded) == bits(tensor)


def test_the_whole_zoo_in_one_file(tmp_path: Path) -> None:
    torch.save(zoo(), tmp_path / "zoo.pt")
    made = candle_spec.convert(tmp_path / "zoo.pt", tmp_path / "zoo.candle")
    loaded = made.state_dict(framework="torch")
    assert {name: bits(tensor) for name, tensor in loaded.items()} == {name: bits(t) for name, t in zoo().items()}
    assert loaded["same"] is loaded["base"]
    assert loaded["transposed"] is not loaded["base"]
    assert list(loaded) == list(zoo())


@pytest.mark.parametrize("kind", ["per_tensor", "per_channel"])
def test_quantised(kind: str, tmp_path: Path) -> None:
    values = torch.randn(2, 3)
    if kind == "per_tensor":
        tensor = torch.quantize_per_tensor(values, 0.1, 3, torch.qint8)
    else:
        scales, zeros = torch.tensor([0.1, 0.2], dtype=torch.float64), torch.tensor([0, 1])
        tensor = torch.quantize_per_channel(values, scales, zeros, 0, torch.qint8)
    torch.save({"q": tensor}, tmp_path / "q.pt")
    loaded = candle_spec.convert(tmp_path / "q.pt", tmp_path / "q.candle").state_dict()["q"]
    assert torch.equal(loaded.int_repr(), tensor.int_repr())
    assert torch.equal(loaded.dequantize(), tensor.dequantize())
    assert loaded.qscheme() == tensor.qscheme()


@pytest.mark.parametrize("layout", ["coo", "csr", "csc", "bsr", "bsc"])
def test_sparse(layout: str, tmp_path: Path) -> None:
    dense = torch.eye(4) * torch.arange(1.0, 5)
    make: dict[str, Any] = {
        "coo": dense.to_sparse,
        "csr": dense.to_sparse_csr,
        "csc": dense.to_sparse_csc,
        "bsr": lambda: dense.to_sparse_bsr((2, 2)),
        "bsc": lambda: dense.to_sparse_bsc((2, 2)),
    }
    tensor = make[layout]()
    torch.save({"s": tensor}, tmp_path / "s.pt")
    loaded = candle_spec.convert(tmp_path / "s.pt", tmp_path / "s.candle").state_dict()["s"]
    assert loaded.layout == tensor.layout
    assert torch.equal(loaded.to_dense(), dense)


class DrugResponse(nn.Module):
    """A small network with all that makes a state dict interesting: ties, buffers, a flattened LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.genes = nn.Linear(6, 4)
        self.norm = nn.BatchNorm1d(4)
        self.rnn = nn.LSTM(4, 3, batch_first=True)
        self.embedding = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("mask", torch.ones(2, dtype=torch.bool))
        self.register_buffer("scratch", torch.zeros(2), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.norm(self.genes(x))).unsqueeze(1)
        return self.head(self.rnn(hidden)[0][:, 0])


@pytest.fixture
def network() -> DrugResponse:
    torch.manual_seed(1)
    made = DrugResponse()
    made.train()
    made(torch.randn(16, 6)).sum().backward()
    return made.eval()


LEGACY = {"_use_new_zipfile_serialization": False}


@pytest.mark.parametrize("how", [{}, LEGACY], ids=["zip", "legacy"])
def test_a_state_dict_predicts_the_same(network: DrugResponse, tmp_path: Path, how: dict[str, bool]) -> None:
    path = tmp_path / "uno.pt"
    torch.save(network.state_dict(), path, **how)
    made = candle_spec.convert(path, tmp_path / "uno.candle")
    state = made.state_dict()
    assert state["head.weight"] is state["embedding.weight"]
    other = DrugResponse()
    other.load_state_dict(state, strict=True)
    batch = torch.randn(7, 6)
    assert torch.equal(other.eval()(batch), network(batch))
    (rebuilt,) = restore(made.path, tmp_path / "rebuilt.pt", how="rebuilt")
    again = torch.load(rebuilt.path, weights_only=True)
    assert isinstance(again, collections.OrderedDict)
    assert again._metadata == network.state_dict()._metadata  # type: ignore[attr-defined]
    assert again["head.weight"].data_ptr() == again["embedding.weight"].data_ptr()
    third = DrugResponse()
    third.load_state_dict(again, strict=True)
    assert torch.equal(third.eval()(batch), network(batch))


@pytest.mark.parametrize("how", [{}, LEGACY], ids=["zip", "legacy"])
def test_a_training_checkpoint(network: DrugResponse, tmp_path: Path, how: dict[str, bool]) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    optimizer.step()
    native = {
        "epoch": 3,
        "model_state_dict": network.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "loss": torch.tensor(0.25),
        "best": np.float64(0.3),
        "args": {"lr": 1e-3, "layers": (64, 32), "seed": 2**60, "clip": float("inf")},
        "rng": torch.get_rng_state(),
    }
    torch.save(native, tmp_path / "ckpt.pt", **how)
    made = candle_spec.convert(tmp_path / "ckpt.pt", tmp_path / "ckpt.candle")
    manifest = made.document
    assert manifest["training_state"]["epoch"] == 3
    assert manifest["training_state"]["resume_grade"] == "fine-tunable"
    parts = {name: part["status"] for name, part in manifest["training_state"]["parts"].items()}
    assert parts | {"optimizer": "present", "scheduler": "present", "rng": "present", "sampler": "absent"} == parts
    settings = manifest["training"]["hyperparameters"]
    assert settings == {"lr": 1e-3, "layers": [64, 32], "seed": {"$int": str(2**60)}, "clip": {"$float": "inf"}}
    assert {"model", "optimizer", "rng", "metric"} <= set(made.groups)
    state = made.state()
    assert state["args"] == native["args"]
    assert state["optimizer_state_dict"]["param_groups"] == native["optimizer_state_dict"]["param_groups"]
    assert list(state["optimizer_state_dict"]["state"]) == list(native["optimizer_state_dict"]["state"])
    assert isinstance(state["best"], np.float64)
    fresh = torch.optim.Adam(network.parameters(), lr=1e-3)
    fresh.load_state_dict(state["optimizer_state_dict"])


def test_several_models(tmp_path: Path) -> None:
    generator, discriminator = nn.Linear(2, 3), nn.Linear(3, 1)
    native = {"generator": generator.state_dict(), "discriminator": discriminator.state_dict()}
    torch.save(native, tmp_path / "gan.pt")
    made = candle_spec.convert(tmp_path / "gan.pt", tmp_path / "gan.candle")
    assert made.groups == ["model.generator", "model.discriminator"]
    assert torch.equal(made.state_dict("model.generator")["weight"], generator.weight)


def test_lightning(network: DrugResponse, tmp_path: Path) -> None:
    native = {
        "epoch": 3,
        "global_step": 9,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {f"model.{name}": tensor for name, tensor in network.state_dict().items()},
        "callbacks": {"ModelCheckpoint{'monitor': 'val_loss'}": {"best_model_score": torch.tensor(0.25)}},
        "optimizer_states": [],
        "hyper_parameters": argparse.Namespace(lr=1e-3, features=["a", "b"]),
    }
    torch.save(native, tmp_path / "last.ckpt")
    made = candle_spec.convert(tmp_path / "last.ckpt", tmp_path / "last.candle")
    assert made.document["conversion"]["native"]["title"].endswith("Lightning 2.5.0")
    assert made.document["training_state"]["step"] == 9
    assert made.document["training"]["hyperparameters"] == {"lr": 1e-3, "features": ["a", "b"]}
    assert made.document["name"] != "last"
    assert "model.genes.weight" in made.state_dict()


def test_a_whole_module(network: DrugResponse, tmp_path: Path) -> None:
    torch.save(network, tmp_path / "net.pt")
    made = candle_spec.convert(tmp_path / "net.pt", tmp_path / "net.candle")
    loaded = made.state_dict()
    assert set(network.state_dict()) == set(loaded)
    assert made.document["model"]["architecture"] == "DrugResponse"
    (pickle,) = made.document["security"]["inert_pickle"]
    assert pickle["unknown_imports"] == [f"{DrugResponse.__module__}.DrugResponse"]
    roles = {tensor.name: tensor.role for tensor in made.tensors}
    assert roles["mask"] == "buffer"
    assert roles["genes.weight"] == "parameter"


def test_torchscript(tmp_path: Path) -> None:
    script = torch.jit.script(nn.Sequential(nn.Linear(4, 3), nn.ReLU()))
    script.save(str(tmp_path / "net.pt"))
    made = candle_spec.convert(tmp_path / "net.pt", tmp_path / "net.candle")
    assert torch.equal(made.state_dict()["0.weight"], script.state_dict()["0.weight"])
    assert any(record["path"].startswith("topology/code/") for record in made.document["files"])
    code = made.document["security"]["embedded_code"]
    sources = {row["path"] for row in made.document["files"] if row["path"].startswith("topology/code/")}
    assert {each["path"] for each in code} == sources
    assert {each["kind"] for each in code} == {"torchscript"}
    assert validate(made.path).ok


def test_a_restored_script_predicts_the_same(tmp_path: Path) -> None:
    torch.jit.script(nn.Sequential(nn.Linear(4, 3), nn.ReLU())).save(str(tmp_path / "net.pt"))
    made = candle_spec.convert(tmp_path / "net.pt", tmp_path / "net.candle")
    (restored,) = candle_spec.restore(made.path, tmp_path / "back.pt")
    values = torch.randn(5, 4)
    outputs = [torch.jit.load(str(path))(values) for path in (tmp_path / "net.pt", restored.path)]
    assert torch.equal(outputs[0], outputs[1])


def test_dynamically_quantised(tmp_path: Path) -> None:
    """The packed parameters of a dynamically quantised layer are a pair: a quantised weight and its bias."""
    make = partial(torch.ao.quantization.quantize_dynamic, qconfig_spec={nn.Linear}, dtype=torch.qint8)
    network = make(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1)))
    torch.save(network.state_dict(), tmp_path / "q.pt")
    made = candle_spec.convert(tmp_path / "q.pt", tmp_path / "q.candle")
    weight = made.state_dict()["0._packed_params._packed_params.0"]
    assert torch.equal(weight.int_repr(), network[0].weight().int_repr())
    fresh = make(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1)))
    (restored,) = candle_spec.restore(made.path, tmp_path / "back.pt")
    fresh.load_state_dict(torch.load(restored.path, weights_only=True))
    values = torch.randn(5, 4)
    assert torch.equal(fresh(values), network(values))
    assert candle_spec.validate(made.path).errors == []


def test_tensors_in_the_arguments_of_a_graph_module(tmp_path: Path) -> None:
    network = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(4, 3), nn.ReLU()))
    torch.save(network, tmp_path / "graph.pt")
    made = candle_spec.convert(tmp_path / "graph.pt", tmp_path / "graph.candle")
    assert {name: bits(value) for name, value in made.state_dict().items()} == {
        name: bits(value) for name, value in network.state_dict().items()
    }
    pickles = made.document["security"]["inert_pickle"]
    assert "torch.fx.graph_module.reduce_graph_module" in pickles[0]["unknown_imports"]


@pytest.mark.parametrize("native", [[torch.ones(2), {"a": torch.zeros(3)}], torch.ones(2, 2)], ids=["list", "tensor"])
def test_odd_roots(native: Any, tmp_path: Path) -> None:
    torch.save(native, tmp_path / "odd.pt")
    made = candle_spec.convert(tmp_path / "odd.pt", tmp_path / "odd.candle")
    assert len(made.tensors) == (2 if isinstance(native, list) else 1)


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    torch.save({"w": torch.randn(100, 100)}, tmp_path / "w.pt")
    data = bytearray((tmp_path / "w.pt").read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "w.pt").write_bytes(bytes(data))
    made = convert(tmp_path / "w.pt", tmp_path / "w.candle")
    assert "CKP4032" in {problem.code for problem in made.report}
    assert any(part["what"] == "checksums" for part in made.manifest["conversion"]["parts"])
