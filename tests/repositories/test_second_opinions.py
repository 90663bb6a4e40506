"""What independent implementations say of the records made here. Nothing is fetched."""

from __future__ import annotations

import json
import warnings
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import pytest
import yaml

from candle_spec.repositories.engine.mapper import map_source
from candle_spec.repositories.engine.source import merge
from tests.helpers import templates

CONTEXT = "https://w3id.org/ro/crate/1.3/context"


@pytest.mark.parametrize("example", ["full", "licence-not-listed"])
def test_huggingface_hub_reads_the_card(example: str) -> None:
    from huggingface_hub import ModelCard

    text = templates.files("huggingface/1.0.0", example)["README.md"].decode()
    card = ModelCard(text, ignore_metadata_errors=False)
    ours = {
        key: value
        for key, value in templates.record("huggingface/1.0.0", example).documents["card"].items()
        if key != "body"
    }
    theirs = card.data.to_dict()
    for key in ours.keys() - {"model-index"}:
        assert theirs[key] == ours[key], key
    assert card.text.strip().startswith("# ")
    if "model-index" in ours:
        results = card.data.eval_results
        assert [(r.metric_type, r.metric_value, r.dataset_name) for r in results] == [
            (metric["type"], metric["value"], result["dataset"]["name"])
            for result in ours["model-index"][0]["results"]
            for metric in result["metrics"]
        ]
        assert theirs["model-index"] == ours["model-index"]


def test_huggingface_hub_reads_the_evaluation_results() -> None:
    from huggingface_hub import eval_result_entries_to_yaml, parse_eval_result_entries

    text = templates.files("huggingface/1.0.0")[".eval_results/candle-spec.yaml"]
    document = yaml.safe_load(text)
    entries = parse_eval_result_entries(document)
    assert (entries[0].dataset_id, entries[0].task_id, entries[0].value) == ("org/benchmark", "default", 0.91)
    assert eval_result_entries_to_yaml(entries) == document


def test_the_card_has_every_field_of_the_hubs_table() -> None:
    """https://github.com/huggingface/hub-docs, modelcard.md and model-cards-co2.md: emissions are grams."""
    card = templates.record("huggingface/1.0.0").documents["card"]
    assert card["co2_eq_emissions"] == {
        "emissions": 1100.0,
        "source": "CodeCarbon",
        "training_type": "pre-training",
        "geographical_location": "Illinois, USA",
        "hardware_used": "8 x NVIDIA A100",
    }
    assert (card["buckets"], card["widget"]) == (["org/expression"], [{"text": "a profile"}])
    (result,) = templates.record("huggingface/1.0.0").documents["results"]
    assert result["source"] == {"url": "https://example.org/run", "name": "a run", "org": "org"}


@pytest.mark.slow
def test_a_licence_is_on_the_hubs_list_or_has_a_name_and_a_link() -> None:
    key = "huggingface/1.0.0"
    template, manifest = templates.load(key), templates.manifest(key)
    terms = template.vocabularies["licences"].terms
    assert len(terms) == 82
    for licence in [each for term, words in terms.items() for each in (term, term.upper(), *words)]:
        card = map_source(template, merge({**manifest, "license": {"weights": licence}})).documents["card"]
        assert card["license"] in terms
        assert card.keys().isdisjoint({"license_name", "license_link"}), licence
    card = map_source(template, merge({**manifest, "license": {"weights": "LicenseRef-NCI"}})).documents["card"]
    assert [card[name] for name in ("license", "license_name", "license_link")] == [
        "other",
        "LicenseRef-NCI",
        "LICENSE",
    ]


@pytest.fixture
def crate(tmp_path: Path) -> Path:
    """A folder with the crate of the example and the files that it names."""
    for name, data in templates.files("ro-crate/1.3.0").items():
        (tmp_path / name).write_bytes(data)
    for entry in templates.manifest("ro-crate/1.3.0")["files"]:
        path = tmp_path / entry["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def test_rocrate_reads_the_crate(crate: Path) -> None:
    from rocrate.rocrate import ROCrate

    read = ROCrate(crate)
    assert read.name == "Hallmarks of cancer from gene expression"
    assert read.mainEntity.type == ["CreativeWork", "fair4ml:MLModel"]
    assert read.mainEntity["author"][0]["name"] == "Ada Lovelace"
    paths = {entry["path"] for entry in templates.manifest("ro-crate/1.3.0")["files"]}
    assert {entity.id for entity in read.data_entities} == paths
    dangling = [
        value for entity in read.get_entities() for value in _references(entity.as_jsonld()) if not read.get(value)
    ]
    assert [value for value in dangling if value != "https://w3id.org/ro/crate/1.3"] == []


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        if list(value) == ["@id"]:
            return [value["@id"]]
        return [each for inner in value.values() for each in _references(inner)]
    return [each for inner in value for each in _references(inner)] if isinstance(value, list) else []


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer for the context with the copy in the package rocrate; refuse every other address."""
    import requests
    from rocrate_validator.utils import http

    context = package_files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes()

    def answer(_: Any, request: requests.PreparedRequest, **__: Any) -> requests.Response:
        assert request.url == CONTEXT, f"asks for {request.url}"
        response = requests.Response()
        response.status_code, response._content, response.url = 200, context, CONTEXT
        response.headers["Content-Type"] = "application/ld+json"
        response.request = request
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", answer)
    monkeypatch.setattr(requests.Session, "send", answer)
    http.HttpRequester.reset()


@pytest.mark.usefixtures("offline")
def test_roc_validator_finds_nothing(crate: Path) -> None:
    from rocrate_validator import models, services

    settings = services.ValidationSettings(
        rocrate_uri=models.URI(str(crate)),
        profile_identifier="ro-crate-1.3",
        requirement_severity=models.Severity.REQUIRED,
        no_cache=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = services.validate(settings)
    assert [f"{issue.check.identifier} {issue.message}" for issue in result.get_issues()] == []


@pytest.mark.usefixtures("offline")
def test_roc_validator_finds_a_missing_licence(crate: Path) -> None:
    """So that the test above can fail."""
    from rocrate_validator import models, services

    path = crate / "ro-crate-metadata.json"
    document = json.loads(path.read_bytes())
    del next(node for node in document["@graph"] if node["@id"] == "./")["license"]
    path.write_text(json.dumps(document))
    settings = services.ValidationSettings(
        rocrate_uri=models.URI(str(crate)), profile_identifier="ro-crate-1.3", no_cache=True
    )
    result = services.validate(settings)
    assert any("license" in (issue.message or "") for issue in result.get_issues())
