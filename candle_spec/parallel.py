"""How many threads may run: what the machine's rules leave us, and two unless the user asks for more."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Final

DEFAULT_JOBS: Final = 2
"""A login node is shared: more threads only when asked for."""

_BEHIND: Final = 15
"""Niceness of what may wait: a training gets nearly all of a processor that both want."""

_CGROUP_V2: Final = Path("/sys/fs/cgroup/cpu.max")


def jobs(asked: int | None = None) -> int:
    """Return the number of threads to use.

    Args:
        asked: What the user asked for; ``None`` for the default.

    Returns:
        At least 1; never more than the processor affinity and the control group's quota allow.
    """
    allowed = min(_affinity(), _quota())
    return max(1, min(asked if asked is not None else DEFAULT_JOBS, allowed))


def stand_back() -> None:
    """Let this thread, and those that it starts, run where nobody else wants the processor; Linux alone can.

    There a thread has a priority of its own (https://man7.org/linux/man-pages/man2/setpriority.2.html, "Notes").
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _BEHIND)


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota() -> int:
    """Processors granted by the control group (https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu)."""
    try:
        quota, period = _CGROUP_V2.read_text(encoding="ascii").split()[:2]
    except (OSError, ValueError):  # no control group, or one of another kind: nothing limits us
        return _affinity()
    return _affinity() if quota == "max" else max(1, int(quota) // int(period))
