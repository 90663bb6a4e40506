"""A checkpoint of an older version is migrated: the same model, the same native file, the very same weights files."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from candle_spec.atomic import Fs
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.checkpoint.manifest_file import manifest_digest
from candle_spec.conversion.migration.difference import difference
from candle_spec.conversion.migration.migrate import discard, found, migrate, planned
from candle_spec.conversion.restore import restore
from candle_spec.digests import digest_bytes, digest_file, digest_json
from candle_spec.errors import (
    CorruptFileError,
    InvalidInputError,
    MissingPathError,
    OutputExistsError,
    UnknownVersionError,
    WriteFailedError,
)
from candle_spec.manifest import CURRENT
from candle_spec.validation import validate
from tests.helpers.checkpoints import make, read_manifest, seal, write_manifest
from tests.helpers.kept import DEV_1, copied, kinds, weights_of

OLD = "1.0.0-dev.1"
IDENTITY = ("content_digest", "values_digest", "state_digest")


def files(folder: Path) -> dict[str, str]:
    """Return the digest of each file."""
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_stays_what_it_is(kind: str, tmp_path: Path) -> None:
    old = DEV_1 / kind
    before, at_first = read_manifest(old), files(old)
    done = migrate(old, tmp_path / "new")
    after = read_manifest(done.path)
    assert files(old) == at_first
    assert validate(done.path).ok
    assert after["schema_version"] == CURRENT
    assert [after["weights"].get(name) for name in IDENTITY] == [before["weights"].get(name) for name in IDENTITY]
    rewritten = {"state.json", "tensors.json", "original/0.extents.json", MANIFEST}
    assert {name: digest for name, digest in files(done.path).items() if name not in rewritten} == {
        name: digest for name, digest in at_first.items() if name not in rewritten
    }
    assert after["migrations"][0].keys() - {"manifest_digest"} == {"from", "date", "tool"}
    assert after["migrations"][0]["from"] == OLD
    assert after["migrations"][0].get("manifest_digest") == before.get("manifest_digest")
    for key in ("sha256", "equal", "residue_size", "conformsTo"):
        assert f'"{key}"' not in json.dumps({**after, "extensions": {}}), key


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind != "withheld"])
def test_the_native_file_comes_back(kind: str, tmp_path: Path) -> None:
    stated = read_manifest(DEV_1 / kind)["conversion"]["native"]["files"][0]["sha256"]
    (restored,) = restore(migrate(DEV_1 / kind, tmp_path / "new").path, tmp_path / "native")
    assert digest_file(restored.path) == stated


def test_reading_it_is_reading_the_migrated_one(tmp_path: Path) -> None:
    """What is migrated in memory is what is written, but for what a migration alone adds."""
    new = Checkpoint(migrate(DEV_1 / "described", tmp_path / "new").path).document
    old = Checkpoint(DEV_1 / "described").document
    rewritten = {"state.json", "original/0.extents.json"}
    assert {key: value for key, value in new.items() if key not in ("migrations", "manifest_digest", "files")} == {
        key: value for key, value in old.items() if key != "files"
    }
    assert [row for row in new["files"] if row["path"] not in rewritten] == [
        row for row in old["files"] if row["path"] not in rewritten
    ]


def test_what_others_point_to_is_still_there(tmp_path: Path) -> None:
    manifest = read_manifest(migrate(DEV_1 / "described", tmp_path / "new").path)
    modac = "https://w3id.org/candle-spec/repositories/modac/1"
    assert manifest["conforms_to"] == [modac, "urn:example:profile:1"]
    assert manifest["extensions"].keys() == {modac, "urn:example:ward:1"}
    assert manifest["extensions"]["urn:example:ward:1"] == {"urn:candle-spec:x": "kept"}, "others' words stay"
    assert manifest["model"]["implementation"]["source"] == {"path": "code/net.py"}
    sources = {row["pointer"]: row["value_digest"] for row in manifest["field_sources"]}
    assert {"/identifiers", "/base_models", "/evaluations", "/conforms_to", "/extensions"} <= sources.keys()
    for name in ("base_models", "conforms_to", "extensions"):
        assert sources[f"/{name}"] == digest_json(manifest[name])


def test_a_seal_is_made_anew_if_it_was_right(tmp_path: Path) -> None:
    new = read_manifest(migrate(DEV_1 / "described", tmp_path / "new").path)
    assert new["manifest_digest"] == manifest_digest(new)
    assert "manifest_digest" not in read_manifest(migrate(DEV_1 / "plain", tmp_path / "plain").path)
    old = copied("described", tmp_path)
    write_manifest(old, read_manifest(old) | {"title": "changed"}, pretty=False)
    with pytest.raises(CorruptFileError, match="changed after it was sealed"):
        migrate(old)


def test_in_its_place_no_weights_file_is_written_and_the_old_one_is_kept(tmp_path: Path) -> None:
    old = copied("sharded", tmp_path)
    (old / ".gitattributes").write_text("*.safetensors filter=lfs")
    before = files(old)
    inodes = {path.name: path.stat().st_ino for path in weights_of(old)}
    done = migrate(old / MANIFEST)
    assert (done.path, done.copied) == (old, 0)
    assert {path.name: path.stat().st_ino for path in weights_of(old)} == inodes
    assert (old / ".gitattributes").read_text() == "*.safetensors filter=lfs"
    assert done.kept == tmp_path / "sharded.before-rc.1"
    assert files(done.kept) == before
    assert found(tmp_path) == [old], "what is kept is not migrated again"
    with pytest.raises(OutputExistsError):
        old.rename(tmp_path / "aside")
        copied("sharded", tmp_path)
        (tmp_path / "sharded.before-rc.1" / MANIFEST).unlink()
        migrate(old)


def test_discarding_removes_the_old_one_alone(tmp_path: Path) -> None:
    old = copied("plain", tmp_path)
    with pytest.raises(MissingPathError, match="nothing is kept"):
        discard(old)
    kept = migrate(old).kept
    assert kept is not None
    old.rename(tmp_path / "aside")
    copied("plain", tmp_path)
    with pytest.raises(InvalidInputError, match="not a migrated folder"):
        discard(old)
    assert validate(tmp_path / "aside").ok
    assert (kept / MANIFEST).is_file()


def test_migrating_twice_is_migrating_once(tmp_path: Path) -> None:
    old = copied("plain", tmp_path)
    migrate(old)
    before = files(old)
    assert migrate(old).made == ()
    assert migrate(old, tmp_path / "new").made == ()
    assert not list(planned(old))
    assert files(old) == before
    assert not (tmp_path / "new").exists()


class NoExchange(Fs):
    def exchange(self, first: Path, second: Path) -> bool:
        return False

    def link(self, source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "not here")

    def reflink(self, source: Path, target: Path) -> None:
        raise OSError(errno.ENOTSUP, "not here")


def test_a_system_that_can_neither_exchange_nor_link(tmp_path: Path) -> None:
    old = copied("groups", tmp_path)
    before = files(old)
    done = migrate(old, fs=NoExchange())
    assert validate(old).ok
    assert done.copied > 0
    assert done.kept is not None
    assert files(done.kept) == before


class Full(Fs):
    def open_new(self, path: Path, *, direct: bool = False, mode: int = 0o666) -> Any:
        if path.name == MANIFEST:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().open_new(path, direct=direct, mode=mode)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_full_disk_changes_nothing(tmp_path: Path, in_place: bool) -> None:
    old = copied("plain", tmp_path)
    before = files(old)
    with pytest.raises(WriteFailedError, match="No space left"):
        migrate(old, None if in_place else tmp_path / "new", fs=Full())
    assert files(old) == before
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]


def test_what_is_newer_or_unknown_is_refused(tmp_path: Path) -> None:
    old = copied("plain", tmp_path)
    for version, message in (("1.7.0", "newer version"), ("2.0.0", "not known"), ("1.0.0-dev.9", "not known")):
        write_manifest(old, read_manifest(DEV_1 / "plain") | {"schema_version": version}, pretty=False)
        with pytest.raises(UnknownVersionError, match=message):
            migrate(old, tmp_path / "new")
    with pytest.raises(MissingPathError):
        migrate(tmp_path / "nothing")
    with pytest.raises(MissingPathError, match="no checkpoint and no series"):
        (tmp_path / "empty").mkdir()
        found(tmp_path / "empty")


def _edit(old: Path, **members: Any) -> None:
    write_manifest(old, read_manifest(old) | members, pretty=False)


def _relisted(old: Path, path: str, change: bytes) -> None:
    (old / path).write_bytes(change)
    manifest = read_manifest(old)
    for row in manifest["files"]:
        if row["path"] == path:
            row.update(size=len(change), sha256=digest_bytes(change))
    write_manifest(old, manifest, pretty=False)


BROKEN = {
    "no JSON": (lambda old: (old / MANIFEST).write_bytes(b"{"), CorruptFileError, "JSON"),
    "a list": (lambda old: (old / MANIFEST).write_bytes(b"[]"), CorruptFileError, "not a JSON object"),
    "another $schema": (lambda old: _edit(old, **{"$schema": "urn:x"}), CorruptFileError, "'urn:x'"),
    "no files": (lambda old: _edit(old, files=[]), CorruptFileError, "not valid as version 1.0.0-dev.1"),
    "an unknown member": (lambda old: _edit(old, invented=1), CorruptFileError, "invented"),
    "both names": (lambda old: _edit(old, evaluation=[], evaluations=[]), CorruptFileError, "both 'evaluation'"),
    "a changed tensor": (lambda old: _flip(old / "model.safetensors"), CorruptFileError, "would not be valid"),
    "a missing tensor file": (lambda old: (old / "model.safetensors").unlink(), InvalidInputError, "missing"),
    "a missing state tree": (lambda old: (old / "state.json").unlink(), InvalidInputError, "missing"),
    "a missing topology": (lambda old: (old / "topology/config.json").unlink(), MissingPathError, "missing"),
    "a changed state tree": (lambda old: (old / "state.json").write_bytes(b"{}"), CorruptFileError, "not the one"),
    "a state tree that is none": (lambda old: _relisted(old, "state.json", b"{}"), CorruptFileError, "no document"),
    "a broken residue": (lambda old: _relisted(old, "original/0.residue.gz", b"x"), CorruptFileError, "residue"),
    "an unlisted file": (lambda old: (old / "more.txt").write_text("x"), InvalidInputError, "more.txt"),
}


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_one_is_named_and_stays_as_it_is(name: str, tmp_path: Path) -> None:
    old = copied("plain", tmp_path)
    change, error, message = BROKEN[name]
    change(old)
    before = files(old)
    with pytest.raises(error, match=message):
        migrate(old)
    assert files(old) == before
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]


def test_weights_that_are_withheld_cannot_be_described(tmp_path: Path) -> None:
    old = copied("plain", tmp_path)
    manifest = read_manifest(old)
    for row in manifest["files"]:
        if row["role"] == "weights":
            row["withheld"] = {"reason": "large"}
            (old / row["path"]).unlink()
    write_manifest(old, manifest, pretty=False)
    with pytest.raises(InvalidInputError, match=r"'model\.safetensors' is withheld"):
        migrate(old)


def test_a_residue_that_is_withheld_leaves_its_extents_undescribed(tmp_path: Path) -> None:
    old = copied("withheld", tmp_path)
    (old / "original").mkdir()
    data = (DEV_1 / "described" / "original" / "0.extents.json").read_bytes()
    (old / "original" / "0.extents.json").write_bytes(data)
    with pytest.raises(InvalidInputError, match=r"residue\.gz' is withheld"):
        migrate(old)


def test_a_large_manifest_becomes_a_small_one(tmp_path: Path) -> None:
    """Older manifests had no bound: what is free and large is a file afterwards."""
    old = copied("plain", tmp_path)
    values = {"loss_weights": ["0.5 " * 250] * 5_000, "epochs": 3}
    manifest = read_manifest(old) | {"training": {"hyperparameters": values}}
    seal(manifest)
    write_manifest(old, manifest, pretty=False)
    assert (old / MANIFEST).stat().st_size > 4 << 20
    assert [each.code for each in validate(old)] == ["CKP1011"]
    assert Checkpoint(old).document["training"]["hyperparameters"] == values
    done = migrate(old)
    assert validate(old).ok
    assert (old / MANIFEST).stat().st_size < 1 << 20
    place = Checkpoint(old).document["training"]["hyperparameters"]["loss_weights"]["$document"]
    assert json.loads((old / place).read_bytes()) == values["loss_weights"]
    assert any(line.kind == "moved" and line.new == place for line in difference(done.made[0]))


def test_the_output_lies_elsewhere_and_is_new(tmp_path: Path) -> None:
    old = copied("plain", tmp_path)
    with pytest.raises(InvalidInputError, match="would lie in"):
        migrate(old, old / "new")
    with pytest.raises(OutputExistsError):
        migrate(old, copied("alias", tmp_path))
    with pytest.raises(MissingPathError, match="does not exist"):
        migrate(old, tmp_path / "no" / "new")


def test_the_difference_says_each_thing_once() -> None:
    lines = {str(line) for line in difference(next(planned(DEV_1 / "described")))}
    assert "renamed  /evaluation -> /evaluations" in lines
    assert "renamed  /files/*/sha256 -> /files/*/digest  (9 places)" in lines
    assert "removed  /conversion/proof/equal  true" in lines
    assert "added    /files/*/header/size  304" in lines
    assert "changed  state.json  its version" in lines
    assert "changed  /manifest_digest  sealed anew" in lines
    inventory = {str(line) for line in difference(next(planned(DEV_1 / "inventory")))}
    assert 'changed  /weights/inventory  "tensors.json" -> ["tensors.json"]' in inventory


def test_a_checkpoint_of_this_version_has_nothing_to_migrate(tmp_path: Path) -> None:
    assert not list(planned(make("plain", tmp_path).path))


def test_what_was_said_of_code_and_parameters_is_true_afterwards(tmp_path: Path) -> None:
    """All of it was valid in the older version, and would not be in this one."""
    old = copied("plain", tmp_path / "old")
    manifest = read_manifest(old)
    assert manifest["model"]["parameter_count"] == 61
    manifest["weights"]["tensors"][3]["role"] = "buffer"
    manifest["model"]["precision"] = ["F64"]
    manifest["security"]["embedded_code"] = ["topology/config.json: layer 'x' (Lambda): Python bytecode stands in it"]
    for path, role in (("topology/net.py", "topology"), ("fit.R", "artifact")):
        (old / path).write_bytes(b"pass\n")
        digest, kind = digest_bytes(b"pass\n"), "text/plain"
        manifest["files"].append({"path": path, "size": 5, "sha256": digest, "media_type": kind, "role": role})
    write_manifest(old, manifest)
    new = migrate(old, tmp_path / "new").path
    assert validate(new).ok
    after = read_manifest(new)
    assert after["model"]["parameter_count"] == 60
    assert after["weights"]["groups"][0]["parameter_count"] == 60
    assert "precision" not in after["model"]
    assert after["security"]["embedded_code"] == [
        {
            "path": "topology/config.json",
            "kind": "lambda-layer",
            "description": "layer 'x' (Lambda): Python bytecode stands in it",
        },
        {"path": "topology/net.py", "kind": "torchscript"},
    ]
    assert {row["path"]: row["role"] for row in after["files"]}["fit.R"] == "code"
