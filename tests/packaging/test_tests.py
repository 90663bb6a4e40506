"""The tests keep a house of their own: they mirror the rooms, share helpers, and most of them need no framework."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools import quick, selection

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
HELPERS = ("helpers", "fuzz", "conformance", "kept")
"""Folders whose files are no tests: what tests share, and programs that also run by themselves."""
KEPT = "kept"
"""What older versions wrote: data, code that a checkpoint holds included."""
MODULES = sorted(
    path.relative_to(ROOT).as_posix() for path in TESTS.rglob("*.py") if path.relative_to(TESTS).parts[0] != KEPT
)


@pytest.mark.parametrize("name", MODULES)
def test_no_module_imports_a_test_module(name: str) -> None:
    module = selection.read(ROOT / name)
    imported = module.loaded.union(*(piece.modules for piece in module.pieces.values()))
    found = {
        dotted
        for dotted in imported
        if dotted.startswith("tests.") and any(part.startswith("test_") for part in dotted.split(".")[1:-1])
    }
    assert not found, f"what tests share belongs into tests/helpers: {found}"


def test_what_is_no_test_is_a_helper() -> None:
    for name in MODULES:
        path = Path(name)
        if path.name.startswith("test_") or path.name in ("conftest.py", "__init__.py"):
            continue
        is_native = path.name == "natives.py" and path.parent.parent == Path("tests/converters")  # files to be fuzzed
        assert is_native or path.parts[1] in HELPERS, f"{name} belongs into tests/helpers"


def test_nothing_is_loose_at_the_top() -> None:
    assert {path.name for path in TESTS.glob("*.py")} == {"__init__.py", "conftest.py"}


def test_every_room_has_a_folder() -> None:
    rooms = {path.parent.name for path in (ROOT / "candle_spec").glob("*/__init__.py")} - {"schemas"}
    assert len(rooms) > 15
    assert {room for room in rooms if not list((TESTS / room).glob("**/test_*.py"))} == set()


def test_most_tests_need_no_framework() -> None:
    """So ``make quick`` proves most of it: functions are counted, not what their parameters multiply them to."""
    counted = quick.reasons()
    assert counted.total() > 1_600
    assert quick.share(counted) >= quick.LEAST_SHARE, counted


def test_every_test_is_counted() -> None:
    """A name that the reader of the tests overlooked would be neither quick nor left out."""
    for path in selection.test_modules():
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        written = [node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        assert len(selection.read(path).tests()) == len(written), path
