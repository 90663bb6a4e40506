"""Weights that are too large for one upload: refused with the command, or sent as a copy that fits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.conversion.convert import convert
from candle_spec.digests import digest_file
from candle_spec.errors import OutputExistsError
from candle_spec.modac.oversize import ROOM, fitting_copies, largest_file, reshard_command
from candle_spec.modac.settings import Settings
from candle_spec.standin.config import DEMO_PASSWORD
from candle_spec.standin.server import Server
from tests.helpers import checkpoints
from tests.helpers.calls import run
from tests.helpers.services.modac_records import write_record

LIMIT = ROOM + 12_000
LARGE = [(f"layer{n}", "F32", [2048]) for n in range(6)]
PUBLISH = ("publish", "uno.tiny.candle", "--to", "modac", "--record", "record.json")


@pytest.fixture
def here(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a checkpoint that is too large for the settings, which know the stand-in."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"URL": server.url, "USER": "uploader@example.org", "PASSWORD": DEMO_PASSWORD}.items():
        monkeypatch.setenv(f"CANDLE_SPEC_MODAC_{name}", value)
    monkeypatch.setenv("CANDLE_SPEC_MODAC_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("CANDLE_SPEC_MODAC_CONFIG", str(tmp_path / "modac.toml"))
    Path("modac.toml").write_text(f"request_limit = {LIMIT}\n")
    write_record(tmp_path / "record.json")
    _convert("uno.tiny", LARGE)
    return tmp_path


def _convert(name: str, rows: list[tuple[str, str, list[int]]]) -> Path:
    native = checkpoints.Tiny(rows).write(Path(name))
    with checkpoints.only_tiny():
        return convert(native).path


def _content(folder: str | Path) -> str:
    return str(checkpoints.read_manifest(Path(folder))["weights"]["content_digest"])


def test_the_refusal_names_the_command_and_the_command_works(
    here: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.faults.add("error", times=0)
    assert run(*PUBLISH) == 1
    out = capsys.readouterr().out
    command = f"candle-spec reshard {here}/uno.tiny.candle {here}/uno.tiny.candle.resharded --shard-size 12000B"
    assert f"add --reshard, or make a copy that fits: {command}" in out
    assert run(*command.split()[1:]) == 0
    server.faults.clear()
    assert run("publish", "uno.tiny.candle.resharded", *PUBLISH[2:], "--create-parents") == 0


def test_reshard_publishes_a_copy_that_stays(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*PUBLISH, "--create-parents", "--reshard") == 0
    assert "re-sharded copy: uno.tiny.candle.resharded" in capsys.readouterr().out
    copy = Path("uno.tiny.candle.resharded")
    receipt = json.loads(Path("uno.tiny.candle.modac-receipt.json").read_bytes())
    assert receipt["state"] == "complete"
    assert max(row["size"] for row in receipt["files"]) <= 12_000
    (about,) = receipt["checkpoints"]
    assert (about["folder"], about["content_digest"]) == (copy.name, _content("uno.tiny.candle"))
    assert about["local_manifest"] == digest_file(copy / MANIFEST)
    before = (copy / MANIFEST).stat()
    assert run(*PUBLISH, "--reshard") == 0
    assert (copy / MANIFEST).stat() == before, "the second run goes on with the copy"
    assert run("modac", "download", "PROG/STUDY/uno", "back") == 0
    assert _content("back") == _content("uno.tiny.candle")
    assert len(list(Path("back").glob("model-*.safetensors"))) == 6


def test_prepared_with_a_copy(here: Path) -> None:
    assert run(*PUBLISH, "--reshard", "--prepare", "ready") == 0
    assert max(path.stat().st_size for path in Path("ready/files").iterdir()) <= largest_file(_settings())
    assert run("publish", "--to", "modac", "--from", "ready", "--create-parents") == 0
    assert run("modac", "download", "PROG/STUDY/uno", "back") == 0
    assert _content("back") == _content("uno.tiny.candle")


def test_nothing_is_copied_that_fits(here: Path) -> None:
    Path("modac.toml").write_text("")
    assert run(*PUBLISH, "--reshard", "--dry-run") == 0
    assert not Path("uno.tiny.candle.resharded").exists()


@pytest.mark.slow
def test_a_series_with_one_large_epoch(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, rows in (("001", checkpoints.Tiny().tensors), ("002", LARGE)):
        folder = _convert(f"e{number}.tiny", rows)
        Path("run/epochs").mkdir(parents=True, exist_ok=True)
        folder.rename(f"run/epochs/{number}")
    Path("run/last").symlink_to("epochs/002")
    series = ("publish", "run", *PUBLISH[2:])
    assert run(*series, "--dry-run") == 1
    assert "more than one upload takes: add --reshard\n" in capsys.readouterr().out
    assert run(*series, "--create-parents", "--reshard") == 0
    assert [path.name for path in Path("run.resharded").iterdir()] == ["002"]
    assert run("modac", "download", "PROG/STUDY/uno", "back") == 0
    for number in ("001", "002"):
        assert _content(f"back/epochs/{number}") == _content(f"run/epochs/{number}")
    assert len(list(Path("back/epochs/002").glob("model-*.safetensors"))) == 6
    receipt = json.loads(Path("run.modac-receipt.json").read_bytes())
    assert [(one["path"], one["folder"]) for one in receipt["checkpoints"]] == [
        ("epochs/001", "001"),
        ("epochs/002", "002"),
    ]


def _settings() -> Settings:
    return replace(Settings(), request_limit=LIMIT)


@pytest.mark.parametrize("change", ["description", "model"])
def test_a_copy_of_something_else_is_not_sent(here: Path, change: str) -> None:
    source = Path("uno.tiny.candle")
    copies = fitting_copies(source, _settings())
    assert fitting_copies(source, _settings()) == copies
    manifest = checkpoints.read_manifest(source)
    if change == "model":
        manifest["weights"]["content_digest"] = "sha256:" + "0" * 64
    else:
        manifest["description"] = "Another text."
    checkpoints.write_manifest(source, manifest)
    with pytest.raises(OutputExistsError, match="something else stands where"):
        fitting_copies(source, _settings())


def test_a_tensor_that_fits_into_no_upload(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("modac.toml").write_text(f"request_limit = {ROOM + 8_200}\n")
    assert run(*PUBLISH, "--reshard") == 1
    assert "alone takes a file of" in capsys.readouterr().err


def test_what_is_no_weights_file_cannot_be_cut(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("modac.toml").write_text(f"request_limit = {ROOM + 100}\n")
    assert run(*PUBLISH, "--dry-run") == 1
    assert "state.json: " in (out := capsys.readouterr().out)
    assert "it is no weights file, so it cannot be cut" in out


def test_the_size_in_the_command_is_readable() -> None:
    assert reshard_command(Path("m"), Settings()) == "candle-spec reshard m m.resharded --shard-size 1999MiB"
