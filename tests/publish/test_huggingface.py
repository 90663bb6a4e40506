"""Hugging Face: private, one commit, read back; what was shown is what was sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.responses import JSONResponse

import candle_spec
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.validation import validate
from tests.helpers import checkpoints
from tests.helpers.calls import run
from tests.helpers.services.servers import TOKEN, Hub
from tests.publish.conftest import describe

PUBLISH = ("publish", "uno.tiny.candle", "--to", "huggingface", "--repository", "lab/uno")
RECEIPT = Path("uno.tiny.candle.huggingface-receipt.json")


def test_private_complete_and_verified(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*PUBLISH) == 0
    repository = hub.repositories["lab/uno"]
    assert (repository["private"], repository["commits"]) == (True, 1)
    files = repository["files"]
    assert {"README.md", "model.safetensors", MANIFEST} <= set(files)
    assert not [name for name in files if name.startswith("original/")]
    receipt = json.loads(RECEIPT.read_text())
    assert receipt["state"] == "complete"
    assert {row["path"] for row in receipt["files"]} == set(files)
    out = capsys.readouterr()
    assert TOKEN not in out.out + out.err + RECEIPT.read_text()


def test_what_comes_back_is_a_valid_checkpoint(hub: Hub, tmp_path: Path) -> None:
    assert run(*PUBLISH) == 0
    for name, (data, _) in hub.repositories["lab/uno"]["files"].items():
        (tmp_path / "back" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "back" / name).write_bytes(data)
    assert validate(tmp_path / "back").errors == []
    digests = [
        checkpoints.read_manifest(folder)["weights"]["content_digest"]
        for folder in (tmp_path / "back", Path("uno.tiny.candle"))
    ]
    assert digests[0] == digests[1]


def test_a_dry_run_sends_nothing_and_shows_what_is_sent(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*PUBLISH, "--dry-run", "--out", "ready") == 0
    assert hub.seen == []
    assert not RECEIPT.exists()
    assert run(*PUBLISH) == 0
    sent = {seen.path: seen.body for seen in hub.seen if seen.method == "POST"}
    create, preupload, commit = [json.loads(path.read_text()) for path in sorted(Path("ready/requests").iterdir())]
    assert json.loads(sent["/api/repos/create"]) == create["body"]
    assert json.loads(sent[preupload["path"]]) == preupload["body"]
    lines = [json.loads(line) for line in sent[commit["path"]].splitlines()]
    assert lines[0] == commit["body"][0]
    large = [line for line in lines if line["key"] == "lfsFile"]
    assert large
    assert all(line in commit["body"] for line in large)
    assert [line["value"]["path"] for line in lines[1:]] == [line["value"]["path"] for line in commit["body"][1:]]
    for name, (data, _) in hub.repositories["lab/uno"]["files"].items():
        assert Path("ready/files", name).read_bytes() == data


def test_a_run_that_broke_off_goes_on(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.faults["POST /api/models/lab/uno/commit"] = JSONResponse({"error": "broken"}, 500)
    assert run(*PUBLISH) == 3
    assert json.loads(RECEIPT.read_text())["state"] == "incomplete"
    puts = len(hub.paths("PUT"))
    assert puts
    assert run(*PUBLISH) == 0
    assert len(hub.paths("PUT")) == puts, "what lies there is not sent again"
    assert run(*PUBLISH) == 0
    assert hub.repositories["lab/uno"]["commits"] == 1, "nothing to commit the third time"


def test_a_public_repository_is_refused_unless_asked_for(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.repositories["lab/uno"] = {"private": False, "files": {}, "commits": 0}
    assert run(*PUBLISH) == 2
    assert "the repository is public" in capsys.readouterr().err
    assert hub.repositories["lab/uno"]["files"] == {}
    assert run(*PUBLISH, "--public") == 0


def test_what_arrived_otherwise_is_told(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*PUBLISH) == 0
    hub.faults["paths-info"] = JSONResponse([])
    hub.repositories["lab/uno"]["files"] = {}
    hub.faults["POST /api/models/lab/uno/commit"] = JSONResponse(
        {"commitUrl": f"{hub.url}/lab/uno/commit/{'0' * 40}", "commitOid": "0" * 40}
    )
    assert run(*PUBLISH) == 1
    assert "what arrived is not what was sent" in capsys.readouterr().err


def test_a_refused_token_is_not_shown(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrongwrongwrongwrongwrongwrongwrong")
    assert run(*PUBLISH) == 2
    out = capsys.readouterr()
    assert "refuses the token" in out.err
    assert "wrongwrong" not in out.out + out.err


def test_no_token_no_request(hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("HF_TOKEN")
    assert run(*PUBLISH) == 2
    assert "--token-file" in capsys.readouterr().err
    assert hub.seen == []
    Path("token").write_text(f"{TOKEN}\n")
    assert run(*PUBLISH, "--token-file", "token") == 0


def test_a_secret_is_refused_with_its_place(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    describe(limitations=f"Get it with {TOKEN}.")
    assert run(*PUBLISH, "--accept-personal") == 1
    out = capsys.readouterr().out
    assert "README.md:" in out
    assert "a token of Hugging Face: it is not sent" in out
    assert TOKEN not in out
    assert hub.seen == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Trained in /home/ada/runs.", "a path of somebody's home folder"),
        ("Ask bob@example.org.", "an e-mail address"),
        ("Shown on 1.3.6.1.4.1.14519.5.2.1.6279.6001.298806137288633453246975630178.", "a DICOM UID"),
    ],
)
def test_what_is_personal_needs_a_word(hub: Hub, text: str, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    describe(limitations=text)
    assert run(*PUBLISH, "--dry-run") == 1
    assert f"{what}: --accept-personal sends it" in capsys.readouterr().out
    assert run(*PUBLISH, "--dry-run", "--accept-personal") == 0


def test_with_original_and_native(hub: Hub) -> None:
    assert run("seal", "uno.tiny.candle", "--file-digests") == 0
    assert run(*PUBLISH, "--with-original", "--with-native") == 0
    files = hub.repositories["lab/uno"]["files"]
    assert [name for name in files if name.startswith("original/")]
    assert files["uno.model.tiny"][0] == Path("uno.tiny").read_bytes()
    assert files[MANIFEST][0] == Path("uno.tiny.candle", MANIFEST).read_bytes(), "the manifest as it is"


def test_later_evaluations_go_along_and_the_card_says_what_they_are(hub: Hub, tmp_path: Path) -> None:
    metric = {"id": "auc-roc", "direction": "maximize"}
    candle_spec.add_evaluation("uno.tiny.candle", [{"metric": metric, "value": 0.87, "dataset": "a *new* cohort"}])
    assert run(*PUBLISH) == 0
    card, _ = hub.repositories["lab/uno"]["files"]["README.md"]
    said = card.decode().partition("## Later evaluations")[2]
    assert "neither its seal nor its signature covers them" in said
    assert "auc-roc 0.87, a \\*new\\* cohort" in said
    assert run("fetch", "huggingface:lab/uno", tmp_path / "back") == 0
    (later,) = candle_spec.load(tmp_path / "back").later_evaluations
    assert later.document["evaluations"][0]["value"] == 0.87
