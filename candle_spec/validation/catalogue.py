"""The catalogue of checks: code, severity, requirement and hint are data (``schemas/checks.json``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from candle_spec import resources
from candle_spec.errors import CandleSpecError
from candle_spec.problems import Location, Problem, Severity


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the catalogue."""

    code: str
    severity: Severity
    title: str
    hint: str
    requirement: str


@cache
def catalogue() -> Mapping[str, Check]:
    """Return all checks by code."""
    rows = resources.read_json("checks.json")["checks"]
    return {
        row["code"]: Check(
            row["code"], Severity(row["severity"]), row["title"], row.get("hint", ""), row.get("requirement", "")
        )
        for row in rows
    }


def problem(code: str, message: str, location: Location | None = None, *, hint: str = "") -> Problem:
    """Return a finding of one check, with the severity, requirement and hint of the catalogue."""
    check = catalogue()[code]
    return Problem(code, check.severity, message, location or Location(), hint or check.hint, check.requirement)


def from_error(error: CandleSpecError, file: str, default: str) -> Problem:
    """Return the finding that an error speaks of; ``default`` is the code where it names none."""
    code = error.code if error.code in catalogue() else default
    line, column = _place(error.location)
    found = problem(code, error.message, Location(file=file, line=line, column=column))
    return replace(found, hint=error.hint) if error.hint else found


def cited(found: Problem) -> Problem:
    """Return a finding of the schema check with the requirement (and hint, if it has none) of the catalogue."""
    check = catalogue().get(found.code)
    if check is None:
        return found
    return replace(found, requirement=check.requirement, hint=found.hint or check.hint)


def _place(location: str) -> tuple[int | None, int | None]:
    """Line and column at the end of a location like ``manifest.json:3:7``."""
    *_, line, column = ["", "", *location.split(":")]
    return (int(line), int(column)) if line.isdigit() and column.isdigit() else (None, None)
