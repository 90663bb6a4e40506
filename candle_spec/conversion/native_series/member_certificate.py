"""The certificate of one native checkpoint that becomes one of a series."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from candle_spec.checkpoint.folder_writer import FolderWriter
from candle_spec.conversion.certificate import certify, compare_checksums, complete, prove_originals, start_checks
from candle_spec.conversion.contract import Native
from candle_spec.problems import Problem
from candle_spec.weights.shards import GroupPlan


@dataclass(slots=True)
class Certifier:
    """Called by a save (``Certify`` of :mod:`candle_spec.series.store`) when the weights are written.

    The extents of the native file name the weights files of this checkpoint, shared ones like others: a tensor that
    does not change costs nothing in any of the originals, which only add what is no tensor.

    Attributes:
        native: What was read.
        pool: Threads.
        without_original: Leave out what brings the native file back byte for byte.
        warnings: Checksums inside the native file that do not fit.
        residue: Bytes that the original adds.
    """

    native: Native
    pool: ThreadPoolExecutor
    without_original: bool = False
    warnings: list[Problem] = field(default_factory=list)
    residue: int = 0

    def __call__(self, writer: FolderWriter, plans: Sequence[GroupPlan]) -> dict[str, Any]:
        """Write residue and extents, prove them, and return the certificate."""
        made = certify(self.native, plans, writer, without_original=self.without_original)
        proofs = prove_originals(made, writer.path, self.pool)
        self.warnings = compare_checksums(self.native, start_checks(self.native, self.pool))
        complete(made, proofs, plans, writer)
        self.residue = sum(record.size for record in writer.records if record.role == "residue")
        return made.to_json()
