"""Proof 1 below Python: the process ends before any call of the C library that changes the series, on a real disk.

What no wrapper of Python sees is counted, too: clean-up, the lock, the threads. Where there is no C compiler or no
``LD_PRELOAD``, the proof through the package's own file system interface, ``tests/series/test_killed.py``, stands
alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.series import operations
from tests.helpers.series.states import check_sound, open_series, state
from tools import dying

ROOT = Path(__file__).parents[2]
STEP = int(os.environ.get("CANDLE_SPEC_KILL_STEP", "5"))
"""Every so many calls are tried; 1 in the nightly run."""

PROGRAM = """
import sys
from tests.helpers.series.operations import OPERATIONS
from tests.helpers.series.states import settings
from candle_spec.series.series import Series
folder, name = sys.argv[1:]
operation = next(each for each in OPERATIONS if each.name == name)
with Series.create_or_open(folder, settings=settings(jobs=2)) as series:
    operation.run(series)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dying.build(tmp_path_factory.mktemp("shim"))


def run(shim: Path, folder: Path, name: str, at: int, count: Path) -> int:
    variables = {**os.environ, **dying.variables(shim, folder, at, count), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", PROGRAM, str(folder), name]
    return subprocess.run(command, cwd=ROOT, env=variables, check=False).returncode


@pytest.mark.slow
@pytest.mark.skipif(not dying.is_possible(), reason="needs gcc and LD_PRELOAD")
@pytest.mark.parametrize("name", ["save", "redo", "prune"])
def test_ended_at_every_call(shim: Path, tmp_path: Path, name: str) -> None:
    operation = next(each for each in operations.OPERATIONS if each.name == name)
    operations.start(tmp_path / "start")
    operations.copy(tmp_path / "start", tmp_path / "whole")
    count = tmp_path / "count"
    assert run(shim, tmp_path / "whole", name, 1_000_000, count) == 0
    total = int(count.read_text())
    assert total > 5
    for call in range(1, total + 1, STEP):
        folder = tmp_path / str(call)
        operations.copy(tmp_path / "start", folder)
        assert run(shim, folder, name, call, count) == dying.CODE
        with open_series(folder) as series:
            operations.check_interrupted(series, operation)
            operations.check_clean(folder)
            series.save(state(5))
            assert check_sound(series)[5] == 0
        shutil.rmtree(folder)
