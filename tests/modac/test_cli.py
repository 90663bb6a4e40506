"""The commands against a stand-in: what people and batch jobs see."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from candle_spec.modac.settings import load_settings
from candle_spec.standin.config import DEMO_PASSWORD
from candle_spec.standin.server import Server, loopback, running
from tests.helpers import checkpoints
from tests.helpers.calls import ROOT, run
from tests.helpers.services.modac_calls import PROGRAM, STUDY, Caller
from tests.helpers.services.modac_records import write_record


@pytest.fixture
def here(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a checkpoint and its record, and an environment that knows the stand-in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CANDLE_SPEC_MODAC_URL", server.url)
    monkeypatch.setenv("CANDLE_SPEC_MODAC_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("CANDLE_SPEC_MODAC_USER", "uploader@example.org")
    checkpoints.Tiny().write(tmp_path / "uno.tiny")
    write_record(tmp_path / "record.json")
    with checkpoints.only_tiny():
        assert run("convert", "uno.tiny", "-q") == 0
        yield tmp_path


@pytest.fixture
def logged_in(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CANDLE_SPEC_MODAC_PASSWORD", DEMO_PASSWORD)
    assert run("modac", "login") == 0
    monkeypatch.delenv("CANDLE_SPEC_MODAC_PASSWORD")
    return here


PUBLISH = ("publish", "uno.tiny.candle", "--to", "modac", "--record", "record.json")


class TestLogin:
    def test_no_password_no_prompt_in_a_batch_job(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("modac", "login") == 2
        assert "needs a login" in capsys.readouterr().err

    def test_a_password_file(
        self, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("secret").write_text(f"{DEMO_PASSWORD}\n")
        monkeypatch.setenv("CANDLE_SPEC_MODAC_PASSWORD_FILE", "secret")
        assert run("modac", "login") == 0
        out = capsys.readouterr()
        assert "logged in at 127.0.0.1" in out.out
        assert DEMO_PASSWORD not in out.out + out.err

    def test_whoami(self, logged_in: Path, capsys: pytest.CaptureFixture[str]) -> None:
        capsys.readouterr()
        assert run("modac", "whoami", "--json") == 0
        assert json.loads(capsys.readouterr().out)["user"] == "uploader@example.org"

    def test_a_wrong_password(
        self, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("CANDLE_SPEC_MODAC_PASSWORD", "hunter2-wrong")
        assert run("modac", "login") == 2
        out = capsys.readouterr()
        assert "three wrong passwords in a row lock an account" in out.err
        assert "hunter2" not in out.out + out.err


class TestPublish:
    def test_there_and_back(self, logged_in: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(*PUBLISH, "--create-parents") == 0
        assert Path("uno.tiny.candle.modac-receipt.json").is_file()
        assert run("modac", "download", "PROG/STUDY/uno", "back.candle") == 0
        assert "L0-L5 ok" in capsys.readouterr().out
        digests = [
            checkpoints.read_manifest(Path(name))["weights"]["content_digest"]
            for name in ("uno.tiny.candle", "back.candle")
        ]
        assert digests[0] == digests[1]

    def test_dry_run_sends_nothing(self, here: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
        server.faults.add("error", times=0)
        assert run(*PUBLISH, "--dry-run") == 0
        out = capsys.readouterr().out
        assert "/NCI_DOE_Archive/PROG/STUDY/uno    at 127.0.0.1" in out
        assert "domain 'Drug Response' is unverified" in out
        assert not Path("uno.tiny.candle.modac-receipt.json").exists()

    def test_problems_keep_it_from_being_sent(
        self, here: Path, server: Server, capsys: pytest.CaptureFixture[str]
    ) -> None:
        server.faults.add("error", times=0)
        assert run(*PUBLISH, "--set", "asset_type=model", "--set", "access_group=public") == 1
        out = capsys.readouterr().out
        assert "Invalid metadata value for attribute asset_type: model. Valid values: [Dataset, Model]" in out
        assert "access_group public" in out
        assert run(*PUBLISH, "--set", "access_group=public", "--allow-public", "--dry-run") == 0

    def test_as_json(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(*PUBLISH, "--dry-run", "--json") == 0
        report = json.loads(capsys.readouterr().out)
        assert report["steps"][-1]["path"].endswith("candle-checkpoint.json")
        assert {one["blocking"] for one in report["problems"]} == {False}

    def test_prepared_here_sent_from_there(self, logged_in: Path, server: Server) -> None:
        assert run(*PUBLISH, "--prepare", "ready") == 0
        assert run("publish", "--to", "modac", "--from", "ready", "--create-parents") == 0
        assert run("modac", "get", "PROG/STUDY/uno") == 0

    def test_with_native(self, logged_in: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(*PUBLISH, "--create-parents", "--with-native") == 0
        assert run("modac", "download", "PROG/STUDY/uno/uno.model.tiny", "native.tiny") == 0
        assert Path("native.tiny").read_bytes() == Path("uno.tiny").read_bytes()
        assert run("modac", "download", "PROG/STUDY/uno", "back") == 0

    def test_a_damaged_checkpoint_is_not_sent(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (Path("uno.tiny.candle") / "state.json").write_text("{}")
        assert run(*PUBLISH, "--dry-run") == 2
        assert "the checkpoint has errors" in capsys.readouterr().err
        Path("run/epochs").mkdir(parents=True)
        Path("uno.tiny.candle").rename("run/epochs/001")
        assert run("publish", "run", "--to", "modac", "--record", "record.json", "--dry-run") == 2
        assert "run/epochs/001" in capsys.readouterr().err

    def test_no_record(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("publish", "uno.tiny.candle", "--to", "modac") == 1
        assert "candle-spec describe uno.tiny.candle --for modac asks for it" in capsys.readouterr().out
        assert run("publish", "uno.tiny.candle", "--to", "nowhere") == 2
        assert run("publish", "--to", "modac", "--help") == 0
        assert "--with-original" in capsys.readouterr().out


DESCRIPTION = """
description: Predicts drug response.
extensions:
  https://w3id.org/candle-spec/repositories/modac/1:
    base_path: /NCI_DOE_Archive
    program: {identifier: PROG, name: Rehearsal, description: A program.}
    study: {identifier: STUDY, name: Study, description: A study.}
    access_group: REHEARSAL
    framework: Keras
    domain: Drug Response
    model_platform: CANDLE
