"""All that is wrong with a publication is said before anything is sent, in the service's words where it has any."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from candle_spec.errors import CorruptFileError, ServiceRefusedError
from candle_spec.modac import names
from candle_spec.modac.checks import check_plan
from candle_spec.modac.client import Client
from candle_spec.modac.metadata import check_collection, entry_list, offered_values
from candle_spec.modac.plan import Choices, make_plan
from candle_spec.modac.records import read_record
from candle_spec.modac.rules import dump, parse, starter
from candle_spec.modac.service import Service
from candle_spec.modac.settings import Settings
from candle_spec.modac.vocabulary import Knowledge
from candle_spec.publish.remarks import Remark
from candle_spec.remote.addresses import Secret
from candle_spec.standin.config import DEMO_PASSWORD, Config
from candle_spec.standin.rules import RuleSet, packaged
from candle_spec.standin.server import running
from tests.helpers import checkpoints
from tests.helpers.services.modac_calls import ASSET, STUDY, Caller
from tests.helpers.services.modac_records import documents


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    from candle_spec.conversion.convert import convert

    with checkpoints.only_tiny():
        native = checkpoints.Tiny().write(tmp_path / "uno.tiny")
        yield convert(native, tmp_path / "uno.candle").path


@pytest.fixture
def knowledge(tmp_path: Path) -> Knowledge:
    return Knowledge(tmp_path / "known")


def _check(folder: Path, knowledge: Knowledge, settings: Settings | None = None, **asset: str) -> list[Remark]:
    plan = make_plan(folder, read_record(documents(**asset), location="record"), Choices())
    return check_plan(plan, settings or Settings(), knowledge)


def _blocking(problems: list[Remark]) -> list[str]:
    return [one.message for one in problems if one.blocking]


def test_a_good_one(folder: Path, knowledge: Knowledge) -> None:
    problems = _check(folder, knowledge)
    assert _blocking(problems) == []
    assert {one.attribute for one in problems} == {"domain", "framework", "model_platform"}
    assert all("is unverified: the service's list is not known" in one.message for one in problems)


def test_all_problems_at_once_in_the_order_of_the_server(folder: Path, knowledge: Knowledge) -> None:
    wrong = {
        "asset_type": "model",
        "uuid": "x",
        "asset_name": "",
        "poc_email": "me",
        "curation_status": "Verified",
        "access_group": "public",
        "publication": "x" * 2_701,
        "institute": "Argonne\u00a0National",
    }
    found = _blocking(_check(folder, knowledge, **wrong))
    words = [message for message in found if "access_group public" not in message]
    expected = [
        "curation_status is set by reviewers: leave it Unverified",
        "poc_email 'me' is no e-mail address",
        "System generated metadata cannot be set/changed: uuid",
        "Invalid metadata value for attribute asset_type: model. Valid values: [Dataset, Model]",
        "Missing or empty mandatory metadata: asset_name",
        "publication has 2701 bytes, more than 2700",
        "'institute' holds a character that nobody sees (control, U+00A0)",
    ]
    assert words == expected


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
        ("AKIA" + "A" * 16, "a key of AWS"),
        ("ghp_" + "a" * 36, "a token of GitHub"),
        ("hf_" + "a" * 34, "a token of Hugging Face"),
        ("eyJhbGciOiJI.eyJVU0VSX0lE.c2ln", "a token (JWT)"),
        ("https://me:secret@host/x", "a password in an address"),
    ],
)
def test_secrets_are_not_sent(folder: Path, knowledge: Knowledge, value: str, what: str) -> None:
    assert f"publication holds {what}: it is not sent" in _blocking(_check(folder, knowledge, publication=value))
    (folder / "topology" / "config.json").write_text(json.dumps({"x": value}))
    assert f"the file holds {what}: it is not sent" in _blocking(_check(folder, knowledge))


def test_files_over_the_limit(folder: Path, knowledge: Knowledge) -> None:
    found = _blocking(_check(folder, knowledge, Settings(request_limit=66_000)))
    assert found
    assert all("more than one upload takes: " in message for message in found)


def test_deployed_without_a_file_that_can_be_run(folder: Path, knowledge: Knowledge) -> None:
    (message,) = _blocking(_check(folder, knowledge, is_model_deployed="Yes"))
    assert "needs a .h5 file" in message


def test_what_the_service_would_drop(folder: Path, knowledge: Knowledge) -> None:
    dropped = [
        one for one in _check(folder, knowledge, outcome_file_name="x.csv") if one.attribute == "outcome_file_name"
    ]
    assert [one.blocking for one in dropped] == [False]


def _with_lists(lists: dict[str, tuple[str, ...]]) -> RuleSet:
    """The rules of a stand-in, with lists of values."""
    rules = packaged()
    changed = (replace(rule, valid_values=lists.get(rule.attribute, rule.valid_values)) for rule in rules.collections)
    return replace(rules, collections=tuple(changed))


class TestVocabulary:
    def test_from_a_refusal_to_a_success(
        self, config: Config, settings: Settings, folder: Path, tmp_path: Path
    ) -> None:
        """The stand-in has lists that the client does not know."""
        lists = {"domain": ("Drug Response", "Imaging"), "framework": ("Keras 3", "PyTorch")}
        own = replace(config, folder=tmp_path / "strict", rules=_with_lists(lists))
        knowledge = Knowledge(tmp_path / "known")
        with running(own) as server:
            Caller(server.url, settings.user).make_program_and_study()
            there = replace(settings, url=server.url)
            with Service(there, password=Secret(DEMO_PASSWORD)) as service:
                client = Client(service)
                with pytest.raises(ServiceRefusedError) as refused:
                    client.put_collection(f"/{STUDY}/uno", ASSET)
                assert knowledge.learn(refused.value.message, 0) is not None
                assert knowledge.vocabulary("framework").state == "closed"
                (problem,) = [one for one in _check(folder, knowledge) if one.blocking]
                assert problem.choices == ("Keras 3", "PyTorch")
                chosen = {**ASSET, problem.attribute: problem.choices[0]}
                assert client.put_collection(f"/{STUDY}/uno", chosen) is True
        assert _blocking(_check(folder, knowledge, framework="Keras 3")) == []

    def test_observed_values_never_block(self, uploader: Caller, client: Client, folder: Path, tmp_path: Path) -> None:
        uploader.make_asset(asset_identifier="a")
        uploader.make_asset(asset_identifier="b", domain="Imaging")
        knowledge = Knowledge(tmp_path / "known")
        found = knowledge.observe(client, 1_800_000_000)
        assert found["domain"].counts == {"Drug Response": 1, "Imaging": 1}
        assert found["domain"].date == "2027-01-15"
        problems = _check(folder, knowledge, domain="Imagin")
        assert _blocking(problems) == []
        (note,) = [one.message for one in problems if one.attribute == "domain"]
        assert note == "domain 'Imagin' is unverified: not seen in use as of 2027-01-15; in use is 'Imaging'"
        assert not [one for one in _check(folder, knowledge, domain="Imaging") if one.attribute == "domain"]

    def test_what_is_closed_stays_closed(self, uploader: Caller, client: Client, tmp_path: Path) -> None:
        uploader.make_asset()
        knowledge = Knowledge(tmp_path / "known")
        knowledge.learn("Invalid metadata value for attribute domain: x. Valid values: [A, B]", 0)
        assert "domain" not in knowledge.observe(client, 0)
        assert knowledge.vocabulary("domain").values == ("A", "B")

    def test_refusals(self) -> None:
        assert offered_values("Invalid metadata value for attribute a: v. Valid values: [x, y]") == (
            "a",
            "v",
            ("x", "y"),
        )
        assert offered_values("gov: Invalid metadata value for attribute a: v. w. Valid values: [x]") == (
            "a",
            "v. w",
            ("x",),
        )
        assert offered_values("Missing or empty mandatory metadata: a") is None

    def test_a_damaged_file(self, tmp_path: Path) -> None:
        (tmp_path / "vocabulary.json").write_text('{"domain": 5}')
        with pytest.raises(CorruptFileError):
            Knowledge(tmp_path).vocabulary("domain")


class TestRules:
    def test_the_shape_of_the_server_round_trips(self) -> None:
        assert parse(dump(starter()), location="x") == starter()

    def test_the_page_of_the_service(self, tmp_path: Path) -> None:
        page = [
            {"attrName": "asset_name", "mandatory": True, "validValues": None},
            {
                "attrName": "domain",
                "mandatory": True,
                "validValues": [{"key": "Imaging", "value": "Imaging"}],
                "controllerAttrName": "asset_type",
                "controllerAttrValue": "Model",
            },
        ]
        (tmp_path / "page.json").write_text(json.dumps(page))
        knowledge = Knowledge(tmp_path / "known")
        knowledge.import_rules(tmp_path / "page.json")
        rule = next(one for one in knowledge.rules().collection_rules if one.attribute == "domain")
        assert (rule.mandatory, rule.controller_value, rule.valid_values) == (False, "Model", ("Imaging",))
        faults = check_collection(entry_list(ASSET), knowledge.rules(), path="/x").faults
        assert [fault.message for fault in faults] == [
            "Invalid metadata value for attribute domain: Drug Response. Valid values: [Imaging]"
        ]

    def test_the_rules_of_the_server_behind(self) -> None:
        other = {"basePath": "/OTHER", "dataHierarchy": {"collectionType": "Project"}}
        document = {"docRules": [{"doc": "X", "rules": [other]}, {"doc": "Y", "rules": [dump(starter())]}]}
        assert parse(document, location="x") == starter()

    @pytest.mark.parametrize("document", [[], {}, {"docRules": []}, [{"x": 1}], {"basePath": "/x"}, 5, [5]])
    def test_what_is_no_rules(self, document: object) -> None:
        with pytest.raises(CorruptFileError):
            parse(document, location="x")


class TestNames:
    @pytest.mark.parametrize(
        "path", [f"/{STUDY}/..", f"/{STUDY}//a", f"/{STUDY}/a b", f"/{STUDY}/download", "x", "/x/%20"]
    )
    def test_bad_paths(self, path: str) -> None:
        assert names.path_problem(path)
