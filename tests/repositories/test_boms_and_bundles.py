"""What independent implementations say of the records for CycloneDX, MONAI and IMPROVE. Nothing is fetched."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.repositories import packs

CYCLONEDX = "cyclonedx/1.7.0"


def _strict(document: dict[str, Any]) -> Any:
    """What cyclonedx-python-lib's strict validator finds, ``None`` for nothing."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.V1_7).validate_str(json.dumps(document))


@pytest.mark.parametrize("example", ["full", "drug-response", "minimal"])
def test_cyclonedx_strict_validator_finds_nothing(example: str) -> None:
    document = json.loads(packs.files(CYCLONEDX, example)["bom.cdx.json"])
    assert _strict(document) is None


def test_cyclonedx_strict_validator_finds_a_number_as_value() -> None:
    """So that the test above can fail: values of metrics are texts."""
    document = copy.deepcopy(packs.record(CYCLONEDX).documents["bom"])
    metrics = document["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert metrics[0]["value"] == "0.93"
    metrics[0]["value"] = 0.93
    assert "0.93" in str(_strict(document))


def test_cyclonedx_reads_the_bill() -> None:
    """The library's own model knows the components, their hashes and what depends on what (it drops the card)."""
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import ComponentType

    bom = Bom.from_json(packs.record(CYCLONEDX).documents["bom"])
    assert bom.metadata.component.type is ComponentType.MACHINE_LEARNING_MODEL
    files = {entry["path"]: entry["sha256"] for entry in packs.manifest(CYCLONEDX)["files"]}
    read = {part.name: part.hashes[0].content for part in bom.components if part.type is ComponentType.FILE}
    assert {name: f"sha256:{digest}" for name, digest in read.items()} == files
    assert bom.validate()


def test_cyclonedx_units() -> None:
    card = packs.record(CYCLONEDX).documents["bom"]["metadata"]["component"]["modelCard"]
    (energy,) = card["considerations"]["environmentalConsiderations"]["energyConsumptions"]
    assert energy["activityEnergyCost"] == {"value": 3.2, "unit": "kWh"}
    assert energy["co2CostEquivalent"] == {"value": 0.0011, "unit": "tCO2eq"}


def test_the_schemas_are_those_of_the_library() -> None:
    """The vendored files are the library's, byte for byte; a newer library shows what changed."""
    from importlib.resources import files

    folder = packs.pack(CYCLONEDX).folder
    for entry in packs.pack(CYCLONEDX).about["schemas"]:
        theirs = files("cyclonedx.schema").joinpath("_res", entry["file"]).read_bytes()
        assert folder.read(entry["file"]) == theirs, entry["file"]
