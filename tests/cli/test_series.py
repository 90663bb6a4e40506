"""``candle-spec series``: what its verbs print and leave, and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.calls import run
from tests.helpers.series.operations import damage
from tests.helpers.series.states import check_sound, open_series, state


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with open_series(tmp_path / "ckpts") as series:
        for epoch in range(1, 6):
            series.save(state(epoch), best=epoch == 2)
    return tmp_path / "ckpts"


def said(capsys: pytest.CaptureFixture[str], *words: Any, code: int = 0) -> str:
    assert run("series", *words) == code
    return capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], *words: Any, code: int = 0) -> Any:
    return json.loads(said(capsys, *words, "--json", code=code))


def test_ls(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "ls", folder).splitlines()
    assert lines[0].split() == ["epoch", "step", "val_loss", "size", "unique"]
    assert [line.split()[0] for line in lines[1:-1]] == ["001", "002", "003", "004", "005"]
    assert lines[2].endswith("best")
    assert lines[5].endswith("last")
    assert lines[6].startswith("5 checkpoints, ")
    rows = told(capsys, "ls", folder)["checkpoints"]
    assert [row["flags"] for row in rows] == [[], ["best"], [], [], ["last"]]


def test_one_checkpoint(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "val_loss       0.25" in said(capsys, "show", folder, 3)
    assert told(capsys, "show", folder)["lineage"]["attempt"] == 1
    assert said(capsys, "path", folder, 4) == f"{folder}/epochs/004\n"
    assert said(capsys, "best", folder) == f"{folder}/epochs/002\n"
    assert said(capsys, "last", folder) == f"{folder}/epochs/005\n"
    assert run("series", "path", folder, 9) == 2
    assert run("series", "ls", folder.parent) == 2


def test_marks_and_roll_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "tag", folder, 3, "published") == {"tags": {"published": "003"}}
    assert said(capsys, "path", folder, "published").endswith("/003\n")
    assert said(capsys, "pin", folder, 1) == "pinned: 001\n"
    assert said(capsys, "last", folder, "--set", 4) == f"{folder}/epochs/004\n"
    assert said(capsys, "best", folder, "--set", "published") == f"{folder}/epochs/003\n"
    assert said(capsys, "pin", folder, 1, "--off") == "pinned: none\n"
    assert said(capsys, "tag", folder, "--delete", "published") == "no tags\n"
    assert run("series", "tag", folder, 3) == 2


def test_prune(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = told(capsys, "prune", folder, "--keep-limit", 2, "--dry-run")
    assert (plan["removed"], plan["dry_run"]) == (["001", "003"], True)
    assert "2 checkpoints deleted, " in said(capsys, "prune", folder, "--keep-limit", 2)
    with open_series(folder) as series:
        assert check_sound(series) == {2: 0, 4: 0, 5: 0}


def test_verify_and_repair(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "verify", folder) == "5 checkpoints, all sound\n"
    damage(folder / "epochs/004/optimizer.safetensors")
    assert "1 damaged" in said(capsys, "verify", folder, code=1)
    assert told(capsys, "verify", folder, 4, code=1)["faults"][0]["file"] == "optimizer.safetensors"
    assert said(capsys, "verify", folder, 3) == "1 checkpoint, all sound\n"
    assert told(capsys, "repair", folder, code=1)["repaired"] == {}  # nobody else holds it


def test_copy(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copied = told(capsys, "copy", folder, folder.parent / "copy")
    assert copied["checkpoints"] == 5
    assert copied["shared_bytes"] > 0
    assert said(capsys, "verify", folder.parent / "copy") == "5 checkpoints, all sound\n"
    assert run("series", "copy", folder, folder.parent / "copy") == 2


def test_a_training_gets_a_native_file_made(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    target = folder.parent / "model.pt"
    made = told(capsys, "restore", folder, "best", target)["restored"][0]
    assert made["path"] == str(target)
    assert made["byte_exact"] is False
    assert torch.load(target, weights_only=True)["model"]["head.weight"].shape == (64,)
    assert "exists already" in said(capsys, "restore", folder, "best", target, "--json", code=2)
    assert "a fresh file" in said(capsys, "restore", folder, "best", target, "--overwrite")


def test_every_verb_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    from candle_spec.cli.series import VERBS

    listed = said(capsys, "--help")
    for verb in VERBS:
        assert f"  {verb} " in listed
        assert "Example: candle-spec " in said(capsys, verb, "--help")
