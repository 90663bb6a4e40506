"""The script that changes the client's rules in turn works: it kills what a test notices, and tells what none does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_few_mutants_are_killed() -> None:
    command = [sys.executable, "-m", "tools.rule_mutants", "--only", "segment_fault", "--jobs", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = re.fullmatch(r"(\d+) mutants, (\d+) killed", done.stdout.strip())
    assert found, done.stdout + done.stderr
    assert found[1] == found[2]
    assert int(found[1]) > 3


def test_a_mutant_that_no_test_looks_at_survives() -> None:
    code = "from tools import rule_mutants as r; print(r.survives(next(iter(r.mutants())), lambda first: []))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr
