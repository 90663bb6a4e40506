"""Reporters make words of reports.

To add one: a file here, named as ``candle-spec validate --format`` shall call it, with a function ``render`` of reports
and a style that returns the text. Nothing else: reporters are found by scanning this package.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from candle_spec.problems import Report

USUAL: Final = "text"


@dataclass(frozen=True, slots=True)
class Style:
    """How a person wants to read a report; what makes reports for programs takes no notice.

    Attributes:
        colour: Whether to use the terminal's colours.
        infos: Whether to show findings that need no action.
    """

    colour: bool = False
    infos: bool = False


def names() -> list[str]:
    """Return the names of all reporters, the usual one first."""
    found = (info.name for info in pkgutil.iter_modules(__path__))
    return sorted(found, key=lambda name: (name != USUAL, name))


def render(name: str, reports: Sequence[Report], style: Style) -> str:
    """Return reports as the reporter of that name words them."""
    text: str = importlib.import_module(f"{__name__}.{name}").render(reports, style)
    return text
