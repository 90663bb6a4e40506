"""Zenodo: a draft, every file verified by its checksum; a rerun goes on with the same deposit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response

from candle_spec.checkpoint.layout import MANIFEST
from tests.helpers.calls import run
from tests.helpers.services.servers import TOKEN, Zenodo
from tests.publish.conftest import describe

RECEIPT = Path("uno.tiny.candle.zenodo-receipt.json")


def publish(server: Zenodo, *more: str) -> int:
    return run("publish", "uno.tiny.candle", "--to", "zenodo", "--url", server.url, *more)


def test_a_draft_complete_and_verified(zenodo: Zenodo, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish(zenodo) == 0
    assert zenodo.deposits["101"]["submitted"] is False
    assert zenodo.deposits["101"]["metadata"]["title"] == "Uno"
    assert {"model.safetensors", MANIFEST} <= set(zenodo.files["101"])
    assert not [name for name in zenodo.files["101"] if name.startswith("original")]
    assert not [path for path in zenodo.paths("POST") if "publish" in path]
    receipt = json.loads(RECEIPT.read_text())
    assert (receipt["state"], receipt["repository"]) == ("complete", "101")
    out = capsys.readouterr()
    assert f"{zenodo.url}/uploads/101" in out.out
    assert TOKEN not in out.out + out.err + RECEIPT.read_text()


def test_a_dry_run_sends_nothing_and_shows_what_is_sent(zenodo: Zenodo) -> None:
    assert publish(zenodo, "--dry-run", "--out", "ready") == 0
    assert zenodo.seen == []
    assert publish(zenodo) == 0
    shown = [json.loads(path.read_text()) for path in sorted(Path("ready/requests").iterdir())]
    sent = [seen for seen in zenodo.seen if seen.method in ("POST", "PUT")]
    assert json.loads(sent[0].body) == shown[0]["body"]
    assert [seen.path for seen in sent[1:]] == [one["path"].replace("{bucket}", "/api/files/101") for one in shown[1:]]
    assert [len(seen.body) for seen in sent[1:]] == [one["size"] for one in shown[1:]]
    assert [seen.body for seen in sent[1:]] == [Path("ready/files", one["file"]).read_bytes() for one in shown[1:]]


def test_a_rerun_completes_the_same_deposit(zenodo: Zenodo) -> None:
    zenodo.faults[f"PUT /api/files/101/{MANIFEST}"] = JSONResponse({"message": "no"}, 400)
    assert publish(zenodo) == 1
    assert json.loads(RECEIPT.read_text())["state"] == "incomplete"
    before = len(zenodo.paths("PUT"))
    assert publish(zenodo) == 0
    assert list(zenodo.deposits) == ["101"]
    assert zenodo.paths("PUT")[before:] == ["/api/deposit/depositions/101", f"/api/files/101/{MANIFEST}"]


def test_a_service_out_of_order_is_asked_again(zenodo: Zenodo) -> None:
    zenodo.faults["PUT /api/files/101/model.safetensors"] = Response("busy", 503)
    assert publish(zenodo) == 0


def test_a_deposit_is_not_made_twice(zenodo: Zenodo) -> None:
    zenodo.faults["POST"] = Response("busy", 503)
    assert publish(zenodo) == 3
    assert zenodo.paths("POST") == ["/api/deposit/depositions"]


def test_a_deposit_that_was_deleted_is_made_anew(zenodo: Zenodo) -> None:
    assert publish(zenodo) == 0
    del zenodo.deposits["101"]
    zenodo.deposits["other"] = {}
    assert publish(zenodo) == 0
    assert zenodo.deposits["102"]["metadata"]["title"] == "Uno"


def test_a_published_deposit_is_left_alone(zenodo: Zenodo, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish(zenodo) == 0
    zenodo.deposits["101"]["submitted"] = True
    before = len(zenodo.paths("PUT"))
    assert publish(zenodo) == 2
    assert "new version" in capsys.readouterr().err
    assert len(zenodo.paths("PUT")) == before


def test_a_wrong_checksum_is_told(zenodo: Zenodo, capsys: pytest.CaptureFixture[str]) -> None:
    zenodo.faults["PUT /api/files"] = JSONResponse({"checksum": "md5:" + "0" * 32}, 201)
    assert publish(zenodo) == 1
    assert "what arrived is not what was sent" in capsys.readouterr().err


def test_a_refusal_in_the_services_own_words(zenodo: Zenodo, capsys: pytest.CaptureFixture[str]) -> None:
    errors = [{"field": "metadata.creators", "message": "Missing data for required field."}]
    zenodo.faults["POST"] = JSONResponse({"message": "Validation error.", "status": 400, "errors": errors}, 400)
    assert publish(zenodo) == 1
    assert "metadata.creators: Missing data for required field." in capsys.readouterr().err


@pytest.mark.parametrize("bucket", ["http://evil.example.org/api/files/1", "http://127.0.0.1:9/api/files/1", ""])
def test_the_token_goes_to_no_other_place(zenodo: Zenodo, bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    zenodo.faults["POST"] = JSONResponse({"id": 1, "submitted": False, "links": {"bucket": bucket, "html": ""}}, 201)
    assert publish(zenodo) == 3
    assert "no token goes there" in capsys.readouterr().err


def test_a_redirect_is_not_followed(zenodo: Zenodo, capsys: pytest.CaptureFixture[str]) -> None:
    zenodo.faults["POST"] = Response(status_code=307, headers={"location": "http://evil.example.org/"})
    assert publish(zenodo) == 3
    assert "not followed" in capsys.readouterr().err


def test_plain_http_is_for_this_machine_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("publish", "uno.tiny.candle", "--to", "zenodo", "--url", "http://zenodo.org") == 2
    assert "https alone" in capsys.readouterr().err


def test_what_is_missing_is_named(zenodo: Zenodo, capsys: pytest.CaptureFixture[str]) -> None:
    describe(extensions={})
    assert publish(zenodo) == 1
    assert "access_right is missing: Who may have the files on Zenodo?" in capsys.readouterr().out
    assert zenodo.seen == []
