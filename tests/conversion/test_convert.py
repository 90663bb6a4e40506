"""Conversion, restore and proof: what the user gets, and what the user never gets."""

from __future__ import annotations

import errno
import hashlib
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

import candle_spec
from candle_spec.atomic import Fs
from candle_spec.conversion import certificate
from candle_spec.conversion.convert import Options, convert
from candle_spec.conversion.extents import StoredExtent, gaps
from candle_spec.conversion.native import read_native
from candle_spec.conversion.restore import restore
from candle_spec.conversion.verify import verify_conversion
from candle_spec.digests import digest_bytes
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    InvalidInputError,
    MissingPathError,
    OutputExistsError,
    ProofFailedError,
    UnsafeContentError,
    UnsupportedFormatError,
    UntrustedCodeError,
    WriteFailedError,
)
from candle_spec.weights.sources import Encoding


@pytest.fixture
def native(tmp_path: Path) -> Path:
    import torch

    torch.manual_seed(0)
    path = tmp_path / "uno.pt"
    torch.save({"model": {"w": torch.randn(8, 8), "b": torch.ones(8)}, "epoch": 3, "lr": 1e-3}, path)
    return path


def test_without_output_it_lies_in_the_current_folder(
    native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert candle_spec.convert(native).path == tmp_path / "here" / "uno.pt.candle"


def test_an_existing_output_is_refused_and_kept(native: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "thesis.txt").write_text("mine")
    with pytest.raises(OutputExistsError):
        convert(native, target)
    with pytest.raises(OutputExistsError, match="not a checkpoint"):
        convert(native, target, Options(overwrite=True))
    assert (target / "thesis.txt").read_text() == "mine"


def test_overwrite_replaces_a_checkpoint(native: Path, tmp_path: Path) -> None:
    target = tmp_path / "uno.candle"
    convert(native, target)
    (target / "stray").write_text("x")
    convert(native, target, Options(overwrite=True))
    assert candle_spec.validate(target).errors == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["uno.candle", "uno.pt"]


def test_the_output_may_not_lie_in_the_source(tmp_path: Path) -> None:
    folder = tmp_path / "saves"
    folder.mkdir()
    (folder / "x.weights.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))
    with pytest.raises(CandleSpecError):
        convert(folder, folder / "out.candle")
    assert [p.name for p in folder.iterdir()] == ["x.weights.h5"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><html>", "HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer"),
        (b"\x1f\x8b\x08" + bytes(20), "gzip"),
        (b"GGUF" + bytes(20), "GGUF"),
        (b"%PDF-1.7", "PDF"),
        (b"outs:\n- md5: 00\n  path: model.pt\n", "DVC pointer"),
        (b"\x00\x05\x16\x07" + bytes(60), "AppleDouble"),
        (b'{"features_info": {}}', "CatBoost model as JSON"),
        (b"epoch,loss\n1,2\n", "text file"),
        (random.Random(1).randbytes(64), "no kind known"),
    ],
)
def test_foreign_content_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(UnsupportedFormatError, match=words):
        convert(tmp_path / "model.pt", tmp_path / "out")


def test_bad_paths(tmp_path: Path, native: Path) -> None:
    with pytest.raises(MissingPathError):
        convert(tmp_path / "nowhere.pt")
    (tmp_path / "empty.pt").touch()
    with pytest.raises(CorruptFileError, match="empty"):
        convert(tmp_path / "empty.pt", tmp_path / "out")
    with pytest.raises(InvalidInputError, match="does not exist"):
        convert(native, tmp_path / "no" / "folder")
    made = convert(native, tmp_path / "uno.candle").path
    with pytest.raises(InvalidInputError, match="already"):
        convert(made, tmp_path / "again")
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "m.pt").symlink_to(native)
    with pytest.raises(UnsafeContentError, match="link"):
        convert(folder, tmp_path / "out")


