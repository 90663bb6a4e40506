"""Checkpoints of an older version are read as if they were migrated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.checkpoint.seal import write_seal
from candle_spec.conversion.reshard import reshard
from candle_spec.conversion.restore import restore
from candle_spec.digests import digest_bytes, digest_file
from candle_spec.errors import CorruptFileError, UnknownVersionError
from candle_spec.manifest import CURRENT
from candle_spec.publish.sources import source_of
from candle_spec.repositories.questions.description import write_into_manifest
from candle_spec.validation import validate
from tests.helpers.checkpoints import read_manifest, write_manifest
from tests.helpers.kept import DEV_1, copied, kinds


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_is_read(kind: str) -> None:
    checkpoint = Checkpoint(DEV_1 / kind).checked()
    assert checkpoint.document["schema_version"] == CURRENT
    assert checkpoint.as_written["schema_version"] == "1.0.0-dev.1"
    assert checkpoint.manifest.weights.content_digest == checkpoint.as_written["weights"]["content_digest"]
    for row in checkpoint.document["files"]:
        if row["media_type"] == "application/vnd.safetensors":
            data = (DEV_1 / kind / row["path"]).read_bytes()
            size = 8 + int.from_bytes(data[:8], "little")
            assert row["header"] == {"size": size, "digest": digest_bytes(data[:size])}
    for tensor in checkpoint.tensors:
        for array in tensor.arrays.values():
            read = checkpoint.safetensors(array.file).numpy(array.key)
            assert digest_bytes(read.tobytes()) == array.digest


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind != "withheld"])
def test_the_native_file_comes_back(kind: str, tmp_path: Path) -> None:
    stated = read_manifest(DEV_1 / kind)["conversion"]["native"]["files"][0]["sha256"]
    (restored,) = restore(DEV_1 / kind, tmp_path / "native")
    assert digest_file(restored.path) == stated


def test_a_checkpoint_is_not_written_anew_as_it_is(tmp_path: Path) -> None:
    old = copied("plain", tmp_path)
    before = (old / MANIFEST).read_bytes()
    with pytest.raises(UnknownVersionError, match=r"older version 1\.0\.0-dev\.1") as caught:
        write_seal(old)
    assert f"candle-spec migrate {old}" in caught.value.hint
    with pytest.raises(UnknownVersionError, match="not rewritten here"):
        reshard(old, tmp_path / "new")
    with pytest.raises(UnknownVersionError, match="not rewritten here"):
        write_into_manifest(Checkpoint(old), source_of(old, None, None))
    assert (old / MANIFEST).read_bytes() == before
    assert not (tmp_path / "new").exists()


def test_validating_it_says_what_to_do() -> None:
    report = validate(DEV_1 / "described")
    assert [(found.code, found.location.pointer) for found in report] == [("CKP1011", "/schema_version")]
    assert "candle-spec migrate" in next(iter(report)).hint


def test_a_digest_of_code_that_contradicts_the_list_of_files_is_not_forgotten(tmp_path: Path) -> None:
    old = copied("described", tmp_path)
    manifest = read_manifest(old)
    manifest["model"]["implementation"]["source"]["sha256"] = digest_bytes(b"other code")
    write_manifest(old, manifest, pretty=False)
    with pytest.raises(CorruptFileError, match=r"code/net\.py"):
        Checkpoint(old)


@pytest.mark.parametrize(
    "change",
    [
        {"files": 3},
        {"files": [3]},
        {"weights": []},
        {"model": "text"},
        {"conversion": {"restore": {"originals": {}}}},
        {"extensions": ["urn:candle-spec:repositories:modac:1"]},
        {"field_sources": [{"pointer": "no pointer"}, 3]},
    ],
    ids=json.dumps,
)
def test_a_malformed_manifest_is_malformed_afterwards(tmp_path: Path, change: dict[str, object]) -> None:
    old = copied("described", tmp_path)
    write_manifest(old, read_manifest(old) | change, pretty=False)
    with pytest.raises(CorruptFileError):
        Checkpoint(old).checked()
