"""Reports as JSON, in the form of ``schemas/report``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from candle_spec._version import __version__
from candle_spec.canonical import pretty
from candle_spec.checkpoint.manifest_file import SCHEMA_VERSION
from candle_spec.manifest.collection import schema_id
from candle_spec.problems import Level, LevelResult, Problem, Report
from candle_spec.validation.reporters import Style

_LONGEST: Final = 10_000
"""Letters of a text in a report; a key in a damaged file may be as long as the file."""


def render(reports: Sequence[Report], _: Style) -> str:
    """Return the JSON text of reports."""
    return pretty(document(reports)).decode("utf-8").rstrip("\n")


def document(reports: Sequence[Report]) -> dict[str, Any]:
    """Return reports as the document that ``schemas/report`` describes."""
    return {
        "$schema": schema_id("report"),
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "candle-spec", "version": __version__},
        "reports": [_report(report) for report in reports],
    }


def _report(report: Report) -> dict[str, Any]:
    return {
        "path": _unicode(report.path),
        "ok": report.ok,
        "levels": [_level(result) for result in report.levels],
        "problems": [_problem(found) for found in report.problems],
    }


def _level(result: LevelResult) -> dict[str, Any]:
    about: dict[str, Any] = {"level": Level(result.level).label, "state": str(result.state)}
    if result.reason:
        about["reason"] = result.reason
    if result.checked:
        about["checked"] = result.checked
    return about


def _problem(found: Problem) -> dict[str, Any]:
    place = found.location
    where = {name: getattr(place, name) for name in ("file", "pointer", "line", "column", "tensor")}
    about: dict[str, Any] = {"code": found.code, "severity": str(found.severity), "message": _unicode(found.message)}
    about["location"] = {name: _unicode(value) for name, value in where.items() if value not in ("", None)}
    if found.hint:
        about["hint"] = _unicode(found.hint)
    if found.requirement:
        about["requirement"] = found.requirement
    return about


def _unicode(value: Any) -> Any:
    """Return a text with what is not Unicode (names of files may be any bytes) written as escapes."""
    if not isinstance(value, str):
        return value
    return value[:_LONGEST].encode("utf-8", "backslashreplace").decode("utf-8")[:_LONGEST]
