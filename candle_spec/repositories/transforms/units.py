"""The few units that the quantities of a manifest and of repositories have, as UCUM writes them (https://ucum.org)."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

_UNITS: Final[Mapping[str, tuple[str, Fraction]]] = {
    "g": ("mass", Fraction(1)),
    "kg": ("mass", Fraction(1000)),
    "t": ("mass", Fraction(1_000_000)),
    "J": ("energy", Fraction(1)),
    "MJ": ("energy", Fraction(1_000_000)),
    "W.h": ("energy", Fraction(3600)),
    "kW.h": ("energy", Fraction(3_600_000)),
    "MW.h": ("energy", Fraction(3_600_000_000)),
    "s": ("time", Fraction(1)),
    "min": ("time", Fraction(60)),
    "h": ("time", Fraction(3600)),
    "d": ("time", Fraction(86400)),
    "By": ("data", Fraction(1)),
    "KiBy": ("data", Fraction(1024)),
    "MiBy": ("data", Fraction(1024**2)),
    "GiBy": ("data", Fraction(1024**3)),
    "nm": ("length", Fraction(1, 1_000_000_000)),
    "um": ("length", Fraction(1, 1_000_000)),
    "mm": ("length", Fraction(1, 1000)),
    "m": ("length", Fraction(1)),
}
_ALIASES: Final = {
    "kWh": "kW.h",
    "Wh": "W.h",
    "kgCO2e": "kg",
    "gCO2e": "g",
    "tCO2eq": "t",
    "B": "By",
    "seconds": "s",
    "hours": "h",
}


def convert(value: float, unit: str, to: str) -> float | None:
    """Return a number in another unit, or ``None`` where the units are not known or of different kinds."""
    source, target = _UNITS.get(_ALIASES.get(unit, unit)), _UNITS.get(_ALIASES.get(to, to))
    if source is None or target is None or source[0] != target[0]:
        return None
    return float(Fraction(value) * source[1] / target[1])
