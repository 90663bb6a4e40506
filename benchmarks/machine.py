"""The machine on which a table was made."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def describe() -> str:
    """Return one line: processor, memory, kernel, Python."""
    return (
        f"{len(os.sched_getaffinity(0))} cores of {_field('/proc/cpuinfo', 'model name')}, "
        f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB, {platform.system()} "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}"
    )


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "unknown"
