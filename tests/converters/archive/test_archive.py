"""Archives: what is inside is read as it would be outside, the archive comes back, hostile archives are refused."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import lzma
import pickle
import stat
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from candle_spec import limits
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion import registry
from candle_spec.conversion.convert import convert
from candle_spec.conversion.native import read_native
from candle_spec.conversion.source import resolve_source
from candle_spec.converters.archive import CONVERTER
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    ForeignContentError,
    InvalidInputError,
    LimitExceededError,
    UnsafeContentError,
)
from candle_spec.testing.contract import ConverterContract
from tests.helpers.checkpoints import residues

README = (
    b"# A model\n\nthat reads DNA of tumours, with a text of more than sixty-four bytes, so that it is an extent.\n"
)


def tensors() -> dict[str, Any]:
    import torch

    torch.manual_seed(0)
    return {"weight": torch.randn(64, 32), "bias": torch.arange(16.0)}


def checkpoint(name: str = "weights.pt") -> bytes:
    """The bytes of a checkpoint of PyTorch or of safetensors."""
    import torch
    from safetensors.torch import save_file

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        save_file(tensors(), path) if name.endswith(".safetensors") else torch.save(tensors(), path)
        return path.read_bytes()


def tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    """Write a tar archive."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def packed(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write a zip archive."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return path


def make(folder: Path, kind: str) -> Path:
    members = {"polisher/weights.pt": checkpoint(), "polisher/README.md": README, "polisher/.DS_Store": b"litter"}
    if kind == "zip":
        return packed(folder / "r1041.zip", members)
    if kind == "zip-stored":
        return packed(folder / "r1041.zip", members, zipfile.ZIP_STORED)
    if kind in ("gz", "bz2", "xz"):
        pack = {"gz": lambda data: gzip.compress(data, mtime=0), "bz2": bz2.compress, "xz": lzma.compress}[kind]
        path = folder / f"r1041.pt.{kind}"
        path.write_bytes(pack(checkpoint()))
        return path
    mode = {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}[kind]
    return tar(folder / f"r1041.{kind}", members, mode)


KINDS = ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip", "zip-stored", "gz", "bz2", "xz"]


