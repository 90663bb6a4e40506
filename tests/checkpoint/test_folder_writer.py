"""Whoever writes a checkpoint's folder: the same contents have the same records and the same manifest."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from candle_spec.atomic import Staging
from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.contents import Contents, Field, Framework, Group, SideFile
from candle_spec.checkpoint.file_record import FileRecord, file_rows
from candle_spec.checkpoint.folder_writer import FolderWriter
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.digests import digest_bytes, digest_file
from candle_spec.series.saves.holdings import Holdings
from candle_spec.series.saves.private_folder import PrivateFolder
from candle_spec.series.saves.shared_files import SharedFiles
from candle_spec.validation import validate
from candle_spec.weights import state_tree
from candle_spec.weights.safetensors import read_header
from candle_spec.weights.sources import MadeBytes, MemoryBytes, plain
from candle_spec.weights.writer import StreamedFiles
from tests.helpers.series.states import open_series

KINDS = ("model", "ema", "derived", "optimizer", "rng")
PROGRAM = b"\x7fELF\x02\x01\x01\x00 and more"


def contents() -> Contents:
    return Contents(
        Framework("pytorch"),
        [Group(kind, kind) for kind in KINDS],
        [plain(kind, f"t{n}", "U8", (40,), MemoryBytes(bytes([n] * 40))) for kind in KINDS for n in range(3)],
        state=state_tree.mapping([("epoch", 3)]),
        side_files=[
            SideFile("topology/net.json", b"{}", "application/json", "topology"),
            SideFile("artifacts/empty.txt", b"", "text/plain", "artifact"),
        ],
        payload=[
            SideFile("payload/model.txt", b"tree", "text/plain", "booster"),
            SideFile("payload/train.py", b"import os", "text/x-python", "booster"),
            SideFile("payload/blob", _streamed(PROGRAM), "application/octet-stream", "booster"),
            SideFile("payload/data", _streamed(b"", b"\0" * 9), "application/octet-stream", "booster"),
        ],
        fields=[Field("/name", "all kinds of files", "user")],
    )


def _streamed(*pieces: bytes) -> MadeBytes:
    return MadeBytes(sum(map(len, pieces)), lambda: iter(pieces))


@contextmanager
def streamed(folder: Path) -> Iterator[FolderWriter]:
    with Staging(folder / "out") as staging, ThreadPoolExecutor(2) as pool, StreamedFiles(staging, pool) as files:
        yield FolderWriter(files)


@contextmanager
def shared(folder: Path) -> Iterator[FolderWriter]:
    with open_series(folder / "ckpts") as series:
        store = series._store
        with PrivateFolder(store.layout.staging, store.fs) as private:
            yield FolderWriter(SharedFiles(store, private, Holdings([], [], 1, store.fs, {}), lambda _: False))


def write(writer: FolderWriter) -> dict[str, Any]:
    plans = contents().plan(shard_bytes=90)
    writer.weights(plans)
    writer.settle()
    writer.contents(contents())
    manifest, _ = writer.manifest(contents(), plans, {})
    return writer.finish(manifest, sealed=True)


@pytest.fixture(params=[streamed, shared])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_every_file_is_listed_as_it_is(way: Any, tmp_path: Path) -> None:
    with way(tmp_path) as writer:
        made = write(writer)
        found = {path.relative_to(writer.path).as_posix() for path in writer.path.rglob("*") if path.is_file()}
        assert found == {row["path"] for row in made["files"]} | {MANIFEST}
        for row in made["files"]:
            path = writer.path / row["path"]
            assert row["size"] == path.stat().st_size
            if "header" in row:  # told by header and arrays, so that no byte is digested twice
                first = path.read_bytes()[: row["header"]["size"]]
                assert (digest_bytes(first), "digest" in row) == (row["header"]["digest"], False)
                assert read_header(path).size == row["header"]["size"]
                continue
            assert row["digest"] == digest_file(path)
            assert writer.known_digests[row["path"]] == row["digest"]
        assert manifest_file.read(writer.path / MANIFEST) == made
        report = validate(writer.path, known_digests=writer.known_digests)
        assert [(problem.code, problem.message) for problem in report.errors] == []


def test_roles(way: Any, tmp_path: Path) -> None:
    with way(tmp_path) as writer:
        roles = {row["path"]: row["role"] for row in write(writer)["files"]}
    weights = {kind: {roles[path] for path in roles if path.startswith(f"{kind}-")} for kind in KINDS}
    assert weights == {kind: {"weights"} for kind in KINDS[:3]} | {kind: {"training-state"} for kind in KINDS[3:]}
    assert {roles[f"{kind}.safetensors.index.json"] for kind in KINDS} == {"index"}
    assert roles["payload/model.txt"] == roles["payload/data"] == "payload"
    assert roles["payload/train.py"] == roles["payload/blob"] == "code"  # by its name; by its first bytes
    assert (roles["topology/net.json"], roles["state.json"]) == ("topology", "state-tree")


def test_both_ways_make_the_same_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    with streamed(tmp_path) as writer:
        first = write(writer)
    with shared(tmp_path) as writer:
        second = write(writer)
    assert first == second
    assert first["dates"]["created"] == "2023-11-14T22:13:20Z"
    assert first["manifest_digest"] == manifest_file.manifest_digest(second)


def test_a_large_inventory_is_a_file(way: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("candle_spec.checkpoint.manifest_builder.INLINE_TENSORS", 14)
    with way(tmp_path) as writer:
        made = write(writer)
        assert made["weights"]["inventory"] == ["tensors.json"]
        assert "tensor-inventory" in {row["role"] for row in made["files"]}
        assert len(manifest_file.read(writer.path / "tensors.json")["tensors"]) == 15


def test_files_of_a_group_may_be_listed_like_those_before(way: Any, tmp_path: Path) -> None:
    with way(tmp_path) as writer:
        like = {"rng": {"path": "rng.st", "role": "x-own", "media_type": "application/x-own"}}
        writer.weights(contents().plan(10_000), like)
        writer.settle()
        kinds = {record.path: (record.role, record.media_type) for record in writer.records}
    assert kinds["rng.safetensors"] == ("x-own", "application/x-own")
    assert kinds["model.safetensors"] == ("weights", "application/vnd.safetensors")


def test_what_is_copied_keeps_its_row(way: Any, tmp_path: Path) -> None:
    with way(tmp_path) as writer:
        assert writer.copy("a/b.txt", [b"one", b"two"]) == digest_bytes(b"onetwo")
        assert (writer.path / "a" / "b.txt").read_bytes() == b"onetwo"
        assert writer.records == []
        assert writer.known_digests == {"a/b.txt": digest_bytes(b"onetwo")}


def test_rows_before_keep_what_else_they_say() -> None:
    before = [
        {"path": "b", "size": 1, "digest": "old", "media_type": "x", "role": "y", "license": "MIT"},
        {"path": "c", "withheld": "private"},
    ]
    new = FileRecord("b", 2, "new", "text/plain", "artifact")
    rows = file_rows([FileRecord("a", 1, "d", "text/plain", "artifact"), new], before)
    assert [row["path"] for row in rows] == ["a", "b", "c"]
    assert rows[1] == {**new.to_json(), "license": "MIT"}
    assert rows[2] == before[1]
    assert before[0]["digest"] == "old"
