"""Re-sharding: other files, the same model, bit by bit; whatever goes wrong, nothing half-made has a name."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from candle_spec.atomic import Fs
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.checkpoint.seal import write_seal
from candle_spec.conversion.convert import Options, convert
from candle_spec.conversion.reshard import reshard
from candle_spec.conversion.restore import restore
from candle_spec.conversion.verify import verify_conversion
from candle_spec.digests import digest_file
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    InvalidInputError,
    LimitExceededError,
    OutputExistsError,
    WriteFailedError,
)
from candle_spec.validation import validate
from tests.helpers import checkpoints
from tests.helpers.calls import run

DIGESTS = ("content_digest", "values_digest", "state_digest")
SMALL = 700
"""Bytes of a file that holds one or two of the tensors here, header included."""


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def _about(folder: Path) -> list[tuple[Any, ...]]:
    """Everything that is said of each tensor, but where it stands."""
    return [
        (t.group, t.name, t.dtype, t.shape, t.digest, t.alias_of, t.encoding, t.params, t.role, t.label, t.attributes)
        for t in Checkpoint(folder).tensors
    ]


def _arrays(folder: Path) -> dict[tuple[str, str, str], bytes]:
    opened = Checkpoint(folder)
    return {
        (tensor.group, tensor.name, part): bytes(opened.safetensors(array.file).buffer(array.key))
        for tensor in opened.tensors
        for part, array in tensor.arrays.items()
    }


def _same(old: Path, new: Path) -> None:
    """The new checkpoint is the old one in other files."""
    before, after = (checkpoints.read_manifest(folder) for folder in (old, new))
    assert [after["weights"].get(name) for name in DIGESTS] == [before["weights"].get(name) for name in DIGESTS]
    assert _about(new) == _about(old)
    assert _arrays(new) == _arrays(old)
    report = validate(new)
    assert [problem.code for problem in report.errors] == []
    groups = before["weights"]["groups"]
    replaced = {path for group in groups for path in (*group["files"], group.get("index"))}
    replaced |= {row["path"] for row in before["files"] if row["role"] in ("extents", "tensor-inventory")}
    for row in before["files"]:
        if row["path"] not in replaced:
            assert (new / row["path"]).read_bytes() == (old / row["path"]).read_bytes()
    ignored = ("files", "weights", "manifest_digest")
    assert {k: v for k, v in after.items() if k not in ignored} == {k: v for k, v in before.items() if k not in ignored}


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_the_same_model_in_other_files_and_back(kind: str, tmp_path: Path) -> None:
    old = checkpoints.make(kind, tmp_path).path
    made = reshard(old, tmp_path / "small", SMALL)
    _same(old, made.path)
    assert max(made.weights.values()) <= SMALL
    assert {path.name: path.stat().st_size for path in _weights(made.path)} == made.weights
    restored = restore(made.path, tmp_path / "again.tiny")[0]
    assert restored.path.read_bytes() == (tmp_path / f"{kind}.tiny").read_bytes()
    assert all(claim.holds is not False for claim in verify_conversion(made.path).claims)
    back = reshard(made.path, tmp_path / "back", 1 << 20).path
    _same(old, back)
    if kind != "sharded":
        for path in (one for one in old.rglob("*") if one.is_file()):
            assert (back / path.relative_to(old)).read_bytes() == path.read_bytes(), "there and back, byte for byte"


def test_more_files_than_before(tmp_path: Path) -> None:
    old = checkpoints.make("plain", tmp_path).path
    assert [path.name for path in _weights(old)] == ["model.safetensors"]
    new = reshard(old, tmp_path / "new", 350).path
    names = [path.name for path in _weights(new)]
    assert names[0] == f"model-00001-of-{len(names):05d}.safetensors"
    assert len(names) > 1
    index = json.loads((new / "model.safetensors.index.json").read_bytes())
    assert set(index["weight_map"].values()) == set(names)


@pytest.mark.framework
def test_what_torch_stores_in_special_ways(tmp_path: Path) -> None:
    """Quantised, sparse, complex, bfloat16, tied and transposed tensors of a real ``.pt``."""
    import torch

    weight = torch.arange(512, dtype=torch.float32).reshape(16, 32)
    state = {
        "quantised": torch.quantize_per_tensor(weight, 0.5, 3, torch.qint8),
        "channels": torch.quantize_per_channel(
            weight, torch.ones(16) / 4, torch.zeros(16, dtype=torch.int64), 0, torch.qint8
        ),
        "sparse": torch.eye(24).to_sparse(),
        "csr": torch.eye(24).to_sparse_csr(),
        "complex": torch.complex(weight, -weight).to(torch.complex128),
        "half": weight.to(torch.bfloat16),
        "turned": weight.t(),
        "tied": weight,
        "tied.again": weight,
    }
    native = tmp_path / "model.pt"
    torch.save(state, native)
    old = convert(native, tmp_path / "old").path
    for shard_bytes in (9_000, 12_000, 5_000_000):
        new = reshard(old, tmp_path / f"new{shard_bytes}", shard_bytes).path
        _same(old, new)
        assert digest_file(restore(new, tmp_path / f"{shard_bytes}.pt")[0].path) == digest_file(native)
        assert max(path.stat().st_size for path in _weights(new)) <= shard_bytes
        again = Checkpoint(new).state_dict(framework="torch")
        assert torch.equal(again["quantised"].int_repr(), state["quantised"].int_repr())
        assert torch.equal(again["sparse"].to_dense(), state["sparse"].to_dense())
        assert again["tied"].data_ptr() == again["tied.again"].data_ptr()


def test_it_equals_a_conversion_with_those_shards(tmp_path: Path) -> None:
    """Where a conversion cuts at the same places, the weights files have the same bytes."""
    native = checkpoints.Tiny([(f"t{n}", "F32", [64]) for n in range(8)]).write(tmp_path / "m.tiny")
    with checkpoints.only_tiny():
        whole = convert(native, tmp_path / "whole").path
        cut = convert(native, tmp_path / "cut", Options(shard_bytes=512)).path
    new = reshard(whole, tmp_path / "new", 512 + 400).path
    assert [path.name for path in _weights(new)] == [path.name for path in _weights(cut)]
    for path in _weights(cut):
        assert (new / path.name).read_bytes() == path.read_bytes()


def test_a_seal_is_made_anew_and_a_signature_stays_behind(tmp_path: Path) -> None:
    old = checkpoints.make("plain", tmp_path).path
    seal = write_seal(old)
    (old / "candle-checkpoint.sig").write_bytes(b"signature")
    new = reshard(old, tmp_path / "new", 350).path
    assert checkpoints.read_manifest(new)["manifest_digest"] != seal
    assert not validate(new).errors
    assert not (new / "candle-checkpoint.sig").exists()
    assert "manifest_digest" not in checkpoints.read_manifest(
        reshard(checkpoints.make("alias", tmp_path).path, tmp_path / "n2").path
    )


def test_a_tensor_larger_than_the_limit(tmp_path: Path) -> None:
    old = checkpoints.make("plain", tmp_path).path
    with pytest.raises(
        LimitExceededError, match=r"the tensor '(dense|head)/kernel' alone takes a file of \d+ bytes, more than 200"
    ):
        reshard(old, tmp_path / "new", 200)
    assert not (tmp_path / "new").exists()


def test_many_tiny_tensors_are_bounded_with_their_header(tmp_path: Path) -> None:
    rows = [(f"layer.{n:04d}/with/a/long/name", "F32", [1]) for n in range(300)]
    native = checkpoints.Tiny(rows).write(tmp_path / "m.tiny")
    with checkpoints.only_tiny():
        old = convert(native, tmp_path / "old").path
    made = reshard(old, tmp_path / "new", 4_096)
    _same(old, made.path)
    assert max(made.weights.values()) <= 4_096
    assert len(made.weights) < 30


@pytest.mark.parametrize(
    "path",
    ["model.safetensors", "state.json", "topology/config.json", "original/0.residue.gz", "original/0.extents.json"],
)
def test_damage_is_not_carried_over(path: str, tmp_path: Path) -> None:
    old = checkpoints.make("plain", tmp_path).path
    data = bytearray((old / path).read_bytes())
    data[-3] ^= 1
    (old / path).write_bytes(data)
    with pytest.raises(CorruptFileError, match="it was changed"):
        reshard(old, tmp_path / "new", 350)
    assert [one.name for one in tmp_path.iterdir() if "new" in one.name] == []


def test_what_cannot_be_resharded(tmp_path: Path) -> None:
    old = checkpoints.make("plain", tmp_path).path
    with pytest.raises(InvalidInputError, match="in the checkpoint"):
        reshard(old, old / "new")
    (tmp_path / "there").mkdir()
    with pytest.raises(OutputExistsError):
        reshard(old, tmp_path / "there")
    with pytest.raises(CandleSpecError, match="does not exist"):
        reshard(old, tmp_path / "no" / "folder")
    manifest = checkpoints.read_manifest(old)
    for row in manifest["files"]:
        if row["path"].startswith("original/"):
            row["withheld"] = {"reason": "not published"}
    checkpoints.write_manifest(old, manifest)
    with pytest.raises(InvalidInputError, match="was withheld from this copy"):
        reshard(old, tmp_path / "new")
    (old / "model.safetensors").write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n"
    )
    with pytest.raises(InvalidInputError, match="was not fetched"):
        reshard(old, tmp_path / "new")


class FullDisk(Fs):
    """Refuses one call after a number of them."""

    def __init__(self, left: int) -> None:
        self.left = left

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(28, "No space left on device")

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        self._step()
        super().write(file, data)

    def copy_range(self, source: BinaryIO, offset: int, length: int, target: BinaryIO) -> None:
        self._step()
        super().copy_range(source, offset, length, target)

    def sync_file(self, file: BinaryIO) -> None:
        self._step()
        super().sync_file(file)

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        super().rename(source, target)


def test_a_disk_that_refuses_at_any_call(tmp_path: Path) -> None:
    old = checkpoints.make("plain", tmp_path).path
    for left in range(200):
        try:
            reshard(old, tmp_path / "new", 350, fs=FullDisk(left))
        except WriteFailedError:
            assert [one.name for one in tmp_path.iterdir() if "new" in one.name] == []
            continue
        break
    assert left > 15
    _same(old, tmp_path / "new")


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path) -> None:
    peaks = {}
    for count in (1, 16):
        rows = [(f"t{n}", "F32", [1 << 20]) for n in range(count)]
        about = json.dumps(vars(checkpoints.Tiny(rows))).encode() + b"\n"
        native = tmp_path / f"{count}.tiny"
        native.write_bytes(checkpoints.MAGIC + about + bytes(count << 22))
        with checkpoints.only_tiny():
            old = convert(native, tmp_path / f"old{count}").path
        tracemalloc.start()
        reshard(old, tmp_path / f"new{count}", 8_500_000)
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(_weights(tmp_path / "new16")) == 8
    assert peaks[16] - peaks[1] < 4 << 20, "60 MiB more of weights passed through"


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoints.make("plain", tmp_path)
    assert run("reshard", "plain", "small", "--shard-size", "350B") == 0
    out = capsys.readouterr().out
    digest = checkpoints.read_manifest(Path("plain"))["weights"]["content_digest"]
    assert f"content {digest}, as before" in out
    assert "L0-L5 ok" in out
    assert run("reshard", "plain", "other", "--shard-size", "1MB", "--json") == 0
    assert json.loads(capsys.readouterr().out)["content_digest"] == digest
    assert run("reshard", "plain", "small") == 2
    assert run("reshard", "plain", "third", "--shard-size", "100") == 1
    assert "alone takes a file of" in capsys.readouterr().err
    assert (Path("small") / MANIFEST).is_file()
