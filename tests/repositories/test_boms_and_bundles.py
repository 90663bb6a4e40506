"""What independent implementations say of the records for CycloneDX, MONAI and IMPROVE. Nothing is fetched."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from candle_spec.repositories.engine.importer import import_documents
from tests.helpers import templates

CYCLONEDX = "cyclonedx/1.7.0"


def _strict(document: dict[str, Any]) -> Any:
    """What cyclonedx-python-lib's strict validator finds, ``None`` for nothing."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.V1_7).validate_str(json.dumps(document))


@pytest.mark.parametrize("example", ["full", "drug-response", "minimal"])
def test_cyclonedx_strict_validator_finds_nothing(example: str) -> None:
    document = json.loads(templates.files(CYCLONEDX, example)["bom.cdx.json"])
    assert _strict(document) is None


def test_cyclonedx_strict_validator_finds_a_number_as_value() -> None:
    """So that the test above can fail: values of metrics are texts."""
    document = copy.deepcopy(templates.record(CYCLONEDX).documents["bom"])
    metrics = document["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert metrics[0]["value"] == "0.93"
    metrics[0]["value"] = 0.93
    assert "0.93" in str(_strict(document))


def test_cyclonedx_reads_the_bill() -> None:
    """The library's own model knows the components, their hashes and what depends on what (it drops the card)."""
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import ComponentType

    bom = Bom.from_json(templates.record(CYCLONEDX).documents["bom"])
    assert bom.metadata.component.type is ComponentType.MACHINE_LEARNING_MODEL
    files = {entry["path"]: entry["digest"] for entry in templates.manifest(CYCLONEDX)["files"]}
    read = {part.name: part.hashes[0].content for part in bom.components if part.type is ComponentType.FILE}
    assert {name: f"sha256:{digest}" for name, digest in read.items()} == files
    assert bom.validate()


def test_cyclonedx_units() -> None:
    card = templates.record(CYCLONEDX).documents["bom"]["metadata"]["component"]["modelCard"]
    (energy,) = card["considerations"]["environmentalConsiderations"]["energyConsumptions"]
    assert energy["activityEnergyCost"] == {"value": 3.2, "unit": "kWh"}
    assert energy["co2CostEquivalent"] == {"value": 0.0011, "unit": "tCO2eq"}


def test_the_schemas_are_those_of_the_library() -> None:
    """The vendored files are the library's, byte for byte; a newer library shows what changed."""
    from importlib.resources import files

    folder = templates.load(CYCLONEDX).folder
    for entry in templates.load(CYCLONEDX).about["schemas"]:
        theirs = files("cyclonedx.schema").joinpath("_res", entry["file"]).read_bytes()
        assert folder.read(entry["file"]) == theirs, entry["file"]


MONAI = ("monai-bundle/20240725", "monai-bundle/20220324")


@pytest.fixture
def bundle(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Path]:
    """The metadata of a bundle, and a network that takes what they describe."""
    (tmp_path / "metadata.json").write_bytes(templates.files(request.param, "spleen")["configs/metadata.json"])
    network = {"net": {"_target_": "torch.nn.Conv3d", "in_channels": 1, "out_channels": 2, "kernel_size": 1}}
    (tmp_path / "network.json").write_text(json.dumps(network))
    return {"meta_file": tmp_path / "metadata.json", "config_file": tmp_path / "network.json"}


@pytest.mark.slow
@pytest.mark.parametrize("bundle", MONAI, indirect=True)
def test_monai_runs_a_network_on_the_tensors_described(bundle: dict[str, Path]) -> None:
    """Channels, shapes with expressions and data types mean to MONAI what they mean here."""
    from monai.bundle import verify_net_in_out

    files = {name: str(path) for name, path in bundle.items()}
    verify_net_in_out(net_id="net", device="cpu", p=1, n=1, any=1, **files)
    text = bundle["meta_file"].read_text()
    bundle["meta_file"].write_text(text.replace('"num_channels": 2', '"num_channels": 3'))
    with pytest.raises(ValueError, match="channel number"):
        verify_net_in_out(net_id="net", device="cpu", p=1, n=1, any=1, **files)


@pytest.mark.slow
@pytest.mark.parametrize("bundle", MONAI, indirect=True)
def test_monai_verifies_the_metadata(bundle: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MONAI's own command, with another implementation of JSON Schema; the schema that it would fetch is ours."""
    from monai.bundle import scripts

    document = json.loads(bundle["meta_file"].read_text())
    version = document["schema"].rpartition("_")[2].removesuffix(".json")
    schema = templates.load(f"monai-bundle/{version}").folder.read("target.schema.json")

    def fetch(url: str, filepath: str, **_: Any) -> None:
        assert url == document["schema"]
        Path(filepath).write_bytes(schema)

    monkeypatch.setattr(scripts, "download_url", fetch)
    target = str(tmp_path / "schema.json")
    scripts.verify_metadata(meta_file=str(bundle["meta_file"]), filepath=target)
    document["network_data_format"]["inputs"]["image"].pop("dtype")
    bundle["meta_file"].write_text(json.dumps(document))
    with pytest.raises(ValueError, match="Failed validating"):
        scripts.verify_metadata(meta_file=str(bundle["meta_file"]), filepath=target)


def test_a_bundle_of_others_becomes_a_manifest() -> None:
    document = templates.record("monai-bundle/20240725", "spleen").documents["metadata"]
    made = import_documents(templates.load("monai-bundle/20240725"), {"metadata": document})
    assert made["version"] == "0.5.4"
    assert made["creators"] == [{"name": "Ada Lovelace, Grace Hopper"}]
    assert made["model"] == {"task": "spleen segmentation", "framework": {"name": "pytorch", "version": "2.4.0"}}
    assert made["environment"] == {"packages": {"monai": "1.4.0", "torch": "2.4.0", "numpy": "1.24.4"}}


@pytest.mark.parametrize("example", ["full", "features"])
def test_docutils_reads_the_page_of_improve(example: str) -> None:
    from docutils import nodes
    from docutils.core import publish_doctree

    text = templates.files("improve/1.0.0", example)["improve-model.rst"].decode()
    page = publish_doctree(text, settings_overrides={"report_level": 2, "halt_level": 2})
    record = templates.record("improve/1.0.0", example).documents["model"]
    assert page.next_node(nodes.title).astext() == record["name"]
    titles = [section.next_node(nodes.title).astext() for section in page.findall(nodes.section)]
    assert {"Model Architecture", "Model Type", "Feature Representation", "URLs", "References"} <= set(titles)
    links = {link["refuri"] for link in page.findall(nodes.reference)}
    assert set(record["urls"].values()) <= links