def test_inspect_and_convert_refuse_in_the_same_words(
    native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unfit(*given: Any) -> Any:
        found, detection = read_native(*given)
        found.tensors[0] = replace(found.tensors[0], encoding=Encoding("complex_pairs"))
        return found, detection

    monkeypatch.setattr("candle_spec.conversion.native.read_native", unfit)
    monkeypatch.setattr("candle_spec.conversion.convert.read_native", unfit)
    with pytest.raises(UnsupportedFormatError, match="cannot be stored as complex_pairs") as inspected:
        candle_spec.inspect(native)
    with pytest.raises(UnsupportedFormatError) as converted:
        convert(native, tmp_path / "uno.candle")
    assert str(inspected.value) == str(converted.value)
    assert [p.name for p in tmp_path.iterdir()] == ["uno.pt"]


def test_without_the_original(native: Path, tmp_path: Path) -> None:
    import torch

    made = convert(native, tmp_path / "uno.candle", Options(without_original=True))
    assert not (made.path / "original").exists()
    assert "cannot be restored" in made.manifest["conversion"]["restore"]["cost"]
    digest = "sha256:" + hashlib.sha256(native.read_bytes()).hexdigest()
    assert made.manifest["conversion"]["native"]["digest"] == digest
    with pytest.raises(InvalidInputError, match="without its original"):
        restore(made.path, tmp_path / "back.pt")
    (rebuilt,) = restore(made.path, tmp_path / "back.pt", how="rebuilt")
    again = torch.load(rebuilt.path, weights_only=True)
    assert torch.equal(again["model"]["w"], torch.load(native, weights_only=True)["model"]["w"])
    assert again["epoch"] == 3


class Changing(Fs):
    """Changes the native file while it is copied, as a training that still writes would."""

    def __init__(self, native: Path) -> None:
        self._native = native

    def copy_range(self, source: BinaryIO, offset: int, length: int, target: BinaryIO) -> None:
        super().copy_range(source, offset, length, target)
        data = bytearray(self._native.read_bytes())
        data[offset] ^= 1
        self._native.write_bytes(bytes(data))


def test_a_source_that_changes_is_noticed(tmp_path: Path) -> None:
    import torch

    native = tmp_path / "uno.pt"
    torch.save({"w": torch.ones(200, 200)}, native)  # a small array is not copied by itself
    with pytest.raises(ProofFailedError):
        convert(native, tmp_path / "uno.candle", fs=Changing(native))
    assert [p.name for p in tmp_path.iterdir()] == ["uno.pt"]


class Full(Fs):
    """A disk that is full from the third write on."""

    def __init__(self) -> None:
        self.left = 2

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(file, data)


def test_a_full_disk_leaves_nothing(native: Path, tmp_path: Path) -> None:
    with pytest.raises(WriteFailedError, match="disk is full"):
        convert(native, tmp_path / "uno.candle", fs=Full())
    assert [p.name for p in tmp_path.iterdir()] == ["uno.pt"]


def test_values_of_the_user_win_and_are_checked(native: Path, tmp_path: Path) -> None:
    made = convert(native, tmp_path / "uno.candle", Options(values={"/name": "uno", "/title": "Uno"}))
    assert made.manifest["name"] == "uno"
    sources = {entry["pointer"]: entry["source"] for entry in made.manifest["field_sources"]}
    assert sources["/name"] == sources["/title"] == "user"
    with pytest.raises(InvalidInputError):
        convert(native, tmp_path / "bad.candle", Options(values={"/title": 7}))
    assert not (tmp_path / "bad.candle").exists()


def test_a_changed_checkpoint_does_not_restore(native: Path, tmp_path: Path) -> None:
    made = convert(native, tmp_path / "uno.candle").path
    weights = made / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(ProofFailedError):
        restore(made, tmp_path / "back.pt")
    assert not (tmp_path / "back.pt").exists()
    proof = verify_conversion(made, native, predictions=False)
    assert not proof.ok


def test_restore_refuses_to_overwrite(native: Path, tmp_path: Path) -> None:
    made = convert(native, tmp_path / "uno.candle").path
    before = native.read_bytes()
    with pytest.raises(OutputExistsError):
        restore(made, native)
    restore(made, native, overwrite=True)
    assert native.read_bytes() == before


def test_names_in_extents_cannot_leave(native: Path, tmp_path: Path) -> None:
    made = convert(native, tmp_path / "uno.candle").path
    extents = made / "original" / "0.extents.json"
    elsewhere = {"path": "../../uno.pt", "size": 1, "digest": digest_bytes(b"x")}
    for change in ({"native": "../evil.pt"}, {"residue": elsewhere}):
        document = json.loads(extents.read_text(encoding="utf-8")) | change
        extents.write_text(json.dumps(document), encoding="utf-8")
        with pytest.raises(UnsafeContentError):
            restore(made)


@pytest.mark.parametrize("change", [{"offset": 0}, {"length": 1 << 40}, {"key": "nothing"}])
def test_wrong_extents_are_refused(native: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    made = convert(native, tmp_path / "uno.candle").path
    extents = made / "original" / "0.extents.json"
    document = json.loads(extents.read_text(encoding="utf-8"))
    document["extents"][-1] |= change
    extents.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises((CorruptFileError, ProofFailedError)):
        restore(made, tmp_path / "back.pt")
    assert not (tmp_path / "back.pt").exists()


def test_building_runs_code_only_when_trusted(native: Path, tmp_path: Path) -> None:
    import torch

    path = tmp_path / "lin.pt"
    torch.save(torch.nn.Linear(2, 3).state_dict(), path)
    implementation = {"import_path": "torch.nn", "callable": "Linear", "kwargs": {"in_features": 2, "out_features": 3}}
    made = candle_spec.convert(path, tmp_path / "lin.candle", values={"/model/implementation": implementation})
    with pytest.raises(UntrustedCodeError):
        made.build()
    model = made.build(trust_code=True)
    assert torch.equal(model.weight, torch.load(path, weights_only=True)["weight"])
    with pytest.raises(InvalidInputError, match="names no implementation"):
        candle_spec.convert(native, tmp_path / "no.candle").build(trust_code=True)


def test_gaps() -> None:
    extents = [StoredExtent(2, 3, "f", "a"), StoredExtent(5, 1, "f", "b")]
    assert list(gaps(extents, 9)) == [(0, 2), (6, 3)]
    assert list(gaps([], 4)) == [(0, 4)]


def test_the_certificate_says_what_it_costs() -> None:
    assert "byte for byte" in certificate.COST
