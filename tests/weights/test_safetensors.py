"""Own safetensors files are those of the official writer, and no broken header is taken for a good one."""

from __future__ import annotations

import io
import json
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from candle_spec.atomic import Staging
from candle_spec.checkpoint.folder_writer import FolderWriter
from candle_spec.errors import CandleSpecError
from candle_spec.weights.reader import TORCH, SafetensorsFile
from candle_spec.weights.safetensors import layout, parse_header
from candle_spec.weights.shards import plan_group
from candle_spec.weights.sources import MemoryBytes, TensorSource, plain
from candle_spec.weights.writer import StreamedFiles

NAMES = {str(getattr(torch, name)): code for code, name in TORCH.items()}


def source(name: str, tensor: torch.Tensor) -> TensorSource:
    data = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
    code = NAMES[str(tensor.dtype)]
    shape = (*tensor.shape[:-1], 2 * tensor.shape[-1]) if code == "F4" else tuple(tensor.shape)
    return plain("model", name, code, shape, MemoryBytes(data))


def write(folder: Path, tensors: dict[str, torch.Tensor], shard_bytes: int = 10**12) -> Path:
    plan = plan_group("model", [source(name, t) for name, t in tensors.items()], {"format": "pt"}, shard_bytes)
    with ThreadPoolExecutor(2) as pool, Staging(folder / "out") as staging, StreamedFiles(staging, pool) as files:
        writer = FolderWriter(files)
        writer.weights([plan])
        writer.settle()
        staging.commit()
    return folder / "out"


def zoo() -> dict[str, torch.Tensor]:
    """Every dtype, odd names, empty and 0-d tensors."""
    whole = {code: getattr(torch, name) for code, name in TORCH.items() if code != "F4"}
    tensors = {code: torch.arange(6).reshape(2, 3).float().to(dtype) for code, dtype in whole.items()}
    tensors["F4"] = torch.arange(6, dtype=torch.uint8).reshape(2, 3).view(torch.float4_e2m1fn_x2)
    tensors |= {"": torch.ones(1), 'a/b:0 "é"\n\t\\': torch.ones(2), "z": torch.zeros(0, 3), "s": torch.tensor(2.0)}
    tensors |= {"naïve.ключ.层": torch.ones(3), "\x7f\x01": torch.ones(1)}
    return tensors


def test_bytes_are_those_of_the_official_writer(tmp_path: Path) -> None:
    tensors = zoo()
    safetensors.torch.save_file(tensors, tmp_path / "reference", metadata={"format": "pt"})
    ours = write(tmp_path, tensors) / "model.safetensors"
    assert ours.read_bytes() == (tmp_path / "reference").read_bytes()


def test_loads_with_the_official_reader(tmp_path: Path) -> None:
    tensors = zoo()
    loaded = safetensors.torch.load_file(write(tmp_path, tensors) / "model.safetensors")
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert loaded[name].shape == tensor.shape
        assert loaded[name].reshape(-1).view(torch.uint8).tolist() == tensor.reshape(-1).view(torch.uint8).tolist()


def test_shards_load_by_their_index(tmp_path: Path) -> None:
    tensors = zoo()
    folder = write(tmp_path, tensors, shard_bytes=64)
    index = json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))
    assert len(set(index["weight_map"].values())) > 3
    assert index["metadata"]["total_size"] == sum(t.numel() * t.element_size() for t in tensors.values())
    for name, file in index["weight_map"].items():
        with safetensors.safe_open(folder / file, "pt") as opened:
            assert opened.get_tensor(name).shape == tensors[name].shape


def test_reading_copies_nothing_and_never_writes(tmp_path: Path) -> None:
    path = write(tmp_path, {"w": torch.arange(4.0), "b": torch.ones(2).bfloat16()}) / "model.safetensors"
    before = path.read_bytes()
    file = SafetensorsFile(path)
    array = file.numpy("w")
    tensor = file.torch("w")
    assert array.tolist() == tensor.tolist() == [0, 1, 2, 3]
    assert array.__array_interface__["data"][0] == tensor.data_ptr()
    array[0] = 9
    assert tensor[0] == 9
    assert path.read_bytes() == before
    assert file.numpy("b").dtype.name == "bfloat16"


