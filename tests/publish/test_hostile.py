"""Uploads over a wire that breaks at any byte, and to services that mean no good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, RedirectResponse

from candle_spec.validation import validate
from tests.helpers import checkpoints
from tests.helpers.calls import run
from tests.helpers.services.proxy import Direction, wire
from tests.helpers.services.servers import TOKEN, Endless, Hub, Zenodo
from tests.helpers.services.spy import Spy

HUB = ("publish", "uno.tiny.candle", "--to", "huggingface", "--repository", "lab/uno")
RECEIPT = Path("uno.tiny.candle.huggingface-receipt.json")
ZENODO = ("publish", "uno.tiny.candle", "--to", "zenodo", "--url")
PLACES = (0, 1, 50, 200, 400, 700, 1_000, 1_500, 2_000, 2_500, 3_000, 3_700, 4_500, 5_500, 7_000, 9_000, 11_000)


def _content(folder: str) -> str:
    return str(checkpoints.read_manifest(Path(folder))["weights"]["content_digest"])


def _until_it_works(words: tuple[str, ...]) -> list[int]:
    """Run a command again after a lost connection, which happens once at most; returns the exit codes."""
    codes = [run(*words)]
    if codes[0]:
        codes.append(run(*words))
    assert codes in ([0], [3, 0])
    return codes


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("at", PLACES)
@pytest.mark.slow
def test_zenodo_over_a_wire_that_breaks(zenodo: Zenodo, direction: Direction, at: int) -> None:
    real = zenodo.url
    with wire(real, direction, at) as broken:
        zenodo.url = broken.url
        codes = _until_it_works((*ZENODO, broken.url))
        receipt = Path("uno.tiny.candle.zenodo-receipt.json")
        assert json.loads(receipt.read_bytes())["state"] == "complete"
        number = json.loads(receipt.read_bytes())["repository"]
        assert run("fetch", f"zenodo:{number}", "back", "--url", broken.url) == 0
        assert broken.broken or broken.passed[direction] <= at
        assert broken.broken or codes == [0]
    assert validate("back").errors == []
    assert _content("back") == _content("uno.tiny.candle")
    assert [one for one, files in zenodo.files.items() if files] == [number], "no second deposit with files"


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("at", PLACES)
@pytest.mark.slow
def test_hugging_face_over_a_wire_that_breaks(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, direction: Direction, at: int
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with wire(hub.url, direction, at) as broken:
        hub.url = broken.url
        monkeypatch.setenv("HF_ENDPOINT", broken.url)
        codes = _until_it_works(HUB)
        assert run("fetch", "huggingface:lab/uno", "back") == 0
        assert broken.broken or broken.passed[direction] <= at
        assert broken.broken or codes == [0]
    assert validate("back").errors == []
    assert _content("back") == _content("uno.tiny.candle")
    assert hub.repositories["lab/uno"]["commits"] == 1, "nothing is committed twice"


class TestZenodo:
    @pytest.mark.parametrize("part", ["POST", "PUT /api/files", "GET"])
    def test_an_answer_without_an_end(
        self, zenodo: Zenodo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], part: str
    ) -> None:
        monkeypatch.setattr("candle_spec.limits.SERVICE_ANSWER", 1 << 20)
        zenodo.lasting[part] = lambda request: Endless()
        assert run(*ZENODO, zenodo.url) == 1
        assert "without an end" in capsys.readouterr().err

    @pytest.mark.parametrize("part", ["POST", "PUT /api/files", "GET"])
    def test_a_redirect_to_another_host(self, zenodo: Zenodo, part: str) -> None:
        spy = Spy()
        zenodo.lasting[part] = lambda request: RedirectResponse(spy.url, 307)
        assert run(*ZENODO, zenodo.url) == 3
        spy.close()
        assert spy.heard == b""

    @pytest.mark.parametrize(("change", "value"), [("filesize", 5), ("checksum", "0" * 32)])
    def test_a_listing_of_something_else(
        self, zenodo: Zenodo, change: str, value: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(*ZENODO, zenodo.url) == 0
        rows = [{"filename": "state.json", "filesize": 1, "checksum": "1", change: value}]
        zenodo.lasting["GET /api/deposit/depositions/101/files"] = lambda request: JSONResponse(rows)
        assert run(*ZENODO, zenodo.url) == 1
        assert "does not have the file as it was sent" in capsys.readouterr().err

    @pytest.mark.parametrize("answer", [[], {}, "x", {"id": []}, {"id": 1, "links": 5}, {"id": 1, "links": {}}])
    def test_a_deposit_of_another_shape(self, zenodo: Zenodo, answer: Any) -> None:
        zenodo.lasting["POST"] = lambda request: JSONResponse(answer)
        assert run(*ZENODO, zenodo.url) == 3


class TestHuggingFace:
    @pytest.mark.parametrize("part", ["/api/repos/create", "/preupload/", "/commit/main", "/objects/batch"])
    def test_a_redirect_to_another_host_brings_no_token(self, hub: Hub, part: str) -> None:
        spy = Spy()
        hub.lasting[part] = lambda request: RedirectResponse(spy.url, 307)
        assert run(*HUB) != 0
        spy.close()
        assert TOKEN.encode() not in spy.heard
        assert b"uthorization" not in spy.heard

    def test_the_place_for_large_files_gets_no_token(self, hub: Hub) -> None:
        assert run(*HUB) == 0
        puts = [seen for seen in hub.seen if seen.method == "PUT"]
        assert puts
        assert not any(seen.token for seen in puts)

    @pytest.mark.parametrize("change", ["size", "digest"])
    def test_what_is_read_back_is_something_else(
        self, hub: Hub, change: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        row = {"type": "file", "path": "model.safetensors", "size": 552, "oid": "0" * 40}
        row["lfs"] = {"oid": "0" * 64, "size": 552, "pointerSize": 130}
        if change == "size":
            row["size"] = 5
        hub.lasting["/paths-info/"] = lambda request: JSONResponse([row])
        assert run(*HUB) == 1
        assert "what arrived is not what was sent" in capsys.readouterr().err

    @pytest.mark.parametrize("part", ["/api/repos/create", "/preupload/", "/paths-info/", "/objects/batch"])
    @pytest.mark.parametrize("answer", [[], {}, "x", 5, [5], {"files": [5]}])
    @pytest.mark.slow
    def test_an_answer_of_another_shape(self, hub: Hub, part: str, answer: Any) -> None:
        hub.lasting[part] = lambda request: JSONResponse(answer)
        code = run(*HUB)
        assert code in (0, 1, 3)
        state = json.loads(RECEIPT.read_bytes())["state"] if RECEIPT.exists() else "none"
        assert state == "complete" if code == 0 else state in ("none", "incomplete")
        hub.lasting.clear()
        assert run(*HUB) == 0

    def test_an_answer_without_an_end(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("candle_spec.limits.SERVICE_ANSWER", 1 << 20)
        hub.lasting["/api/models/"] = lambda request: Endless()
        assert run(*HUB) == 1
        assert "without an end" in capsys.readouterr().err
