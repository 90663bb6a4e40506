"""The typed view: generated, lenient, and it gives back what it was given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from candle_spec.manifest import view

EXAMPLES = sorted(
    (Path(__file__).resolve().parents[2] / "schemas" / "checkpoint" / "examples" / "valid").glob("*.json")
)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_comes_back(path: Path) -> None:
    document = json.loads(path.read_bytes())
    assert view(document).model_dump(by_alias=True, exclude_unset=True) == document


def full() -> dict[str, Any]:
    path = next(path for path in EXAMPLES if path.stem == "keras_hallmarks")
    document: dict[str, Any] = json.loads(path.read_bytes())
    return document


def test_members_are_typed() -> None:
    manifest = view(full())
    assert manifest.schema_urn.startswith("urn:candle-spec:")
    assert manifest.conforms_to == ["urn:candle-spec:schemas:extensions:oncology:1.0.0-dev.1"]
    assert manifest.model.framework.name == "keras"
    assert manifest.creators is not None
    assert manifest.creators[0].affiliation is not None
    assert manifest.creators[0].affiliation[0].name == "Argonne National Laboratory"
    assert manifest.weights.tensors is not None
    assert manifest.weights.tensors[0].shape == [9326, 64]
    assert manifest.out_of_scope_use == "Clinical decisions."
    assert manifest.base_model is not None
    assert manifest.base_model[0].identifier.scheme == "hf"


def test_it_is_no_validator() -> None:
    """Unknown members are kept, values of open lists and forms of text are not looked at."""
    document = full()
    document["newMember"] = {"a": 1}
    document["files"][0]["role"] = "new-role"
    document["files"][0]["sha256"] = "nonsense"
    document["name"] = ""
    manifest = view(document)
    assert manifest.model_extra == {"newMember": {"a": 1}}
    assert manifest.files[0].role == "new-role"
