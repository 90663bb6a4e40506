"""Let a program die before its n-th change of the file system, below Python; Linux, with a C compiler."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("dying.c")
CODE = 137
"""The exit code of a program that died: a shell's for SIGKILL."""


def is_possible() -> bool:
    """Return whether this system can do so."""
    return sys.platform == "linux" and shutil.which("gcc") is not None


def build(folder: Path) -> Path:
    """Compile what ``LD_PRELOAD`` names."""
    library = folder / "dying.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


def variables(library: Path, below: Path, at: int, count: Path) -> dict[str, str]:
    """Return the environment of a program that dies.

    Args:
        library: What :func:`build` made.
        below: The folder whose changes count.
        at: Number of the change before which it dies, from 1; a program with fewer runs to its end.
        count: File to which the number of changes is written at the end.
    """
    return {**preloaded(library), "DIE_BELOW": str(below), "DIE_AT": str(at), "DIE_COUNT": str(count)}


def preloaded(library: Path) -> dict[str, str]:
    """Return the environment of a program that calls :func:`arm` itself."""
    return {"LD_PRELOAD": str(library)}


def arm(below: Path, at: int) -> None:
    """Let this process, started with :func:`preloaded`, die; see :func:`variables`."""
    os.environ["DIE_AT"] = str(at)
    os.environ["DIE_BELOW"] = str(below)


def calls() -> int:
    """Return how many changes this process, started with :func:`preloaded`, has made since it was armed."""
    return int(ctypes.CDLL(os.environ["LD_PRELOAD"]).dying_calls())
