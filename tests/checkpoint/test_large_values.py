"""Values that are too large for a manifest are files of their own, and whoever asks for the value gets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from candle_spec import pointer
from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.large_values import LARGE, TAG, WANTED, moved_out, put_back
from candle_spec.conversion.convert import Options, convert
from candle_spec.conversion.restore import restore
from candle_spec.digests import digest_json
from candle_spec.publish.sources import source_of
from candle_spec.validation import validate
from tests.helpers import checkpoints

LONG = [index / 7 for index in range(20_000)]
SMALL = {"rate": 0.1, "layers": [1, 2, 3]}


def manifest_of(**training: Any) -> dict[str, Any]:
    return {
        "name": "x",
        "files": [],
        "weights": {"kind": "tensors", "tensors": []},
        "training": {"hyperparameters": dict(training)},
    }


def back(made: dict[str, Any], documents: dict[str, bytes]) -> Any:
    return put_back(made, lambda path: json.loads(documents[path]))


def test_the_innermost_large_value_leaves() -> None:
    before = manifest_of(**SMALL, deep={"near": 1, "weights": LONG, "more": {"again": LONG}})
    made, documents = moved_out(before, [])
    found = made["training"]["hyperparameters"]
    assert found["rate"] == 0.1
    assert found["deep"]["near"] == 1
    assert found["deep"]["weights"] == {TAG: "documents/0.json"}
    assert found["deep"]["more"] == {"again": {TAG: "documents/1.json"}}
    assert back(made, documents) == before
    assert before == manifest_of(**SMALL, deep={"near": 1, "weights": LONG, "more": {"again": LONG}})


def test_many_small_values_leave_together() -> None:
    before = manifest_of(**{f"key{index}": "x" * 50 for index in range(3_000)})
    made, documents = moved_out(before, ["documents/0.json"])
    assert made["training"]["hyperparameters"] == {TAG: "documents/1.json"}
    assert back(made, documents) == before


def test_no_document_names_another() -> None:
    rows = {f"k{index}": LONG for index in range(3)} | {f"key{index}": "x" * 50 for index in range(3_000)}
    made, documents = moved_out(manifest_of(**rows), [])
    assert not [path for path, data in documents.items() if TAG.encode() in data]
    assert back(made, documents) == manifest_of(**rows)


def test_ever_smaller_ones_leave_a_large_manifest() -> None:
    before = manifest_of(**{f"part{index}": ["x" * 20] * 1_000 for index in range(100)})
    assert len(manifest_file.dump(before)) > 2 * WANTED
    made, documents = moved_out(before, [])
    assert len(manifest_file.dump(made)) <= WANTED
    assert back(made, documents) == before


def test_small_ones_stay() -> None:
    before = manifest_of(**SMALL, text="x" * (LARGE // 2), tagged={"$int": "9" * 20})
    assert moved_out(before, []) == (before, {})


def test_sources_speak_of_what_stands_there() -> None:
    before = manifest_of(weights=LONG, rate=1)
    at = "/training/hyperparameters"
    rows = [
        {"pointer": at, "source": "file", "value_digest": digest_json(before["training"]["hyperparameters"])},
        {"pointer": f"{at}/weights/3", "source": "user", "value_digest": digest_json(LONG[3])},
        {"pointer": f"{at}/weights/4", "source": "user", "value_digest": digest_json(LONG[4])},
        {"pointer": f"{at}/rate", "source": "user", "value_digest": digest_json(2)},
    ]
    made, _ = moved_out(before | {"field_sources": rows}, [])
    assert [row["pointer"] for row in made["field_sources"]] == [at, f"{at}/weights", f"{at}/rate"]
    for row in made["field_sources"][:2]:
        assert row["value_digest"] == digest_json(pointer.get(made, row["pointer"]))
    assert made["field_sources"][2]["value_digest"] == digest_json(2), "one that was stale stays stale"


def test_a_whole_conversion(tmp_path: Path) -> None:
    native = checkpoints.Tiny().write(tmp_path / "m.tiny")
    values = {"/training/hyperparameters": {"loss_weights": LONG, "rate": 0.5}}
    with checkpoints.only_tiny():
        made = convert(native, tmp_path / "m.candle", Options(values=values))
        assert made.report.errors == []
        assert made.manifest["training"]["hyperparameters"]["loss_weights"] == {TAG: "documents/0.json"}
        opened = Checkpoint(made.path)
        assert (
            put_back(opened.document, opened.read_json)["training"]["hyperparameters"]
            == values["/training/hyperparameters"]
        )
        (row,) = [row for row in opened.document["files"] if row["path"] == "documents/0.json"]
        assert row["role"] == "document"
        source = source_of(made.path)
        assert pointer.get(source.document, "/training/hyperparameters/loss_weights") == LONG
        (again,) = restore(made.path, tmp_path / "back.tiny")
        assert again.path.read_bytes() == native.read_bytes()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"[1, 2", "CKP4030"),
        (b'{"a": [{"$document": "documents/0.json"}]}', "CKP4030"),
        (b"[" * 5000, "CKP4030"),
    ],
)
def test_what_is_no_document(tmp_path: Path, data: bytes, code: str) -> None:
    native = checkpoints.Tiny().write(tmp_path / "m.tiny")
    with checkpoints.only_tiny():
        at = convert(native, tmp_path / "m.candle", Options(values={"/training/hyperparameters": {"a": LONG}})).path
    (at / "documents/0.json").write_bytes(data)
    manifest = checkpoints.read_manifest(at)
    checkpoints.relist(at, manifest, "documents/0.json")
    checkpoints.write_manifest(at, manifest)
    assert [(found.code, found.location.file) for found in validate(at).errors] == [(code, "documents/0.json")]


def test_a_document_that_is_not_listed_or_of_another_role(tmp_path: Path) -> None:
    native = checkpoints.Tiny().write(tmp_path / "m.tiny")
    with checkpoints.only_tiny():
        at = convert(native, tmp_path / "m.candle", Options(values={"/training/hyperparameters": {"a": LONG}})).path
    manifest = checkpoints.read_manifest(at)
    row = next(row for row in manifest["files"] if row["path"] == "documents/0.json")
    row["role"] = "config"
    checkpoints.write_manifest(at, manifest)
    assert [found.code for found in validate(at).errors] == ["CKP2025"]
    manifest["files"].remove(row)
    checkpoints.write_manifest(at, manifest)
    place = "/training/hyperparameters/a/$document"
    found = {(found.code, found.location.pointer) for found in validate(at).errors}
    assert found == {("CKP2023", place), ("CKP3004", "")}


def test_a_manifest_of_five_megabytes_is_refused(tmp_path: Path) -> None:
    at = checkpoints.make("plain", tmp_path).path
    manifest = checkpoints.read_manifest(at) | {"description": "x" * 5_000_000}
    checkpoints.write_manifest(at, manifest)
    assert [found.code for found in validate(at).errors] == ["CKP0004"]
