"""The house keeps its order: rooms import leftwards only, every converter has its test."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_rooms_keep_their_order() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_converter_has_a_test() -> None:
    names = [path.stem for path in (ROOT / "converters").glob("*.py") if not path.name.startswith("_")]
    assert names
    for name in names:
        assert (ROOT / "tests" / "converters" / f"test_{name}.py").is_file(), f"no test for the converter {name}"


def test_every_converter_is_held_apart_from_the_others() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (apart,) = [contract["modules"] for contract in contracts if contract["type"] == "independence"]
    names = sorted(path.stem for path in (ROOT / "converters").glob("*.py") if not path.name.startswith("_"))
    assert apart == [f"candle_spec.converters.{name}" for name in names]


def test_only_the_command_line_leaves_the_process() -> None:
    for path in (ROOT / "candle_spec").rglob("*.py"):
        if "cli" not in path.parts:
            assert "sys.exit(" not in path.read_text(encoding="utf-8"), path
