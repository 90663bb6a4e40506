"""The verdict on a checkpoint, in one row: what each level found, and what could not be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from candle_spec.problems import Level, LevelResult, LevelState, Report, Severity
from candle_spec.validation.context import NOT_HERE

UNSIGNED: Final = "unsigned"
SIGNED: Final = "signed by"
"""How the reasons begin for which the level of signatures did not run."""


def verdict(report: Report) -> str:
    """Return the row of a report, for example ``L0-L5 ok · L6 not run: … · L8 unsigned``."""
    parts: list[tuple[str, list[Any]]] = []
    for result in report.levels:
        text = _state_text(result, report)
        if parts and parts[-1][0] == text and result.level < Level.READINESS:
            parts[-1][1].append(result.level)
        elif not (result.level is Level.READINESS and result.state is LevelState.NOT_RUN):
            parts.append((text, [result.level]))
    return " · ".join([*(f"{_span(levels)} {text}" for text, levels in parts), *_left_out(report)])


def _left_out(report: Report) -> Iterator[str]:
    """What could not be looked at, counted: a verdict on a part is never one on the whole."""
    for result in report.levels:
        for what, noun in (("withheld", "file"), ("not fetched", "file"), (NOT_HERE, "tensor")):
            count = result.checked.get(what, 0)
            if count:
                yield f"{count} {noun}{'s' if count != 1 else ''} {what.removeprefix('tensors ')}"


def _span(levels: list[Level]) -> str:
    return levels[0].label if len(levels) == 1 else f"{levels[0].label}-{levels[-1].label}"


def _state_text(result: LevelResult, report: Report) -> str:
    if result.state is LevelState.OK:
        return "ok"
    if result.state is LevelState.FAILED:
        count = sum(1 for p in report.at_level(result.level) if p.severity is Severity.ERROR)
        return f"{count} problem" + ("s" if count != 1 else "")
    if result.level is Level.AUTHENTICITY and result.reason.startswith((UNSIGNED, SIGNED)):
        return result.reason
    return f"not run: {result.reason}"
