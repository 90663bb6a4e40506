"""The certificate of a conversion: what was kept, transformed, dropped, and what was proved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from candle_spec.checkpoint.folder_writer import FolderWriter
from candle_spec.checkpoint.manifest_builder import tool
from candle_spec.checkpoint.residue import PackedResidue
from candle_spec.conversion.contract import Native, NativeFile, Part
from candle_spec.conversion.extents import StoredExtent, extents_of
from candle_spec.conversion.splice import Splice, prove, residue_of
from candle_spec.digests import digest_file, digest_file_list
from candle_spec.errors import ProofFailedError
from candle_spec.problems import Problem
from candle_spec.validation.catalogue import problem
from candle_spec.weights.array_digests import digest_sources
from candle_spec.weights.shards import GroupPlan, stored_parts

COST = (
    "The native file was not kept: it cannot be restored byte for byte, what this package did not understand of it "
    "is lost, and predictions of the native file cannot be repeated from it. Its digest is recorded."
)

_RUNS: Final = 64
"""Tasks among which the comparisons of checksums are divided: more than there are threads, so that none waits long."""


@dataclass(slots=True)
class Original:
    """One native file that can come back: its residue and extents in the checkpoint."""

    native: NativeFile
    number: int
    extents: list[StoredExtent]
    residue: PackedResidue

    @property
    def residue_path(self) -> str:
        """Path of the residue."""
        return f"original/{self.number}.residue.gz"

    @property
    def extents_path(self) -> str:
        """Path of the extents."""
        return f"original/{self.number}.extents.json"

    def splice(self, root: Path) -> Splice:
        """Return the virtual native file."""
        return Splice(root, self.residue_path, self.native.size, self.extents)

    def members(self, digest: str) -> dict[str, Any]:
        """Return the members of the extents file for a native file of that digest."""
        return {
            "native": self.native.name,
            "size": self.native.size,
            "digest": digest,
            "residue": {"path": self.residue_path, "size": self.residue.size, "digest": self.residue.digest},
            "extents": [extent.to_json() for extent in self.extents],
        }


@dataclass(slots=True)
class Certificate:
    """The certificate while it is being made."""

    native: Native
    originals: list[Original] = field(default_factory=list)
    native_digests: dict[str, str] = field(default_factory=dict)
    tensors: int = 0
    bytes: int = 0

    def prove_tensors(self, plans: Sequence[GroupPlan], digests: Mapping[tuple[str, str], str]) -> None:
        """Compare every stored array with the native bytes.

        Arrays that an extent covers were compared byte by byte when the native file was spliced; the others are
        read from the native file a second time and their digest compared with that of the written array.

        Raises:
            ProofFailedError: An array differs.
        """
        covered: Counter[tuple[str, str | None]] = Counter()
        for original in self.originals:
            for extent in original.extents:
                covered[extent.file, extent.key] += extent.length
        others = [part for part in stored_parts(plans) if covered[part.file, part.key] != part.part.data.size]
        for part, digest in zip(others, digest_sources(part.part.data for part in others), strict=True):
            if digest != digests[part.file, part.key]:
                raise ProofFailedError(f"the stored array {part.key!r} is not what was read", location=part.file)
        self.bytes = sum(part.part.data.size for part in stored_parts(plans))
        self.tensors = sum(1 for tensor in self.native.tensors if tensor.alias_of is None)

    def to_json(self) -> dict[str, Any]:
        """Return the manifest's ``conversion``."""
        return {
            "tool": tool(),
            "native": self._native(),
            "parts": [_part(part) for part in self.native.parts],
            "proof": {"tensors": self.tensors, "bytes": self.bytes},
            "restore": self._restore(),
        }

    def _native(self) -> dict[str, Any]:
        about = self.native.format
        files = all_files(self.native)
        rows = [(file.name, file.size, self.native_digests[file.name]) for file in files]
        result: dict[str, Any] = {"format": about.id, "variant": about.variant, "title": about.title}
        if about.written:
            result["written"] = about.written
        result["files"] = [{"path": name, "size": size, "digest": digest} for name, size, digest in rows]
        result["digest"] = rows[0][2] if len(rows) == 1 else digest_file_list(rows)
        return result

    def _restore(self) -> dict[str, Any]:
        if not self.originals:
            return {"byte_exact": "not-kept", "cost": COST}
        originals = [
            {
                "native": original.native.name,
                "residue": original.residue_path,
                "extents": original.extents_path,
            }
            for original in self.originals
        ]
        return {"byte_exact": "proven", "originals": originals}


