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
    """Return the finding that an error speaks of.

    Args:
        error: The error.
        file: The file that it speaks of; by default the one that its location names, relative to the checkpoint.
        default: The code where it names none, or one of another level: a finding counts where it was made.
    """
    code = error.code if error.code in catalogue() and error.code[:4] == default[:4] else default
    named, line, column = _place(error.location)
    found = problem(code, error.message, Location(file=file or named, line=line, column=column))
    return replace(found, hint=error.hint) if error.hint else found


def cited(found: Problem) -> Problem:
    """Return a finding of the schema check with the requirement (and hint, if it has none) of the catalogue."""
    check = catalogue().get(found.code)
    if check is None:
        return found
    return replace(found, requirement=check.requirement, hint=found.hint or check.hint)


def _place(location: str) -> tuple[str, int | None, int | None]:
    """File, line and column of a location like ``state.json:3:7``; no file for one outside the checkpoint."""
    file, line, column = ["", *location.rsplit(":", 2)][-3:] if location.count(":") >= 2 else ("", "", "")
    if not (line.isdigit() and column.isdigit()):
        return ("" if location.startswith("/") else location), None, None
    return ("" if file.startswith("/") else file), int(line), int(column)
