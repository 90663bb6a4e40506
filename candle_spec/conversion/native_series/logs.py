"""What a training wrote beside its checkpoints: tables of metrics by epoch or step, the Trainer's history."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from candle_spec import limits
from candle_spec.canonical import loads
from candle_spec.conversion.native_series.members import Member
from candle_spec.errors import CandleSpecError

_TABLES: Final = ("*.csv", "training*.log", "history*.log")
_NO_METRICS: Final = ("epoch", "step", "runtime", "per_second", "flos", "time", "date")

UNNAMED: Final = "monitored"
"""A number in a file's name without a word: the metric that the training monitored."""

USUAL: Final = "val_loss"
"""What Keras monitors unless it is told otherwise."""


@dataclass(slots=True)
class Table:
    """Metrics by completed epoch, and by the step that the row names."""

    by_epoch: dict[int, dict[str, float]] = field(default_factory=dict)
    by_step: dict[int, dict[str, float]] = field(default_factory=dict)


def tables(folders: Iterable[Path]) -> Iterator[Table]:
    """Read the tables of metrics that lie directly in some folders: Keras ``CSVLogger``, Lightning ``metrics.csv``."""
    for folder in folders:
        paths = {path for pattern in _TABLES for path in folder.glob(pattern)}
        for path in sorted(paths):
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= limits.SETTINGS_BYTES:
                table = _table(path)
                if table is not None:
                    yield table


def _table(path: Path) -> Table | None:
    """Read one table; both loggers count epochs from 0, and Lightning steps too."""
    text = path.read_bytes().decode("utf-8", "replace")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    epochs = [number for row in rows if (number := _count(row.get("epoch"))) is not None]
    if not epochs:
        return None
    first = 1 if min(epochs) == 0 else 0
    table = Table()
    for row in rows:
        epoch, step = _count(row.get("epoch")), _count(row.get("step"))
        metrics = numbers(row)
        if epoch is not None:
            table.by_epoch.setdefault(epoch + first, {}).update(metrics)
        if step is not None:
            table.by_step.setdefault(step + first, {}).update(metrics)
    return table


def _count(text: Any) -> int | None:
    number = _number(text)
    return int(number) if number is not None and number >= 0 and number.is_integer() else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def numbers(row: Mapping[Any, Any]) -> dict[str, float]:
    """Return the metrics of a row: its numbers, but for clocks and counters."""
    found = {str(name): _number(value) for name, value in row.items() if name is not None}
    return {
        name: value
        for name, value in found.items()
        if value is not None and name and not name.lower().endswith(_NO_METRICS)
    }


def add_metrics(members: Iterable[Member], logs: Iterable[Table], *, counted: bool = True) -> list[Member]:
    """Add what tables say of each member; what its own name says wins.

    Args:
        members: The members.
        logs: The tables.
        counted: Whether a member's epoch is surely a number of completed epochs; else only equal steps are joined.
    """
    found = list(members)
    for table in logs:
        for index, member in enumerate(found):
            row = table.by_step.get(member.step) if member.step is not None else None
            if row is None and counted and member.epoch is not None:
                row = table.by_epoch.get(member.epoch)
            if row is not None:
                found[index] = replace(member, metrics={**row, **member.metrics})
    return _name_the_unnamed(found)


def _name_the_unnamed(members: list[Member]) -> list[Member]:
    """Give a nameless number in the files' names its name: that of the one metric which rounds to it everywhere."""
    shown = [member for member in members if UNNAMED in member.metrics]
    names = [name for name in (shown[0].metrics if shown else ()) if name != UNNAMED]
    same = [name for name in names if all(_is_shown(member.metrics, name) for member in shown)]
    chosen = same[0] if len(same) == 1 else USUAL if USUAL in same else ""
    if not chosen:
        return members
    return [replace(m, metrics={name: value for name, value in m.metrics.items() if name != UNNAMED}) for m in members]


def _is_shown(metrics: Mapping[str, float], name: str) -> bool:
    value, shown = metrics.get(name, math.nan), metrics[UNNAMED]
    digits = len(f"{shown!r}".partition(".")[2])
    # A last digit 0 is not to be seen in a number: one digit more is allowed to be there.
    return math.isfinite(value) and any(round(value, more) == shown for more in (digits, digits + 1, digits + 2))


def read_object(path: Path) -> dict[str, Any]:
    """Read a small JSON object; empty where there is none or it is none."""
    try:
        if path.is_symlink() or path.stat().st_size > limits.SETTINGS_BYTES:
            return {}
        document = loads(path.read_bytes(), location=str(path))
    except (OSError, CandleSpecError):  # metrics are a gain, never a condition
        return {}
    return document if isinstance(document, dict) else {}
