"""Call the command line: in this process, or as a real one in a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from candle_spec.cli import main

ROOT = Path(__file__).parents[2]


def run(*words: Any) -> int:
    """Run a command in this process and return its exit code."""
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    assert isinstance(left.value.code, int)
    return left.value.code


def entries() -> list[str]:
    """Everything in the current folder, hidden files too."""
    return sorted(os.listdir())


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line; ``candle-spec`` in it is a real process that knows the native format of these tests."""
    (Path.cwd() / "start.py").write_text(
        "import sys\n"
        "from candle_spec.cli import main\n"
        "from tests.helpers import checkpoints\n"
        "with checkpoints.only_tiny():\n"
        "    main(sys.argv[1:])\n"
    )
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    line = command.replace("candle-spec", f"{sys.executable} start.py")
    return subprocess.run(["bash", "-c", line], env=variables, capture_output=True, text=True, check=False)
