"""Safetensors files: every tensor as the official reader gives it, shared names, metadata, shards, hostile headers."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file, save_model

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.convert import convert
from candle_spec.conversion.restore import restore
from candle_spec.conversion.source import resolve_source
from candle_spec.converters.safetensors import CONVERTER
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    LimitExceededError,
    MissingPartError,
    UnsupportedFormatError,
)
from candle_spec.testing.contract import ConverterContract
from tests.helpers.checkpoints import residues

KINDS = (
    "float32 float64 float16 bfloat16 uint8 int8 int16 int32 int64 uint16 uint32 uint64 bool complex64 float8_e4m3fn "
    "float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu"
).split()


def tensors() -> dict[str, torch.Tensor]:
    """One tensor of every dtype that safetensors has, an empty one, one of no dimension, odd names."""
    bits = torch.randint(0, 255, (4, 3, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    made = {f"layer.{kind}": bits.clone().view(getattr(torch, kind)) for kind in KINDS if kind != "bool"}
    made["layer.bool"] = bits > 99
    return made | {"": torch.ones(2), "a/b:0": torch.tensor(2.5), "größe": torch.zeros(0, 3), "x\ny": torch.ones(1)}


def make(at: Path, kind: str) -> Path:
    """Write a file of one kind with the official writer."""
    path = at / "brca_subtype.safetensors"
    if kind == "plain":
        save_file(tensors(), path)
    elif kind == "metadata":
        save_file(tensors(), path, {"format": "pt", "modelspec.author": "A. Lovelace", "note": "line\nfeed"})
    elif kind == "shared":
        network = torch.nn.ModuleDict({"emb": torch.nn.Embedding(8, 4), "head": torch.nn.Linear(4, 8, bias=False)})
        network["head"].weight = network["emb"].weight
        save_model(network, str(path))
    else:
        return sharded(at / "brca_subtype")
    return path


def sharded(folder: Path) -> Path:
    """Write two shards and their index."""
    folder.mkdir()
    rows = {"a": torch.arange(40.0), "b": torch.ones(8, 8), "c": torch.zeros(64, dtype=torch.int64)}
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00001-of-00002.safetensors"}
    names["c"] = "model-00002-of-00002.safetensors"
    for name in sorted(set(names.values())):
        save_file({key: rows[key] for key in rows if names[key] == name}, folder / name, {"format": "pt"})
    index = {"metadata": {"total_size": 928}, "weight_map": names}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


class TestSafetensors(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=["plain", "metadata", "shared", "sharded"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return make(tmp_path, request.param)


def raw(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


@pytest.mark.parametrize("kind", ["plain", "metadata", "shared"])
def test_every_tensor_is_the_native_one(kind: str, tmp_path: Path) -> None:
    native = make(tmp_path, kind)
    made = Checkpoint(convert(native, tmp_path / "x.candle").path)
    reference = load_file(native)
    stored = {tensor.name: tensor for tensor in made.tensors if not tensor.alias_of}
    assert stored.keys() == reference.keys()
    for name, tensor in reference.items():
        assert made.tensor("model", name).tobytes() == raw(tensor), name
        assert tuple(made.tensor("model", name).shape) == tuple(tensor.shape)


def test_shared_names_come_back_as_aliases(tmp_path: Path) -> None:
    made = Checkpoint(convert(make(tmp_path, "shared"), tmp_path / "x.candle").path)
    state = made.state_dict("model", framework="torch")
    assert set(state) == {"emb.weight", "head.weight"}
    assert state["emb.weight"] is state["head.weight"]


def test_metadata_is_kept_and_means_something(tmp_path: Path) -> None:
    manifest = convert(make(tmp_path, "metadata"), tmp_path / "x.candle").manifest
    state = json.loads((tmp_path / "x.candle" / "state.json").read_text())
    assert ["note", "line\nfeed"] in state["tree"]["$dict"][0][1]["$dict"]
    assert manifest["creators"] == [{"name": "A. Lovelace"}]
    assert manifest["model"]["framework"]["name"] == "pytorch"
    assert manifest["name"] == "brca_subtype"


def test_the_residue_is_the_header(tmp_path: Path) -> None:
    native = make(tmp_path, "plain")
    convert(native, tmp_path / "x.candle")
    header = struct.unpack("<Q", native.read_bytes()[:8])[0] + 8
    sizes = [tensor.nbytes for tensor in load_file(native).values()]
    tiny = sum(size for size in sizes if size < 64)  # shorter extents are not worth their description
    assert next(iter(residues(tmp_path / "x.candle").values())) == header + tiny


@pytest.mark.parametrize("kind", ["plain", "shared", "sharded"])
def test_a_fresh_file_loads_as_the_native_one(kind: str, tmp_path: Path) -> None:
    native = make(tmp_path, kind)
    made = convert(native, tmp_path / "x.candle").path
    (rebuilt,) = restore(made, tmp_path / "fresh.safetensors", how="rebuilt")
    files = [native] if native.is_file() else sorted(native.glob("*.safetensors"))
    reference = {name: tensor for file in files for name, tensor in load_file(file).items()}
    fresh = load_file(rebuilt.path)
    assert fresh.keys() == reference.keys()
    assert all(raw(fresh[name]) == raw(reference[name]) for name in fresh)
    if kind != "sharded":
        assert rebuilt.byte_exact


def written(path: Path, header: Any, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def entry(dtype: str = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("header", "data", "error"),
    [
        ({"a": entry("F4", (3,), (0, 2))}, bytes(2), CorruptFileError),
        ({"a": entry("F7")}, bytes(8), UnsupportedFormatError),
        ({"a": entry()}, bytes(7), CorruptFileError),
        ({"a": entry()}, bytes(9), CorruptFileError),
        ({"a": entry(), "b": entry()}, bytes(8), CorruptFileError),
        ({"a": entry(offsets=(8, 16))}, bytes(16), CorruptFileError),
        ({"a": entry(shape=(1 << 61,))}, bytes(8), CorruptFileError),
        ({"a": entry(shape=(-2,))}, bytes(8), CorruptFileError),
        ({"a": entry(shape=(2,) * 99)}, bytes(8), CorruptFileError),
        (b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32"}}', bytes(8), CorruptFileError),
        (b'{"dtype":' + b"[" * 5000, b"", CorruptFileError),
        ({"__metadata__": {"a": 1}}, b"", CorruptFileError),
    ],
    ids="f4 unknown-dtype cut too-long overlap hole huge negative rank twice nested metadata".split(),
)
def test_hostile_headers(header: Any, data: bytes, error: type[CandleSpecError], tmp_path: Path) -> None:
    path = written(tmp_path / "hostile.safetensors", header, data)
    with pytest.raises(error):
        convert(path, tmp_path / "x.candle")
    assert not (tmp_path / "x.candle").exists()


def test_a_header_longer_than_the_format_allows(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", 100_000_001) + b'{"a":{"dtype":"F32"' + bytes(99))
    assert CONVERTER.detect(resolve_source(path)) is None
    with pytest.raises(LimitExceededError):
        CONVERTER.read(resolve_source(path))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda index: index["weight_map"].update(d="model-00001-of-00002.safetensors"), CorruptFileError),
        (lambda index: index["weight_map"].update(d="../secret.safetensors"), MissingPartError),
        (lambda index: index["weight_map"].update(d="model-00003-of-00003.safetensors"), MissingPartError),
        (lambda index: index["weight_map"].pop("b"), CorruptFileError),
        (lambda index: index["weight_map"].update(a="model-00002-of-00002.safetensors"), CorruptFileError),
        (lambda index: index.update(weight_map=[]), CorruptFileError),
        (lambda index: index.update(weight_map={"a": 1}), CorruptFileError),
    ],
    ids="not-in-shard out-of-folder no-such-shard not-in-index other-shard list no-name".split(),
)
def test_an_index_that_lies(change: Any, error: type[CandleSpecError], tmp_path: Path) -> None:
    folder = sharded(tmp_path / "model")
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    change(index)
    path.write_text(json.dumps(index))
    with pytest.raises(error):
        convert(folder, tmp_path / "x.candle")


def test_one_name_in_two_shards(tmp_path: Path) -> None:
    folder = sharded(tmp_path / "model")
    save_file({"a": torch.ones(1), "c": torch.ones(2)}, folder / "model-00002-of-00002.safetensors")
    with pytest.raises(CorruptFileError, match="is in"):
        convert(folder, tmp_path / "x.candle")


def test_files_without_an_index_are_not_one_checkpoint(tmp_path: Path) -> None:
    folder = sharded(tmp_path / "model")
    (folder / "model.safetensors.index.json").unlink()
    assert CONVERTER.detect(resolve_source(folder)) is None
    with pytest.raises(UnsupportedFormatError, match="without an index"):
        CONVERTER.read(resolve_source(folder))


def test_a_file_of_metadata_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "empty.safetensors", {"__metadata__": {"format": "pt"}})
    made = convert(path, tmp_path / "x.candle")
    assert made.manifest["weights"]["tensors"] == []
