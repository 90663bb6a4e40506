"""A model that is a file and tensors beside it (a booster behind a scaler): its identity covers both."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from candle_spec.conversion.migration.migrate import migrate
from candle_spec.errors import CorruptFileError
from candle_spec.validation import validate
from tests.helpers.checkpoints import make, read_manifest, write_manifest
from tests.helpers.kept import copied

pytestmark = pytest.mark.slow

TEXT = b"tree\nversion=v4\n"
ROW = ["booster", "text/plain", len(TEXT), f"sha256:{hashlib.sha256(TEXT).hexdigest()}"]
OTHER = "sha256:" + "ab" * 32


def sha(value: Any) -> str:
    """The digest of ASCII JSON without floats, from the text of the format alone."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def rows(manifest: dict[str, Any], *, with_group: bool) -> list[list[Any]]:
    tensors = [t for t in manifest["weights"]["tensors"] if t["group"].partition(".")[0] == "model"]
    named = [(f"{t['group']}/{t['name']}" if with_group else t["name"], t) for t in tensors]
    return sorted([name, t["dtype"], t["shape"], t["digest"]] for name, t in named)


def with_payload(checkpoint: Path, digest: str, *, name: str = "digest") -> dict[str, Any]:
    """Make the checkpoint's model a file, too; ``name`` is that of the digest of a listed file."""
    (checkpoint / "payload").mkdir()
    (checkpoint / "payload" / "model.txt").write_bytes(TEXT)
    manifest = read_manifest(checkpoint)
    about = {
        "path": "payload/model.txt",
        "size": len(TEXT),
        name: ROW[3],
        "media_type": "text/plain",
        "role": "payload",
    }
    manifest["files"].append(about)
    paths = {"kind": "payload", "payload": [{"role": "booster", "path": "payload/model.txt"}], "content_digest": digest}
    manifest["weights"] |= paths
    manifest.pop("manifest_digest", None)
    write_manifest(checkpoint, manifest, pretty=False)
    return manifest


def codes(checkpoint: Path) -> set[str]:
    return {found.code for found in validate(checkpoint).errors}


@pytest.mark.parametrize(("kind", "several"), [("groups", False), ("towers", True)])
def test_it_covers_the_tensors_of_the_model(kind: str, several: bool, tmp_path: Path) -> None:
    checkpoint = make(kind, tmp_path).path
    manifest = with_payload(checkpoint, sha([ROW, *rows(read_manifest(checkpoint), with_group=several)]))
    assert codes(checkpoint) == set()
    for digest in (sha([ROW]), sha([*rows(manifest, with_group=several), ROW]), OTHER):
        manifest["weights"]["content_digest"] = digest
        write_manifest(checkpoint, manifest, pretty=False)
        assert codes(checkpoint) == {"CKP4025"}


@pytest.mark.parametrize("name", ["values_digest", "state_digest"])
def test_the_digests_of_its_tensors_are_checked(name: str, tmp_path: Path) -> None:
    checkpoint = make("groups", tmp_path).path
    manifest = with_payload(checkpoint, sha([ROW, *rows(read_manifest(checkpoint), with_group=False)]))
    manifest["weights"][name] = OTHER
    write_manifest(checkpoint, manifest, pretty=False)
    assert codes(checkpoint) == {"CKP4026"}


def test_without_tensors_of_the_model_it_is_that_of_the_files(tmp_path: Path) -> None:
    kept = copied("payload", tmp_path)  # its tensors are derived
    before = read_manifest(kept)["weights"]["content_digest"]
    assert read_manifest(migrate(kept, tmp_path / "new").path)["weights"]["content_digest"] == before


@pytest.mark.parametrize(("kind", "several"), [("groups", False), ("towers", True), ("inventory", False)])
def test_a_migration_covers_what_the_old_version_left_out(kind: str, several: bool, tmp_path: Path) -> None:
    old = copied(kind, tmp_path)
    with_payload(old, sha([ROW]), name="sha256")
    new = migrate(old, tmp_path / "new").path
    after = read_manifest(new)
    if "tensors" not in after["weights"]:
        after["weights"]["tensors"] = json.loads((new / "tensors.json").read_text())["tensors"]
    assert after["weights"]["content_digest"] == sha([ROW, *rows(after, with_group=several)])
    assert codes(new) == set()


def test_a_migration_mends_no_digest_that_was_wrong(tmp_path: Path) -> None:
    old = copied("groups", tmp_path)
    with_payload(old, OTHER, name="sha256")
    with pytest.raises(CorruptFileError, match="would not be valid"):
        migrate(old, tmp_path / "new")
