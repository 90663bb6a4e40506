"""The checkpoints of 1.0.0-rc.1 that are kept: every later version reads, validates and restores them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.restore import restore
from candle_spec.digests import digest_file
from candle_spec.validation import validate
from candle_spec.weights.encodings import PARTS
from tests.helpers import kept
from tests.helpers.made_by_rc_1 import DIGESTS, TARGET

EXPECTED: dict[str, Any] = json.loads((Path(__file__).parent / "expectations.json").read_bytes())["valid"]
KEPT = {name.removeprefix("../kept/1.0.0-rc.1/"): found for name, found in EXPECTED.items() if name.startswith("../")}


def test_no_file_changed() -> None:
    assert kept.digests(TARGET) == json.loads((TARGET / DIGESTS).read_bytes())


def test_all_are_expected() -> None:
    found = {path.parent.relative_to(TARGET).as_posix() for path in TARGET.rglob("candle-checkpoint.json")}
    assert found == set(KEPT)


@pytest.mark.parametrize("name", KEPT)
def test_it_is_read_and_valid(name: str) -> None:
    assert validate(TARGET / name).errors == []
    opened = Checkpoint(TARGET / name)
    identity = {key: opened.document["weights"][key] for key in ("content_digest", "values_digest", "state_digest")}
    assert identity.items() <= KEPT[name].items()
    for group in opened.groups:
        for tensor, array in opened.state_dict(group, framework="numpy").items():
            assert array.shape == opened.tensor(group, tensor).shape


@pytest.mark.parametrize("name", [name for name, found in KEPT.items() if found["natives"]])
def test_its_native_files_come_back(name: str, tmp_path: Path) -> None:
    restored = restore(TARGET / name, tmp_path / "native")
    assert sorted(digest_file(file.path) for file in restored) == sorted(KEPT[name]["natives"].values())
    assert all(file.byte_exact for file in restored)


def test_every_kind_is_among_them() -> None:
    manifests = [json.loads(path.read_bytes()) for path in TARGET.rglob("candle-checkpoint.json")]
    opened = [Checkpoint(path.parent) for path in TARGET.rglob("candle-checkpoint.json")]
    assert {tensor.encoding for each in opened for tensor in each.tensors if tensor.encoding} == set(PARTS)
    kinds = {group["kind"] for manifest in manifests for group in manifest["weights"]["groups"]}
    assert {"model", "optimizer", "ema", "derived", "state", "other"} <= kinds
    roles = {record["role"] for manifest in manifests for record in manifest["files"]}
    assert {"weights", "index", "tensor-inventory", "state-tree", "residue", "extents", "document"} <= roles
    members = {
        key
        for path in TARGET.rglob("*.extents.json")
        for row in json.loads(path.read_bytes())["extents"]
        for key in row
    }
    assert members == {"offset", "length", "file", "key", "order", "swap", "start"}
