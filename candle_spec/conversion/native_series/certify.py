"""The certificate of one native checkpoint that becomes one of a series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from candle_spec.atomic import Fs
from candle_spec.canonical import pretty
from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.manifest_builder import FileRecord
from candle_spec.conversion.certificate import Certificate, Original, certify, compare_checksums, prove_originals
from candle_spec.conversion.contract import Native
from candle_spec.digests import digest_bytes
from candle_spec.problems import Problem
from candle_spec.series.saves.staged import READ_ONLY, Staged
from candle_spec.weights.shards import GroupPlan


@dataclass(slots=True)
class _Place:
    """The private folder of a save, as the certificate wants one."""

    staged: Staged
    fs: Fs
    path: Path

    def create(self, name: str) -> BinaryIO:
        """Create a file; the caller syncs and closes it."""
        return self.fs.open_new(self.staged.place(name), mode=READ_ONLY)


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

    def __call__(
        self, staged: Staged, plans: Sequence[GroupPlan], digests: Mapping[tuple[str, str], str]
    ) -> tuple[Sequence[FileRecord], dict[str, Any]]:
        """Write residue and extents, prove them, and return their records and the certificate."""
        place = _Place(staged, staged.fs, staged.path)
        made = certify(self.native, plans, place, without_original=self.without_original)
        proofs = prove_originals(made, self.native, plans, place, self.pool)
        self.warnings = compare_checksums(self.native, list(self.pool.map(lambda check: check(), self.native.checks)))
        made.native_digests |= {name: future.result() for name, future in proofs.items()}
        made.prove_tensors(plans, digests)
        records = [record for original in made.originals for record in _records(made, original, staged)]
        self.residue = sum(record.size for record in records if record.role == "residue")
        return records, made.to_json()


def _records(certificate: Certificate, original: Original, staged: Staged) -> list[FileRecord]:
    document = original.document(certificate.native_digests[original.native.name])
    data = pretty(document, one_line=manifest_file.ONE_LINE)
    staged.write(original.extents_path, data)
    extents = FileRecord(original.extents_path, len(data), digest_bytes(data), "application/json", "extents")
    return [extents, original.residue_record(staged.path)]
