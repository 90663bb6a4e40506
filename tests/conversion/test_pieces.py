"""Tensors in several places, payload files, links and contexts: what a folder of native files may need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from candle_spec.canonical import loads
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.contract import Native, SideFile, Source
from candle_spec.conversion.convert import Options, convert
from candle_spec.conversion.restore import restore
from candle_spec.conversion.source import resolve_source
from candle_spec.conversion.verify import verify_conversion
from candle_spec.errors import InvalidInputError, ProofFailedError, UnsafeContentError
from candle_spec.validation import validate
from candle_spec.weights.sources import ChainedBytes, FileBytes, MemoryBytes, verbatim
from tests.helpers.native.pieces import HALF, TEXT, Folder, write


@pytest.fixture
def native(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("candle_spec.conversion.registry.converters", lambda: (Folder(),))
    folder = tmp_path / "run" / "native.d"
    folder.mkdir(parents=True)
    return write(folder)


def test_pieces_and_payload_come_back(native: Path, tmp_path: Path) -> None:
    made = convert(native, tmp_path / "x.candle")
    assert validate(made.path).errors == []
    opened = Checkpoint(made.path)
    assert bytes(opened.state_dict("derived", framework="numpy")["w"].tobytes()) == HALF[::-1] + HALF + b"1234"
    assert opened.document["weights"]["kind"] == "payload"
    assert (made.path / "payload" / "model.txt").read_bytes() == TEXT
    for restored in restore(made.path, tmp_path / "back"):
        assert restored.path.read_bytes() == (native / restored.path.name).read_bytes()
    assert verify_conversion(made.path, native, predictions=False).ok


def test_nothing_is_stored_twice(native: Path, tmp_path: Path) -> None:
    made = convert(native, tmp_path / "x.candle")
    originals = made.manifest["conversion"]["restore"]["originals"]
    documents = [loads((made.path / o["extents"]).read_bytes(), location="") for o in originals]
    assert {document["native"]: document["residue"]["size"] for document in documents} == {
        "a.bin": 8,
        "b.bin": 8,
        "model.txt": 0,
    }
    assert documents[0]["extents"] == [
        {"offset": 8, "length": 128, "file": "derived.safetensors", "key": "w", "start": 128}
    ]
    assert documents[2]["extents"] == [{"offset": 0, "length": len(TEXT), "file": "payload/model.txt"}]


def test_the_payload_is_the_identity(native: Path, tmp_path: Path) -> None:
    first = convert(native, tmp_path / "1.candle").manifest["weights"]["content_digest"]
    (native / "a.bin").write_bytes(b"headhead" + HALF[::-1])
    assert convert(native, tmp_path / "2.candle").manifest["weights"]["content_digest"] == first
    (native / "model.txt").write_bytes(TEXT.replace(b"3", b"4"))
    assert convert(native, tmp_path / "3.candle").manifest["weights"]["content_digest"] != first


def test_pieces_without_payload(native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Folder, "payload", False)
    made = convert(native, tmp_path / "x.candle")
    assert made.manifest["weights"]["kind"] == "tensors"
    for restored in restore(made.path, tmp_path / "back"):
        assert restored.path.read_bytes() == (native / restored.path.name).read_bytes()


@pytest.mark.parametrize("change", ["key", "start", "file"])
def test_extents_that_do_not_fit_are_found(native: Path, tmp_path: Path, change: str) -> None:
    made = convert(native, tmp_path / "x.candle").path
    path = made / "original" / ("2" if change == "file" else "0")
    at = path.with_name(path.name + ".extents.json")
    old, new = {
        "key": (b'"key": "w"', b'"key": "v"'),
        "start": (b'"start": 128', b'"start": 999'),
        "file": (b'"length": 720', b'"length": 721'),
    }[change]
    data = at.read_bytes()
    assert old in data
    at.write_bytes(data.replace(old, new))
    assert "CKP4030" in {problem.code for problem in validate(made).errors}


def test_only_what_can_be_copied_is_copied() -> None:
    whole = ChainedBytes((FileBytes(Path("a"), 0, 70), FileBytes(Path("b"), 5, 70)))
    assert [(e.start, e.offset) for e in verbatim(whole)] == [(0, 0), (70, 5)]
    assert verbatim(ChainedBytes((FileBytes(Path("a"), 0, 70), MemoryBytes(b"x")))) == ()
    assert verbatim(ChainedBytes((MemoryBytes(b"x"), FileBytes(Path("a"), 0, 70)))) == ()


def test_links_inside_a_folder_are_listed_and_not_followed(native: Path, tmp_path: Path) -> None:
    (native / "best").symlink_to("a.bin")
    source = resolve_source(native)
    assert source.links == {"best": "a.bin"}
    assert "best" not in {file.name for file in source.files}
    part = next(
        p for p in convert(native, tmp_path / "x.candle").manifest["conversion"]["parts"] if p["what"] == "links"
    )
    assert part["status"] == "dropped"
    assert "best" in part["reason"]


@pytest.mark.parametrize("target", ["../outside", "/etc/passwd", "sub/../../outside"])
def test_links_out_of_a_folder_are_refused(native: Path, target: str) -> None:
    (native / "sub").mkdir()
    (native / "sub" / "x").touch()
    (native.parent / "outside").write_text("secret")
    (native / "leak").symlink_to(target)
    with pytest.raises(UnsafeContentError, match="leak"):
        resolve_source(native)


def test_a_context_is_a_folder_around_the_source(native: Path, tmp_path: Path) -> None:
    assert resolve_source(native, context=tmp_path).context == tmp_path.resolve()
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(InvalidInputError, match="around the source"):
        resolve_source(native, context=tmp_path / "elsewhere")


def test_resources_are_let_go(native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    read = Folder.read

    def remembering(self: Folder, source: Source) -> Native:
        found = read(self, source)
        found.resources.callback(lambda: closed.append("closed"))
        return found

    monkeypatch.setattr(Folder, "read", remembering)
    convert(native, tmp_path / "x.candle")
    assert closed == ["closed"]


def test_a_payload_that_is_not_the_native_bytes_fails_the_proof(
    native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lying(FileBytes):
        def blocks(self) -> Iterator[bytes | memoryview]:
            yield b"x" * self.size

    read = Folder.read

    def lying(self: Folder, source: Source) -> Native:
        found = read(self, source)
        data = found.payload[0].data
        assert isinstance(data, FileBytes)
        found.payload = [SideFile("payload/model.txt", Lying(data.path, 0, data.size), "text/plain", "booster")]
        return found

    monkeypatch.setattr(Folder, "read", lying)
    with pytest.raises(ProofFailedError):
        convert(native, tmp_path / "x.candle")
    assert os.listdir(tmp_path) == ["run"]


def test_options_name_a_context(native: Path, tmp_path: Path) -> None:
    made = convert(native, tmp_path / "x.candle", Options(context=native.parent))
    assert made.native.source.context == native.parent.resolve()