def _part(part: Any) -> dict[str, Any]:
    about = {"what": part.what, "status": part.status}
    for key in ("reason", "count", "size"):
        value = getattr(part, key)
        if value not in ("", None):
            about[key] = value
    return about


def all_files(native: Native) -> list[NativeFile]:
    """Return the native files with a separately named architecture, sorted by name."""
    files = [*native.source.files, *([native.source.topology] if native.source.topology else [])]
    return sorted(files, key=lambda file: file.name.encode())


def certify(native: Native, plans: Sequence[GroupPlan], writer: FolderWriter, *, without_original: bool) -> Certificate:
    """Begin the certificate: write the residue of every native file, unless it is not to be kept."""
    certificate = Certificate(native)
    if native.source.links:
        names = ", ".join(sorted(native.source.links)[:5])
        native.parts.append(Part("links", "dropped", f"not followed, not restored: {names}", len(native.source.links)))
    if without_original:
        return certificate
    sides = [*native.payload, *native.side_files]
    whole_files = {side.path: side.data for side in sides if not isinstance(side.data, bytes)}
    for number, file in enumerate(all_files(native)):
        extents = extents_of(file.path, plans, whole_files)
        original = Original(file, number, extents, residue_of(file.path, file.size, extents))
        writer.own(original.residue_path, original.residue, "application/gzip", "residue")
        certificate.originals.append(original)
    return certificate


def prove_originals(certificate: Certificate, folder: Path, pool: ThreadPoolExecutor) -> dict[str, Future[str]]:
    """Start the proof of every native file: its spliced bytes against the real ones; the results are its digest."""
    if certificate.originals:
        return {
            original.native.name: pool.submit(prove, original.native.path, original.splice(folder))
            for original in certificate.originals
        }
    return {file.name: pool.submit(digest_file, file.path) for file in all_files(certificate.native)}


def complete(
    certificate: Certificate, proofs: Mapping[str, Future[str]], plans: Sequence[GroupPlan], writer: FolderWriter
) -> None:
    """Wait for the proofs of the native files, prove the tensors, and write the extents."""
    certificate.native_digests |= {name: future.result() for name, future in proofs.items()}
    certificate.prove_tensors(plans, writer.part_digests)
    for original in certificate.originals:
        members = original.members(certificate.native_digests[original.native.name])
        writer.document(original.extents_path, "extents", members, "extents")


def start_checks(native: Native, pool: ThreadPoolExecutor) -> list[Future[list[str]]]:
    """Begin the comparisons of checksums inside the native file, in runs: a task for each would cost more than it."""
    run = max(1, len(native.checks) // _RUNS)
    starts = range(0, len(native.checks), run)
    return [pool.submit(_faults, native.checks[start : start + run]) for start in starts]


def _faults(checks: Sequence[Callable[[], str]]) -> list[str]:
    return [check() for check in checks]


def compare_checksums(native: Native, checks: Sequence[Future[list[str]]]) -> list[Problem]:
    """Say where a checksum inside the native file does not fit its bytes: as problems, and in the certificate."""
    wrong = [fault for check in checks for fault in check.result() if fault]
    if wrong:
        reason = f"{len(wrong)} of {len(native.checks)} checksums inside the native file do not fit: {wrong[0]}"
        native.parts.append(Part("checksums", "kept", reason, count=len(wrong)))
    return [problem("CKP4032", fault) for fault in wrong]
