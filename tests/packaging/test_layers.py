"""The house keeps its order: rooms import leftwards only, every converter has its test."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tools import house

ROOT = Path(__file__).parents[2]
measure = cache(house.measure)


@pytest.mark.framework
def test_the_rooms_keep_their_order() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


FORMATS = sorted(path.parent.name for path in (ROOT / "converters").glob("[a-z]*/__init__.py"))


def test_every_converter_has_a_test() -> None:
    assert len(FORMATS) > 20
    for name in FORMATS:
        assert (ROOT / "tests" / "converters" / name / f"test_{name}.py").is_file(), f"no test for the converter {name}"


@pytest.mark.parametrize("name", FORMATS)
def test_no_converter_knows_another(name: str) -> None:
    others = {f"candle_spec.converters.{other}" for other in FORMATS if other != name}
    house = measure(ROOT)
    for module, imported in house.imports.items():
        if f"{module}.".startswith((f"candle_spec.converters.{name}.", "candle_spec.converters._shared.")):
            known = {".".join(one.split(".")[:3]) for one in imported}
            assert not known & others, f"{module} imports {known & others}"


def test_no_import_circle_and_no_import_upwards() -> None:
    house = measure(ROOT)
    assert house.circles() == []
    assert house.upwards() == []


def test_no_folder_is_too_full() -> None:
    assert measure(ROOT).full_folders() == []


def test_only_the_command_line_leaves_the_process() -> None:
    for path in (ROOT / "candle_spec").rglob("*.py"):
        if "cli" not in path.parts:
            assert "sys.exit(" not in path.read_text(encoding="utf-8"), path
