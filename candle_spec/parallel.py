"""How many threads may run: what the machine's rules leave us, and two unless the user asks for more."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

DEFAULT_JOBS: Final = 2
"""A login node is shared: more threads only when asked for."""

_BEHIND: Final = 15
"""Niceness of what may wait: a training gets nearly all of a processor that both want."""

_MEMBERSHIP: Final = Path("/proc/self/cgroup")
_GROUPS: Final = Path("/sys/fs/cgroup")


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
    """Processors granted by the control groups that this process is in, of version 2 and of version 1."""
    granted = [found for group in _control_groups() if (found := _granted(group)) is not None]
    return min(granted, default=_affinity())


def _control_groups() -> Iterator[Path]:
    """Yield the folders of our control groups and of those around them: each of them limits us.

    https://man7.org/linux/man-pages/man7/cgroups.7.html, "/proc/pid/cgroup". In a container the path may be that of
    the machine outside, which is not there; the root of what is there is then ours.
    """
    try:
        lines = _MEMBERSHIP.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = _GROUPS / controllers
        inner = root / path.lstrip("/")
        yield from (group for group in (inner, *inner.parents) if group.is_relative_to(root))


def _granted(group: Path) -> int | None:
    """Processors that one control group grants, ``None`` for no limit.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu (``cpu.max``) and, of version 1,
    https://docs.kernel.org/scheduler/sched-bwc.html (a quota of -1 is none).
    """
    try:
        if (group / "cpu.max").is_file():
            quota, period = (group / "cpu.max").read_text(encoding="ascii").split()[:2]
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period"))
        return max(1, int(quota) // int(period)) if quota != "max" and int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):  # no such group here, or one of another kind: nothing limits us
        return None
