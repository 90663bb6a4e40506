"""What became of the native checkpoints of a series."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from candle_spec.conversion.native_series.members import Member, NativeSeries
from candle_spec.errors import CandleSpecError
from candle_spec.series.saves.save import Saved


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one native checkpoint.

    Attributes:
        member: The native checkpoint.
        folder: Name of its folder in the series; ``""`` where it was refused.
        saved: What the save did.
        residue: Bytes that its original adds.
        error: Why it was refused.
        warnings: What the certificate's checks found.
    """

    member: Member
    folder: str = ""
    saved: Saved | None = None
    residue: int = 0
    error: CandleSpecError | None = None
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class ConvertedSeries:
    """What a conversion made.

    Attributes:
        path: The series.
        found: What was found.
        rows: What became of each native checkpoint, in the order of the training.
        last: Folder that ``last`` names.
        best: Folder that ``best`` names, or ``""``.
        why_best: Why that one, or why none.
    """

    path: Path
    found: NativeSeries
    rows: list[Row] = field(default_factory=list)
    last: str = ""
    best: str = ""
    why_best: str = ""

    @property
    def refused(self) -> list[Row]:
        """Native checkpoints that could not be converted."""
        return [row for row in self.rows if row.error is not None]
