"""Reports as JSON, in the form of ``schemas/report``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from candle_spec._version import __version__
from candle_spec.canonical import pretty
from candle_spec.checkpoint.manifest_file import SCHEMA_VERSION
from candle_spec.manifest.collection import urn
from candle_spec.problems import Level, LevelResult, Problem, Report


def render(reports: Sequence[Report]) -> str:
    """Return the JSON text of reports."""
    return pretty(document(reports)).decode("utf-8").rstrip("\n")


def document(reports: Sequence[Report]) -> dict[str, Any]:
    """Return reports as the document that ``schemas/report`` describes."""
    return {
        "$schema": urn("report"),
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "candle-spec", "version": __version__},
        "reports": [_report(report) for report in reports],
    }


def _report(report: Report) -> dict[str, Any]:
    return {
        "path": report.path,
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
    about: dict[str, Any] = {"code": found.code, "severity": str(found.severity), "message": found.message}
    about["location"] = {name: value for name, value in where.items() if value not in ("", None)}
    if found.hint:
        about["hint"] = found.hint
    if found.requirement:
        about["requirement"] = found.requirement
    return about
