"""``candle-spec migrate``: what it prints, and with which exit code it ends."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.validation import validate
from tests.helpers.calls import entries, run
from tests.helpers.checkpoints import read_manifest, write_manifest
from tests.helpers.kept import copied, versions


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_in_place_and_discarded(capsys: pytest.CaptureFixture[str]) -> None:
    copied("plain", Path())
    assert run("validate", "plain") == 1
    assert "candle-spec migrate PATH --in-place" in capsys.readouterr().out
    assert run("migrate", "plain", "--in-place") == 0
    out = capsys.readouterr().out
    assert "plain    1 checkpoint of version 1.0.0-rc.1, 0 B copied" in out
    assert "kept as plain.before-rc.1 (candle-spec migrate plain --discard removes it)" in out
    assert entries() == ["plain", "plain.before-rc.1"]
    assert run("validate", "plain", "-q") == 0
    assert run("migrate", "plain", "--in-place") == 0
    assert capsys.readouterr().out == "plain    of version 1.0.0-rc.1 already: nothing to do\n"
    assert run("migrate", "plain", "--discard") == 0
    assert entries() == ["plain"]
    assert run("migrate", "plain", "--discard") == 2
    assert "nothing is kept" in capsys.readouterr().err


def test_in_place_without_keeping(capsys: pytest.CaptureFixture[str]) -> None:
    copied("series", Path())
    assert run("migrate", "series", "--in-place", "--discard", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert [each["from"] for each in row["checkpoints"]] == ["1.0.0-dev.1"] * 3
    assert row["kept"] is None
    assert row["discarded"].endswith("series.before-rc.1")
    assert entries() == ["series"]
    assert set(versions(Path("series")).values()) == {"1.0.0-rc.1"}


def test_a_dry_run_shows_all_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    old = copied("described", Path())
    before = (old / MANIFEST).read_bytes()
    assert run("migrate", "described", "--dry-run") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].endswith("described: 1.0.0-dev.1 -> 1.0.0-rc.1")
    assert "  renamed  /identifier -> /identifiers" in out
    assert run("migrate", "described", "--dry-run", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    expected = {"kind": "renamed", "old": "/identifier", "new": "/identifiers", "count": 1}
    assert expected in row["checkpoints"][0]["changes"]
    assert (old / MANIFEST).read_bytes() == before
    assert entries() == ["described"]


def test_a_dry_run_of_a_series_takes_no_lock(capsys: pytest.CaptureFixture[str]) -> None:
    copied("series", Path())
    before = sorted(Path().rglob("*"))
    assert run("migrate", "series", "--dry-run") == 0
    assert capsys.readouterr().out.count("1.0.0-dev.1 -> 1.0.0-rc.1") == 3
    assert sorted(Path().rglob("*")) == before


def test_a_folder_with_several(capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("alias", "series", "withheld"):
        copied(kind, Path("models/a"))
    copied("plain", Path("models"))
    write_manifest(Path("models/plain"), read_manifest(Path("models/plain")) | {"invented": 1}, pretty=False)
    assert run("migrate", "models", "-o", "new") == 1
    out = capsys.readouterr().out
    assert "error: " in out
    assert "'invented'" in out or "invented" in out
    assert "withheld from this copy, and as they were: original/0.extents.json, original/0.residue.gz" in out
    assert sorted(os.listdir("new/a")) == ["alias", "series", "withheld"]
    assert os.listdir("new") == ["a"]
    assert all(validate(f"new/a/{kind}").ok for kind in ("alias", "withheld"))
    assert run("migrate", "models", "--in-place", "-q") == 1
    assert capsys.readouterr().out == ""
    assert validate("models/a/alias").ok


@pytest.mark.parametrize(
    "options", [[], ["--in-place", "-o", "new"], ["--dry-run", "--in-place"], ["--discard", "-o", "new"]], ids=" ".join
)
def test_one_has_to_say_where_to(options: list[str]) -> None:
    copied("plain", Path())
    assert run("migrate", "plain", *options) == 2
    assert entries() == ["plain"]


def test_what_cannot_be_migrated(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("migrate", "nothing", "--in-place") == 2
    old = copied("plain", Path())
    write_manifest(old, read_manifest(old) | {"schema_version": "1.0.0-dev.9"}, pretty=False)
    assert run("migrate", "plain", "--in-place") == 2
    assert "1.0.0-dev.9 is not known" in capsys.readouterr().err
    (old / MANIFEST).write_text("{")
    assert run("migrate", "plain", "--in-place") == 1
    assert entries() == ["plain"]


def test_other_commands_say_what_it_is_and_write_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    old = copied("described", Path())
    before = (old / MANIFEST).read_bytes()
    assert run("inspect", "described") == 0
    assert "checkpoint 1.0.0-dev.1" in capsys.readouterr().out
    Path("CITATION.cff").write_text("cff-version: 1.2.0\ntitle: Other\nmessage: m\nauthors: [{name: A}]\n")
    assert run("import-metadata", "--from", "cff", "CITATION.cff", "described", "--yes", "--replace") == 2
    assert "candle-spec migrate" in capsys.readouterr().err
    assert run("seal", "described") != 0
    assert (old / MANIFEST).read_bytes() == before
