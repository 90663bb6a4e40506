"""Proof 6: of two processes on one folder, the second is refused and told who the first is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from candle_spec.errors import SeriesInUseError
from candle_spec.series.series import Series
from tests.helpers.series.states import check_sound, open_series, state

ROOT = Path(__file__).parents[2]

HOLDS = """
import sys, time
from tests.helpers.series.states import open_series, state
with open_series(sys.argv[1]) as series:
    series.save(state(1))
    print("ready", flush=True)
    sys.stdin.read()
"""

FORKS = """
import os, sys, time
from tests.helpers.series.states import open_series, state
series = open_series(sys.argv[1])
series.save(state(1))
if os.fork() == 0:
    print("ready", flush=True)
    time.sleep(60)
    os._exit(0)
os.kill(os.getpid(), 9)
"""


def start(program: str, folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_the_second_writer_is_refused_and_readers_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "ckpts"
    process = start(HOLDS, folder)
    with pytest.raises(SeriesInUseError, match=f"process {process.pid} on ") as refused:
        open_series(folder)
    assert "ckpt_directory" in refused.value.hint
    assert [entry.epoch for entry in Series.read(folder).entries()] == [1]
    process.communicate("")
    with open_series(folder) as series:
        series.save(state(2))
        assert check_sound(series) == {1: 0, 2: 0}


def test_two_in_one_process_are_refused_too(tmp_path: Path) -> None:
    with open_series(tmp_path / "ckpts") as series:
        with pytest.raises(SeriesInUseError, match=f"process {os.getpid()}"):
            open_series(tmp_path / "ckpts")
        series.save(state(1))
    open_series(tmp_path / "ckpts").close()


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_killed_writer_blocks_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "ckpts"
    process = start(HOLDS, folder)
    process.kill()
    process.communicate()
    with open_series(folder) as series:
        assert check_sound(series) == {1: 0}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_what_a_killed_writer_left_running_blocks_nobody(tmp_path: Path) -> None:
    """A data loader that outlives its trainer holds the inherited lock."""
    folder = tmp_path / "ckpts"
    process = start(FORKS, folder)
    try:
        process.wait()
        with open_series(folder) as series:
            assert check_sound(series) == {1: 0}
            with pytest.raises(SeriesInUseError):
                open_series(folder)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
