"""Run the tests that need no framework, and print what they take: bytes, seconds, and their share of all tests.

    python -m tools.quick [options of pytest]

``make quick`` runs it in an environment of its own, with the wheels that it was made from beside it. Where there is
room in memory, the tests' files are there: to wait for a disk thousands of times is for the run of all tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tools.selection import ROOT, left_out, read, test_modules

MOST_BYTES: Final = 100_000_000
"""Of all wheels that the quick tests need."""
_MEMORY: Final = Path("/dev/shm")
_ROOM: Final = 2_000_000_000
LEAST_SHARE: Final = 0.6
"""Of the test functions; a function counts once, whatever its parameters are."""


def reasons() -> Counter[str]:
    """Count the test functions: the quick ones as ``quick``, others by what they need."""
    return Counter(left_out(path, name) or "quick" for path in test_modules() for name in read(path).tests())


def share(counted: Counter[str]) -> float:
    """Return the share of the quick ones."""
    return counted["quick"] / counted.total()


def size(folder: Path) -> int:
    """Return the bytes of all files in a folder, those that Python compiled apart."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")


@contextmanager
def scratch() -> Iterator[dict[str, str]]:
    """Give the environment of the tests, whose temporary files are in memory if there is such a place."""
    if "TMPDIR" in os.environ or not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _ROOM:
        yield dict(os.environ)
        return
    with tempfile.TemporaryDirectory(prefix="quick-", dir=_MEMORY, ignore_cleanup_errors=True) as folder:
        yield os.environ | {"TMPDIR": folder}


def main() -> int:
    """Run and print; the exit code is that of pytest, or 1 where the wheels are too large."""
    wheels = size(Path(sys.prefix) / "wheels")
    installed = size(Path(sys.prefix) / "lib")
    started = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "--quick", *sys.argv[1:]]
    with scratch() as environment:
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    seconds = time.perf_counter() - started
    counted = reasons()
    print(f"quick: {seconds:.1f} s; {counted['quick']} of {counted.total()} test functions ({share(counted):.1%})")
    print(f"wheels: {wheels / 1e6:.1f} MB, installed {installed / 1e6:.0f} MB")
    print("left out: " + ", ".join(f"{count} {why}" for why, count in counted.most_common() if why != "quick"))
    if wheels > MOST_BYTES:
        print(f"the wheels have more than {MOST_BYTES / 1e6:.0f} MB")
        return done.returncode or 1
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