"""


class TestMapped:
    def test_a_description_is_enough(self, logged_in: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """What the template makes is what the stand-in takes: no record is written in between."""
        Path("candle-model.yaml").write_text(DESCRIPTION)
        assert run("publish", "uno.tiny.candle", "--to", "modac", "--create-parents") == 0
        receipt = json.loads(Path("uno.tiny.candle.modac-receipt.json").read_bytes())
        assert receipt["state"] == "complete"
        assert run("modac", "download", receipt["asset"], "back.candle") == 0
        assert run("validate", "back.candle") == 0


class TestVerbs:
    def test_register_upload_update_query(self, logged_in: Path, capsys: pytest.CaptureFixture[str]) -> None:
        pairs = [word for name, value in PROGRAM.items() for word in ("--set", f"{name}={value}")]
        assert run("modac", "register", "PROG", *pairs) == 0
        assert run("modac", "register", "PROG", *pairs[:-6]) == 1
        assert "Missing or empty mandatory metadata" in capsys.readouterr().err
        assert run(*PUBLISH, "--create-parents") == 0
        Path("notes.txt").write_text("notes")
        assert run("modac", "upload", "notes.txt", "PROG/STUDY/uno", "--set", "role=notes") == 0
        assert run("modac", "update", "PROG/STUDY/uno/notes.txt", "--set", "role=document") == 0
        assert run("modac", "update", "PROG/STUDY/uno", "--set", "asset_name=Uno 2") == 0
        capsys.readouterr()
        assert run("modac", "get", "PROG/STUDY/uno/notes.txt", "--json") == 0
        assert json.loads(capsys.readouterr().out)["metadata"]["role"] == "document"
        assert run("modac", "query", "asset_type=Model", "asset_name~uno%") == 0
        assert capsys.readouterr().out == f"/{STUDY}/uno  Uno 2\n"
        assert run("modac", "query", "asset_name=None") == 2
        assert run("modac", "query", "role=document", "--files", "--json") == 0
        assert json.loads(capsys.readouterr().out)[0]["path"] == f"/{STUDY}/uno/notes.txt"

    def test_a_refusal_offers_the_values_and_keeps_them(
        self, logged_in: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(*PUBLISH, "--create-parents") == 0
        assert run("modac", "update", "PROG/STUDY/uno", "--set", "is_model_deployed=no") == 1
        err = capsys.readouterr().err
        assert "Valid values: [Yes, No]" in err
        assert "choose one of them: --set is_model_deployed='Yes'" in err
        assert run("modac", "vocabulary", "show", "is_model_deployed") == 0
        assert "closed    Yes | No  (a refusal of the service" in capsys.readouterr().out

    def test_rules_and_vocabulary(self, here: Path, uploader: Caller, capsys: pytest.CaptureFixture[str]) -> None:
        uploader.make_asset()
        assert run("modac", "vocabulary", "update") == 0
        assert "Drug Response (1)" in capsys.readouterr().out
        assert run("modac", "rules", "show", "--json") == 0
        Path("rules.json").write_text(capsys.readouterr().out)
        assert run("modac", "rules", "import", "rules.json") == 0
        assert run("modac", "rules", "show") == 0
        assert "where asset_type=Model" in capsys.readouterr().out

    def test_lost_connections_have_their_own_exit_code(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CANDLE_SPEC_MODAC_URL", "http://127.0.0.1:9")
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        assert run("modac", "get", "PROG") == 3


class TestSettings:
    @pytest.mark.parametrize(
        "url", ["http://modac.cancer.gov", "https://me:secret@modac.cancer.gov", "modac", "ftp://x"]
    )
    def test_addresses_that_are_refused(self, url: str) -> None:
        with pytest.raises(ValueError, match=r"https|address") as refused:
            load_settings(url=url, environ={})
        assert "secret" not in str(refused.value)

    def test_file_environment_option(self, tmp_path: Path) -> None:
        path = tmp_path / "modac.toml"
        path.write_text('url = "https://a.example"\nuser = "a@example.org"\nattempts = 2\n')
        environ = {"CANDLE_SPEC_MODAC_CONFIG": str(path), "CANDLE_SPEC_MODAC_USER": "b@example.org"}
        settings = load_settings(url="https://c.example/", environ=environ)
        assert (settings.url, settings.user, settings.attempts) == ("https://c.example", "b@example.org", 2)
        path.write_text('password = "x"')
        with pytest.raises(ValueError, match="there is no setting password"):
            load_settings(environ=environ)


class TestServe:
    @pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "example.org", "::"])
    def test_this_machine_alone(self, host: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(ValueError, match="this machine alone"):
            loopback(host)

    def test_one_command(self, tmp_path: Path) -> None:
        command = [
            sys.executable,
            "-m",
            "candle_spec",
            "modac",
            "serve",
            "--port",
            "0",
            "--folder",
            str(tmp_path / "s"),
        ]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            lines: list[str] = []
            while "Ctrl-C" not in "".join(lines):
                line = process.stdout.readline()
                assert line, lines
                lines.append(line)
            banner = "".join(lines)
            assert "a test double, not the service" in banner
            url = banner.partition("export CANDLE_SPEC_MODAC_URL=")[2].split()[0]
            assert Caller(url, "reader@example.org").send("GET", "/api/authenticate").status_code == 200
        finally:
            process.terminate()
            process.wait(timeout=20)

    def test_it_remembers(self, config: object, tmp_path: Path) -> None:
        from candle_spec.standin.config import Config

        with running(Config(tmp_path / "s")) as first:
            Caller(first.url, "uploader@example.org").make_program_and_study()
        with running(Config(tmp_path / "s")) as second:
            assert Caller(second.url).send("GET", f"/api/collection/{STUDY}").status_code == 200