class TestArchive(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=["tar", "tar.gz", "tar.xz", "zip", "zip-stored", "gz"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return make(tmp_path, request.param)


@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_is_the_inner_one(kind: str, tmp_path: Path) -> None:
    made = Checkpoint(convert(make(tmp_path, kind), tmp_path / "x.candle").path)
    assert made.document["name"] == "r1041"
    assert made.document["model"]["framework"]["name"] == "pytorch"
    assert made.document["conversion"]["native"]["format"] == "archive"
    for name, tensor in tensors().items():
        assert (made.tensor("model", name) == tensor.numpy()).all()


@pytest.mark.parametrize(("kind", "whole"), [("tar", False), ("zip-stored", False), ("zip", True), ("tar.gz", True)])
def test_what_stands_in_the_archive_is_stored_once(kind: str, whole: bool, tmp_path: Path) -> None:
    native = make(tmp_path, kind)
    manifest = convert(native, tmp_path / "x.candle").manifest
    inside = sum(tensor.nbytes for tensor in tensors().values()) + len(README)
    assert next(iter(residues(tmp_path / "x.candle").values())) == native.stat().st_size - (0 if whole else inside)
    assert ("artifacts/polisher/README.md", "document") in {(row["path"], row["role"]) for row in manifest["files"]}


def test_a_big_endian_or_transposed_tensor_is_found_again(tmp_path: Path) -> None:
    import torch

    data = io.BytesIO()
    torch.save({"w": torch.arange(300.0).reshape(20, 15).t()}, data)
    native = tar(tmp_path / "x.tar", {"m.pt": data.getvalue()})
    convert(native, tmp_path / "x.candle")
    assert next(iter(residues(tmp_path / "x.candle").values())) == native.stat().st_size - 1200


def test_a_folder_inside_is_one_checkpoint(tmp_path: Path) -> None:
    members = {"hub/config.json": b'{"model_type": "bert"}', "hub/model.safetensors": checkpoint("a.safetensors")}
    made = convert(tar(tmp_path / "pathbert.tar", members), tmp_path / "x.candle").manifest
    assert made["conversion"]["native"]["variant"] == "tar:huggingface"
    assert made["model"]["architecture_family"] == "bert"


def test_an_archive_in_an_archive(tmp_path: Path) -> None:
    data = checkpoint("a.safetensors")
    for number in range(limits.ARCHIVE_DEPTH):
        data = tar(
            tmp_path / f"{number}.tar", {f"inner{number}.safetensors" if not number else f"{number}.tar": data}
        ).read_bytes()
    path = tmp_path / "deep.tar"
    path.write_bytes(data)
    assert convert(path, tmp_path / "x.candle").manifest["weights"]["tensors"]
    tar(tmp_path / "deeper.tar", {"deep.tar": data, "x.pt": b"no checkpoint"})
    with pytest.raises(CandleSpecError):
        convert(tmp_path / "deeper.tar", tmp_path / "y.candle")


def test_archives_are_not_unpacked_without_end(tmp_path: Path) -> None:
    data = checkpoint("a.safetensors")
    for _ in range(limits.ARCHIVE_DEPTH + 1):
        data = gzip.compress(data, mtime=0)
    path = tmp_path / "deep.safetensors.gz"
    path.write_bytes(data)
    with pytest.raises(CandleSpecError):
        convert(path, tmp_path / "x.candle")


def test_the_usual_name_wins_and_the_rest_is_said(tmp_path: Path) -> None:
    members = {"weights.pt": checkpoint(), "other.pt": checkpoint(), "notes.bin": b"\x01\x02" * 99}
    made = convert(tar(tmp_path / "m.tar", members), tmp_path / "x.candle").manifest
    reasons = {row["what"]: row.get("reason", "") for row in made["conversion"]["parts"]}
    assert reasons["other checkpoints"].endswith("other.pt")
    assert reasons["other files"].endswith("notes.bin")


def test_several_checkpoints_are_refused_by_name(tmp_path: Path) -> None:
    native = tar(tmp_path / "m.tar", {"a/first.pt": checkpoint(), "b/second.pt": checkpoint()})
    with pytest.raises(InvalidInputError, match=r"first\.pt, b/second\.pt") as raised:
        convert(native, tmp_path / "x.candle")
    assert "--recursive" in raised.value.hint


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    path = tar(tmp_path / "pictures.tar.gz", {"a.png": b"\x89PNG", "b.txt": b"hello"}, "w:gz")
    assert registry.recognise(resolve_source(path)) is None
    path = tar(tmp_path / "words.tar", {"a.pt": b"not a checkpoint at all", "b.txt": b"hello"})
    with pytest.raises(ForeignContentError, match="no native checkpoint"):
        convert(path, tmp_path / "x.candle")


def test_formats_that_are_zip_archives_themselves_are_left_alone(tmp_path: Path) -> None:
    import torch

    torch.save(tensors(), tmp_path / "a.pt")
    assert registry.detect(resolve_source(tmp_path / "a.pt"))[0].name == "pytorch"


def test_the_temporary_folder_is_removed_and_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    native, _ = read_native(make(tmp_path, "tar.gz"))
    assert list(folder.iterdir())
    native.resources.close()
    assert not list(folder.iterdir())
    damaged = tar(tmp_path / "d.tar", {"m.pt": checkpoint()[:3000]})
    with pytest.raises(CandleSpecError) as raised:
        read_native(damaged)
    assert not list(folder.iterdir())
    assert str(folder) not in str(raised.value)


@pytest.mark.parametrize("name", ["../evil.pt", "/etc/evil.pt", "a/../../evil.pt", "C:/evil.pt", "..\\evil.pt"])
@pytest.mark.parametrize("writer", [tar, packed])
def test_names_that_leave_the_archive(name: str, writer: Any, tmp_path: Path) -> None:
    native = writer(tmp_path / "evil.archive", {"ok.pt": checkpoint(), name: checkpoint()})
    with pytest.raises(UnsafeContentError):
        CONVERTER.read(resolve_source(native))
    assert not (tmp_path.parent / "evil.pt").exists()


def special(path: Path, kind: bytes, target: str = "") -> Path:
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("model.pt")
        data = checkpoint()
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
        extra = tarfile.TarInfo("special")
        extra.type, extra.linkname = kind, target
        archive.addfile(extra)
    return path


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices(kind: bytes, tmp_path: Path) -> None:
    with pytest.raises(UnsafeContentError, match="device"):
        convert(special(tmp_path / "x.tar", kind), tmp_path / "x.candle")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_are_neither_made_nor_followed(kind: bytes, tmp_path: Path) -> None:
    made = convert(special(tmp_path / "x.tar", kind, "/etc/passwd"), tmp_path / "x.candle").manifest
    reasons = {row["what"]: row["reason"] for row in made["conversion"]["parts"] if "reason" in row}
    assert "special" in reasons["links"]


def test_a_link_in_a_zip_is_a_small_file(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.zip", {"model.pt": checkpoint()})
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert convert(path, tmp_path / "x.candle").manifest["weights"]["tensors"]


def test_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ARCHIVE_SMALL", 1 << 20)
    path = tar(tmp_path / "bomb.tar.gz", {"model.pt": bytes(1 << 24)}, "w:gz")
    with pytest.raises(LimitExceededError, match="bomb"):
        CONVERTER.read(resolve_source(path))


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ARCHIVE_FILES", 5)
    path = tar(tmp_path / "many.tar", {f"{number}.pt": b"x" for number in range(9)})
    with pytest.raises(LimitExceededError, match="entries"):
        CONVERTER.read(resolve_source(path))


def test_an_extended_header_that_asks_for_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("model.pt")
        info.pax_headers = {"comment": "x" * (limits.ARCHIVE_HEADER + 1)}
        archive.addfile(info)
    with pytest.raises(LimitExceededError, match="extended header"):
        CONVERTER.read(resolve_source(path))


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_long_names_of_every_dialect(form: int, tmp_path: Path) -> None:
    name = "/".join(["folder" * 5] * 4) + "/größe.pt"
    path = tmp_path / "x.tar"
    data = checkpoint()
    with tarfile.open(path, "w", format=form) as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
        archive.addfile(tarfile.TarInfo("folder" * 5 + "/README"))
    made = convert(path, tmp_path / "x.candle").manifest
    assert made["conversion"]["native"]["variant"] == "tar:pytorch"


@pytest.mark.parametrize(
    "members",
    [[("a.pt", b"1"), ("a.pt", b"2")], [("a.pt", b"1"), ("./a.pt", b"2")], [("a", b"1"), ("a/b.pt", b"2")]],
    ids=["twice", "twice-in-other-words", "file-and-folder"],
)
def test_entries_of_one_name(members: list[tuple[str, bytes]], tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    with pytest.raises(UnsafeContentError, match=r"named|one name"):
        CONVERTER.read(resolve_source(path))


def test_a_name_too_long_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(UnsafeContentError, match="too long"):
        CONVERTER.read(resolve_source(tar(tmp_path / "x.tar", {"x" * 300 + ".pt": b"1"})))


def test_damaged_packing(tmp_path: Path) -> None:
    path = make(tmp_path, "zip-stored")
    data = bytearray(path.read_bytes())
    data[data.index(tensors()["weight"].numpy().tobytes()[:32])] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(CorruptFileError, match="CRC"):
        convert(path, tmp_path / "x.candle")


def test_packed_streams_may_follow_each_other(tmp_path: Path) -> None:
    data = checkpoint()
    path = tmp_path / "m.pt.gz"
    path.write_bytes(gzip.compress(data[:5000]) + gzip.compress(data[5000:]) + bytes(512))
    assert convert(path, tmp_path / "x.candle").manifest["weights"]["tensors"]


def test_an_xz_file_that_asks_for_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "XZ_MEMORY", 1 << 16)
    with pytest.raises(LimitExceededError, match="memory"):
        CONVERTER.read(resolve_source(make(tmp_path, "xz")))


def test_pickles_beside_the_checkpoint_are_named(tmp_path: Path) -> None:
    import torch

    meta = pickle.dumps({"build": functools.partial(print, "never run"), "classes": ["A"]})
    whole = io.BytesIO()
    torch.save({"act": torch.nn.ReLU(), "call": Path}, whole)
    members = {
        "p/model.pt": checkpoint(),
        "p/meta.pkl": meta,
        "p/extra.pt": whole.getvalue(),
        "p/cut.pkl": pickle.dumps({"a": 1, "b": [1, 2, 3]})[:-4],
    }
    manifest = convert(tar(tmp_path / "p.tar", members), tmp_path / "x.candle").manifest
    found = {row["member"]: row["imports"] for row in manifest["security"]["inert_pickle"]}
    assert {"functools.partial", "builtins.print"} <= set(found["p/meta.pkl"])
    assert "torch.nn.modules.activation.ReLU" in found["p/extra.pt/archive/data.pkl"]
    assert set(found) == {"p/model.pt/weights/data.pkl", "p/meta.pkl", "p/extra.pt/archive/data.pkl"}
    unread = next(part for part in manifest["conversion"]["parts"] if part["what"] == "pickle p/cut.pkl")
    assert "not known" in unread["reason"]
