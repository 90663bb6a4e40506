"""What MoDaC gets: complete by the rules in the server's own shape, within its limits, never public by itself."""

from __future__ import annotations

import io
import json
from typing import Any

import openpyxl
import pytest

from candle_spec import pointer
from candle_spec.repositories.engine.mapper import map_source
from candle_spec.repositories.engine.source import merge
from candle_spec.repositories.language.references import fields
from candle_spec.repositories.language.tree import Demand
from tests.helpers import templates

KEY = "modac/1.0.0"
EXTENSION = "https://w3id.org/candle-spec/repositories/modac/1"
OWN = pointer.join(["extensions", EXTENSION])
RULES = json.loads((templates.ROOT / KEY / "rules" / "starter.json").read_bytes())
OF = {"Program": "program", "Study": "study", "Folder": "folder"}


def entries(document: Any) -> dict[str, str]:
    pairs = [(entry["attribute"], entry["value"]) for entry in document["metadataEntries"]]
    assert len(dict(pairs)) == len(pairs), "an attribute is there twice"
    return dict(pairs)


@pytest.mark.parametrize("rule", RULES["collectionMetadataValidationRules"], ids=lambda rule: rule["attribute"])
def test_every_rule_of_the_server_is_met_by_the_mapping(rule: dict[str, Any]) -> None:
    """A mandatory attribute is demanded or always there; a conditional one is sent where its controller says."""
    instructions = dict(fields(templates.load(KEY).tree))
    for kind in rule.get("collectionTypes", [*OF, "Asset"]):
        if kind == "Asset":
            controller = rule.get("controllerValue")
            records = {"Model": ["asset"], "Dataset": ["dataset"], "Yes": ["dataset"]}.get(
                controller, ["asset", "dataset"]
            )
        else:
            records = [OF[kind]]
        for record in records:
            instruction = instructions[f"{record}:/metadataEntries/{rule['attribute']}"]
            constant = hasattr(instruction.body, "value")
            assert constant or instruction.level is Demand.MUST or instruction.default == rule.get("defaultValue")


def test_attributes_of_a_data_set_are_not_sent_for_a_model() -> None:
    asset = entries(templates.record(KEY).documents["asset"])
    assert not asset.keys() & {"is_reference_dataset", "outcome_file_name", "applicable_model_paths"}
    data = templates.record(KEY, "dataset-and-folder").documents
    assert "asset" not in data
    assert not entries(data["dataset"]).keys() & {"domain", "framework", "model_platform", "is_model_deployed"}


def test_without_own_attributes_where_the_server_takes_only_declared_ones() -> None:
    data = templates.record(KEY, "dataset-and-folder").documents
    assert not [name for name in entries(data["dataset"]) if name.startswith("ckpt_")]


def test_access_group_has_no_default_and_is_never_public() -> None:
    manifest = templates.manifest(KEY)
    own = manifest["extensions"][EXTENSION]
    del own["access_group"]
    record = map_source(templates.load(KEY), merge(manifest))
    assert "access_group" not in entries(record.documents["asset"])
    assert "asset:/metadataEntries/access_group" in [finding.target for finding in record.blocking]
    for public in ("public", "Public", "PUBLIC"):
        own["access_group"] = public
        assert map_source(templates.load(KEY), merge(manifest)).blocking


def test_a_long_description_is_cut_at_2700_bytes_and_said_so() -> None:
    manifest = templates.manifest(KEY)
    manifest["description"] = "ä" * 2000
    record = map_source(templates.load(KEY), merge(manifest))
    assert len(entries(record.documents["asset"])["description"].encode()) == 2700
    cut = [finding.target for finding in record.findings if finding.kind.value == "truncated"]
    assert "asset:/metadataEntries/description" in cut
    assert record.blocking == []


def test_files_lie_flat_and_remember_their_path() -> None:
    record = templates.record(KEY)
    names = [file["path"].rpartition("/")[2] for file in record.documents["files"]]
    assert len(set(names)) == len(names)
    by_source = {file["source"]: file for file in record.documents["files"]}
    assert by_source["topology/config.json"]["path"].endswith("/topology__config.json")
    assert entries(by_source["topology/config.json"])["ckpt_path"] == "topology/config.json"
    assert "candle-checkpoint.json" in by_source
    assert not [source for source in by_source if source.startswith("original/")]


def test_the_workbook_has_one_row_of_text_cells_for_each_asset() -> None:
    workbook = openpyxl.load_workbook(io.BytesIO(templates.files(KEY)["bulk-upload.xlsx"]))
    head, row = list(workbook.worksheets[0].iter_rows(values_only=True))
    columns = next(output for output in templates.load(KEY).outputs if output["id"] == "sheet")["columns"]
    assert list(head) == columns
    assert all(name == name.strip() and "\u00a0" not in name for name in head)
    values = {name: value for name, value in zip(head, row, strict=True) if value is not None}
    (document,) = templates.record(KEY).documents["sheet"]
    assert values == document
    assert all(cell.data_type in ("s", "inlineStr", "n") for cell in workbook.worksheets[0][2])
    assert {values["collection_type"], values["asset_type"], values["curation_status"]} == {
        "Asset",
        "Model",
        "Unverified",
    }


def test_no_vocabulary_is_guessed() -> None:
    status = {name: vocabulary.status for name, vocabulary in templates.load(KEY).vocabularies.items()}
    assert {status[name] for name in ("domains", "frameworks", "platforms")} == {"unknown"}
    record = templates.record(KEY)
    unverified = {
        finding.target.rpartition("/")[2] for finding in record.findings if finding.kind.value == "unverified"
    }
    assert {"domain", "framework", "model_platform"} <= unverified