def test_unaligned_files_of_others_are_read(tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    header += b" " * (1 + (-len(header)) % 4)
    (tmp_path / "odd").write_bytes(struct.pack("<Q", len(header)) + header + struct.pack("<2f", 1, 2))
    file = SafetensorsFile(tmp_path / "odd")
    assert file.numpy("w").tolist() == file.torch("w").tolist() == [1, 2]


def framed(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


GOOD = {
    "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
    "b": {"dtype": "U8", "shape": [3], "data_offsets": [8, 11]},
}
DATA = bytes(11)


def changed(name: str, **change: Any) -> bytes:
    return framed({**GOOD, name: {**GOOD[name], **change}}, DATA)


FAULTS = [
    ("CKP4001", b""),
    ("CKP4001", b"1234567"),
    ("CKP4001", struct.pack("<Q", 100) + b"{}"),
    ("CKP4009", struct.pack("<Q", 2**63) + b"{}"),
    ("CKP4009", struct.pack("<Q", 100_000_001) + b"{}"),
    ("CKP4002", framed(b"[]")),
    ("CKP4002", framed(b" {}")),
    ("CKP4002", framed(b"{")),
    ("CKP4002", framed(b'{"a": \xff}')),
    ("CKP4002", framed(b'{"a":' * 40_000)),
    ("CKP4002", framed({**GOOD, "a": {"dtype": "F32", "shape": [2]}}, DATA)),
    ("CKP4002", framed({**GOOD, "a": {**GOOD["a"], "more": 1}}, DATA)),
    ("CKP4002", framed({**GOOD, "a": 7}, DATA)),
    (
        "CKP4003",
        framed(
            b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
            b"1",
        ),
    ),
    ("CKP4004", framed({"a": GOOD["a"], "b": {**GOOD["b"], "data_offsets": [9, 12]}}, bytes(12))),
    ("CKP4004", framed({"a": GOOD["a"], "b": {**GOOD["b"], "data_offsets": [7, 10]}}, bytes(10))),
    ("CKP4005", changed("a", shape=[3])),
    ("CKP4005", changed("a", shape=[-2])),
    ("CKP4005", changed("a", shape=[2.0])),
    ("CKP4005", changed("a", shape=[True, 2])),
    ("CKP4005", changed("a", shape=[2**63])),
    ("CKP4005", changed("a", shape=[1] * 65 + [2])),
    ("CKP4005", changed("a", data_offsets=[8, 0])),
    ("CKP4005", changed("a", data_offsets=[0, 8, 9])),
    ("CKP4006", framed(GOOD, DATA + b"x")),
    ("CKP4006", framed(GOOD, DATA[:-1])),
    ("CKP4007", changed("a", dtype="F33")),
    ("CKP4007", changed("a", dtype=32)),
    ("CKP4008", framed({"__metadata__": {"n": 1}, **GOOD}, DATA)),
    ("CKP4008", framed({"__metadata__": [], **GOOD}, DATA)),
]


@pytest.mark.parametrize(("code", "data"), FAULTS, ids=[f"{code}-{n}" for n, (code, _) in enumerate(FAULTS)])
def test_each_broken_header_is_named(code: str, data: bytes) -> None:
    with pytest.raises(CandleSpecError) as caught:
        parse_header(io.BytesIO(data), len(data), "x")
    assert caught.value.code == code


@given(st.integers(0, 140), st.integers(0, 255))
def test_what_we_accept_the_official_reader_accepts(position: int, value: int) -> None:
    data = bytearray(framed(GOOD, DATA))
    data[position % len(data)] = value
    try:
        parse_header(io.BytesIO(bytes(data)), len(data), "x")
    except CandleSpecError:
        return
    safetensors.deserialize(bytes(data))


@given(st.binary(max_size=200))
def test_any_bytes_give_a_clear_error(data: bytes) -> None:
    for given_bytes in (data, framed(data)):
        try:
            parse_header(io.BytesIO(given_bytes), len(given_bytes), "x")
        except CandleSpecError:
            continue


@given(
    st.lists(
        st.tuples(
            st.text(max_size=5), st.sampled_from(["F32", "U8", "I64", "BF16"]), st.lists(st.integers(0, 4), max_size=3)
        ),
        max_size=6,
        unique_by=lambda row: row[0],
    )
)
def test_layout_reads_back(rows: list[tuple[str, str, list[int]]]) -> None:
    rows = [row for row in rows if row[0] != "__metadata__"]
    try:
        head, header = layout([(name, dtype, tuple(shape)) for name, dtype, shape in rows], {"format": "np"})
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    data = head + bytes(header.file_size - len(head))
    again = parse_header(io.BytesIO(data), len(data), "x")
    assert again.entries == header.entries
    assert len(head) % 8 == 0
