"""Reporters make words of reports. To add one: a function ``(reports) -> str`` in a file, and its name here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from candle_spec.problems import Report
from candle_spec.validation.reporters import json_report, text_report

REPORTERS: Final[dict[str, Callable[[Sequence[Report]], str]]] = {
    "text": text_report.render,
    "json": json_report.render,
}
