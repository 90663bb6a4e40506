"""Run commands in processes of their own, in alternating rounds; medians of time and peak memory."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Run:
    """Seconds, seconds of processor time and peak resident memory (MB) of one process."""

    seconds: float
    processor: float
    memory: float


@dataclass
class Subject:
    """A command to measure, with what prepares each round."""

    name: str
    command: Sequence[str]
    prepare: Callable[[], None] = lambda: None
    runs: list[Run] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return statistics.median(run.seconds for run in self.runs)

    @property
    def processor(self) -> float:
        """The least of the runs: what others do on the machine only adds to it."""
        return min(run.processor for run in self.runs)

    @property
    def memory(self) -> float:
        return statistics.median(run.memory for run in self.runs)


@dataclass(frozen=True)
class Row:
    """One line of the table: what, measured, against what, their ratio, the budget."""

    what: str
    measured: str
    against: str
    ratio: str
    budget: str
    holds: bool


def alternate(subjects: Sequence[Subject], rounds: int) -> None:
    """Run all subjects in each round, so that all see the same moods of the machine."""
    for _ in range(rounds):
        for subject in subjects:
            subject.prepare()
            os.sync()
            subject.runs.append(_run(subject.command))


def _run(command: Sequence[str]) -> Run:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        message = process.stderr.read().decode() if process.stderr else ""
        raise RuntimeError(f"{' '.join(command)} failed: {message}")
    if process.stderr:
        process.stderr.close()
    process.returncode = 0
    return Run(seconds, usage.ru_utime + usage.ru_stime, _megabytes(usage))


def _megabytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / 1024


def at_most(what: str, subject: Subject, peer: Subject, limit: float) -> Row:
    """A line whose ratio of times must not exceed ``limit``."""
    ratio = statistics.median(a.seconds / b.seconds for a, b in zip(subject.runs, peer.runs, strict=True))
    return Row(
        what,
        f"{subject.seconds:.2f} s",
        f"{peer.name}: {peer.seconds:.2f} s",
        f"{ratio:.2f}x",
        f"≤ {limit}x",
        ratio <= limit,
    )


def faster(what: str, subject: Subject, peer: Subject, least: float) -> Row:
    """A line whose peer must take at least ``least`` times as long."""
    ratio = statistics.median(b.seconds / a.seconds for a, b in zip(subject.runs, peer.runs, strict=True))
    memory = f", {peer.memory:.0f} MB"
    return Row(
        what,
        f"{subject.seconds:.2f} s",
        f"{peer.name}: {peer.seconds:.2f} s{memory}",
        f"{ratio:.1f}x faster",
        f"≥ {least}x",
        ratio >= least,
    )


def passes(what: str, subject: Subject, once: Subject, limit: float) -> Row:
    """A line that counts processor time in passes of ``once`` over the bytes."""
    ratio = subject.processor / once.processor
    return Row(
        f"{what}, processor time",
        f"{subject.processor:.2f} s",
        f"{once.name}: {once.processor:.2f} s",
        f"{ratio:.2f} passes",
        f"≤ {limit}",
        ratio <= limit,
    )


def table(rows: Sequence[Row]) -> str:
    """Return the lines as a table in Markdown."""
    cells = [[r.what, r.measured, r.against, r.ratio, r.budget, "yes" if r.holds else "**no**"] for r in rows]
    return markdown(["what", "measured", "against", "ratio", "budget", "holds"], cells)


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))
