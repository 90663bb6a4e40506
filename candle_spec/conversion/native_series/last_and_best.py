"""``last`` and ``best`` of a converted series: as the native folder says, else as its metrics do."""

from __future__ import annotations

import filecmp
import re
from pathlib import Path
from typing import Any, Final

from candle_spec.conversion.contract import Native
from candle_spec.conversion.convert import Options
from candle_spec.conversion.native_series.member_reader import position, read_member
from candle_spec.conversion.native_series.members import Member, NativeSeries
from candle_spec.conversion.native_series.rows import ConvertedSeries, Row
from candle_spec.errors import CandleSpecError
from candle_spec.series.policy.best import best, direction
from candle_spec.series.series import Series

_BEST_PATH: Final = "best_model_path"
_USUAL: Final = ("val_loss", "eval_loss")


def look_inside(found: NativeSeries, native: Native) -> None:
    """Take from Lightning's callback what the newest checkpoint calls the best one: a name, compared, never opened."""
    named = _value(native.state, _BEST_PATH)
    if isinstance(named, str) and named:
        last = re.split(r"[/\\]", named)[-1]
        found.best = next((m.name for m in found.members if m.path.name == last), found.best)


def _value(tree: Any, key: str) -> Any:
    """Return the first value of a key in a state tree."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            for pair in node.get("$dict", ()):
                if pair[0] == key:
                    return pair[1]
                waiting.append(pair[1])
        elif isinstance(node, list):
            waiting += node
    return None


def point(series: Series, made: ConvertedSeries, options: Options) -> None:
    """Set ``last`` and ``best``."""
    rows = {row.member.name: row for row in made.rows if row.saved is not None}
    for role, path in made.found.also:
        _resolve(made.found, role, path, options)
    if not rows:
        return
    last = rows.get(made.found.last) or list(rows.values())[-1]
    made.last = last.folder
    series.set_last(last.folder)
    made.best, made.why_best = _best(series, made, rows)
    if made.best:
        series.set_best(made.best)


def _resolve(found: NativeSeries, role: str, path: Path, options: Options) -> None:
    """A file called last or best is a copy of a numbered one, or of its moment, or it is left out, and that is said."""
    same = [m for m in found.members if m.path.is_file() and filecmp.cmp(m.path, path, shallow=False)]
    same = same or _of_its_moment(found, path, options)
    if not same:
        found.passed_over.append((path.name, "none of the numbered files is the same: convert it by itself"))
    elif not getattr(found, role):
        setattr(found, role, same[0].name)


def _of_its_moment(found: NativeSeries, path: Path, options: Options) -> list[Member]:
    """Return the members whose own content names the same epoch and step as that of a file."""
    moment = _moment(found, Member(path.name, path), options)
    return [] if None in moment else [m for m in found.members if _moment(found, m, options) == moment]


def _moment(found: NativeSeries, member: Member, options: Options) -> tuple[Any, Any]:
    try:
        native = read_member(found, member, options)
    except CandleSpecError:  # what cannot be read is told where it is converted
        return None, None
    with native.resources:
        inside = position(native)
        return inside.get("epoch"), inside.get("step")


def _best(series: Series, made: ConvertedSeries, rows: dict[str, Row]) -> tuple[str, str]:
    found = made.found
    if found.best in rows:
        return rows[found.best].folder, "the native folder says so"
    entries = [entry for entry in series.entries() if entry.complete]
    common = set.intersection(*(set(entry.metrics) for entry in entries))
    for metric in (found.metric, *_USUAL, *(common if len(common) == 1 else ())):
        if metric in common and direction(metric):
            winner = best(entries, metric)
            if winner is not None:
                return winner.name, f"by {metric}"
    return "", "nothing says which is best; candle-spec series best --set does"
