"""Convert a native checkpoint: read it without its framework, write the common format, prove it, publish it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from candle_spec import parallel
from candle_spec.atomic import Fs, Staging, write_errors
from candle_spec.canonical import pretty
from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.layout import INLINE_TENSORS, INVENTORY, MANIFEST, STATE, portable_name
from candle_spec.checkpoint.manifest_builder import FileRecord, Inputs, build, tensor_entries
from candle_spec.conversion.certificate import Certificate, certify, compare_checksums, prove_originals
from candle_spec.conversion.contract import Native, SideFile
from candle_spec.conversion.native import read_native
from candle_spec.digests import Progress, digest_bytes, digest_json, no_progress
from candle_spec.errors import InvalidInputError, OutputExistsError, ProofFailedError
from candle_spec.manifest.collection import urn
from candle_spec.problems import Problem, Report
from candle_spec.validation import validate
from candle_spec.weights.shards import SHARD_BYTES, GroupPlan, plan_group
from candle_spec.weights.writer import Written, write_groups

SUFFIX = ".candle"


_WHOLE: Final = ("$schema", "schema_version", "manifest_digest", "")
"""Members that are about the whole manifest: a fault of one may be told at another, or at the root."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to convert.

    Attributes:
        topology: A separate file with the network's architecture.
        context: A folder around the source that may be read for what describes it.
        overwrite: Replace the output if it is a checkpoint.
        without_original: Leave out the residue: smaller, but the native file cannot come back byte for byte.
        shard_bytes: Largest weights file.
        jobs: Threads; ``None`` for the default.
        values: Values for the manifest by JSON Pointer, given by the user; they win over what was found.
    """

    topology: str | Path | None = None
    context: str | Path | None = None
    overwrite: bool = False
    without_original: bool = False
    shard_bytes: int = SHARD_BYTES
    jobs: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Converted:
    """What a conversion made: where it is, what was in the native checkpoint, the manifest."""

    path: Path
    native: Native
    manifest: dict[str, Any]
    report: Report


def convert(
    source: str | Path,
    output: str | Path | None = None,
    options: Options | None = None,
    *,
    progress: Progress = no_progress,
    fs: Fs | None = None,
) -> Converted:
    """Convert the native checkpoint at ``source`` into a checkpoint of the common format.

    Args:
        source: A file or a folder.
        output: The new folder; by default ``<file name>.candle`` in the current folder.
        options: How to convert.
        progress: Called with bytes written and proved.
        fs: The file system; replaced by tests.

    Raises:
        MissingPathError: There is no such file.
        UnsupportedFormatError: The content is of no known kind, or of a version that cannot be read.
        CorruptFileError: The native file breaks its own format.
        UnsafeContentError: It could harm.
        OutputExistsError: The output exists.
        ProofFailedError: What was written is not what was read; nothing was committed.
        WriteFailedError: The system refused to write; nothing was committed.
    """
    options = options or Options()
    native, _ = read_native(source, options.topology, options.context)
    target = Path(output) if output is not None else Path.cwd() / portable_name(Path(source).resolve().name + SUFFIX)
    target = target.parent.resolve() / target.name
    _check_target(target, native, options)
    with (
        native.resources,
        Staging(target, overwrite=options.overwrite, fs=fs) as staging,
        writing(target, options.jobs) as pool,
    ):
        job = _Conversion(native, staging, pool, options, progress)
        manifest = job.run()
        report = _checked(staging.path, target, job, options)
        staging.commit()
    return Converted(target, native, manifest, report)


def _checked(folder: Path, target: Path, job: _Conversion, options: Options) -> Report:
    """Validate the new checkpoint before it gets its name; digests taken from the written bytes are not taken again.

    Raises:
        InvalidInputError: A value that the user gave breaks the manifest.
        ProofFailedError: The conversion itself made an invalid checkpoint.
    """
    report = validate(folder, jobs=options.jobs, known_digests=job.digests)
    report.path = str(target)
    report.extend(job.warnings)
    for found in report.errors:
        given = next((at for at in options.values if _same_member(at, found.location.pointer)), None)
        if given is not None:
            message = f"the value given for {given} does not fit: {found.message}"
            raise InvalidInputError(message, location=found.location.pointer, hint=found.hint)
        raise ProofFailedError(
            f"the conversion made an invalid checkpoint: {found.code} {found.message}",
            location=f"{found.location.file} {found.location.pointer}".strip(),
            hint="nothing was left behind; please report the file",
        )
    return report


def _same_member(given: str, at: str) -> bool:
    """Whether a value given by the user lies in the member of the manifest in which a fault was found."""
    first, place = given.split("/")[1], at.split("/")[1:2]
    return first in place or (first in _WHOLE and (not place or place[0] in _WHOLE))


@contextmanager
def writing(target: Path, jobs: int | None) -> Iterator[ThreadPoolExecutor]:
    """Threads that end before the staging folder is removed, and clear words for a disk that refuses."""
    pool = ThreadPoolExecutor(max_workers=parallel.jobs(jobs), thread_name_prefix="candle-spec")
    try:
        with write_errors(target):
            yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _check_target(target: Path, native: Native, options: Options) -> None:
    """Refuse to write into the source, below no folder, or over something that is no checkpoint."""
    if not target.parent.is_dir():
        raise InvalidInputError(
            "the folder for the output does not exist", location=str(target.parent), hint="make it first"
        )
    inside = [file.path for file in native.source.files if target == file.path or target in file.path.parents]
    if inside or (native.source.path.is_dir() and native.source.path in (target, *target.parents)):
        raise InvalidInputError(
            "the output would lie in or over the source", location=str(target), hint="name another output"
        )
    if options.overwrite and os.path.lexists(target) and (target.is_symlink() or not (target / MANIFEST).is_file()):
        raise OutputExistsError(
            "the output exists and is not a checkpoint: it is not replaced",
            location=str(target),
            hint="remove it yourself, or name another output",
        )


class _Conversion:
    """One conversion into a staging folder."""

    def __init__(
        self, native: Native, staging: Staging, pool: ThreadPoolExecutor, options: Options, progress: Progress
    ) -> None:
        self._native = native
        self._staging = staging
        self._pool = pool
        self._options = options
        self._progress = progress
        self._files: list[FileRecord] = []
        self.digests: dict[str | tuple[str, str], str] = {}
        self.warnings: list[Problem] = []

    def run(self) -> dict[str, Any]:
        """Write everything, prove it, and return the manifest."""
        plans = self._plan()
        with Written() as written:
            write_groups(plans, self._staging, self._pool, written, self._progress)
            return self._describe(plans, written)

    def _describe(self, plans: list[GroupPlan], written: Written) -> dict[str, Any]:
        """Prove what was written and write everything that describes it."""
        certificate = certify(self._native, plans, self._staging, without_original=self._options.without_original)
        self._write_side_files()
        proofs = prove_originals(certificate, self._native, plans, self._staging, self._pool)
        checks = [self._pool.submit(check) for check in self._native.checks]
        written.sync(self._staging.fs)
        digests = {key: future.result() for key, future in written.part_digests.items()}
        self.digests |= digests
        self.warnings = compare_checksums(self._native, [future.result() for future in checks])
        self._record_weights(plans, written)
        self._finish_originals(certificate, proofs, plans, digests)
        inputs = Inputs(self._native.contents(), plans, digests, self._files, certificate.to_json(), _created())
        entries = tensor_entries(inputs)
        if len(entries) > INLINE_TENSORS:
            self._write_json(INVENTORY, "tensors", {"tensors": entries}, "tensor-inventory")
        manifest = self._with_values(build(inputs, entries))
        self._staging.write(MANIFEST, manifest_file.dump(manifest))
        self.digests |= {record.path: record.digest for record in self._files}
        return manifest

    def _plan(self) -> list[GroupPlan]:
        by_group: dict[str, list[Any]] = {group.id: [] for group in self._native.groups}
        for tensor in self._native.tensors:
            by_group[tensor.group].append(tensor)
        metadata = self._native.weights_metadata
        return [plan_group(group, rows, metadata, self._options.shard_bytes) for group, rows in by_group.items()]

    def _record_weights(self, plans: Sequence[GroupPlan], written: Written) -> None:
        for plan in plans:
            role = "weights" if plan.group.partition(".")[0] in ("model", "ema", "derived") else "training-state"
            for file in plan.files:
                self._record(file.name, written.file_digests[file.name], "application/vnd.safetensors", role, written)
            if plan.index_name:
                self._record(
                    plan.index_name, written.file_digests[plan.index_name], "application/json", "index", written
                )

    def _record(self, name: str, digest: Future[str], media_type: str, role: str, written: Written) -> None:
        self._files.append(FileRecord(name, written.sizes[name], digest.result(), media_type, role))

    def _write_side_files(self) -> None:
        for side in self._native.side_files:
            self._write_side(side, side.role)
        for side in self._native.payload:
            self._write_side(side, "payload")
        if self._native.state is not None:
            self._write_json(STATE, "state-tree", {"tree": self._native.state}, "state-tree")

    def _write_side(self, side: SideFile, role: str) -> None:
        """Write a file beside the weights: from memory, or streamed like a tensor."""
        if isinstance(side.data, bytes):
            self._write(side.path, side.data, side.media_type, role)
            return
        state, size = hashlib.sha256(), 0
        with self._staging.create(side.path) as target:
            for block in side.data.blocks():
                self._staging.fs.write(target, block)
                state.update(block)
                size += len(block)
            self._staging.fs.sync_file(target)
        self._files.append(FileRecord(side.path, size, "sha256:" + state.hexdigest(), side.media_type, role))

    def _write_json(self, name: str, schema: str, members: Mapping[str, Any], role: str) -> None:
        version = manifest_file.SCHEMA_VERSION
        document = {"$schema": urn(schema), "schema_version": version, **members}
        self._write(name, pretty(document, one_line=manifest_file.ONE_LINE), "application/json", role)

    def _write(self, name: str, data: bytes, media_type: str, role: str) -> None:
        self._staging.write(name, data)
        self._files.append(FileRecord(name, len(data), digest_bytes(data), media_type, role))

    def _finish_originals(
        self,
        certificate: Certificate,
        proofs: Mapping[str, Future[str]],
        plans: Sequence[GroupPlan],
        digests: Mapping[tuple[str, str], str],
    ) -> None:
        certificate.native_digests |= {name: future.result() for name, future in proofs.items()}
        certificate.prove_tensors(plans, digests)
        for original in certificate.originals:
            document = original.document(certificate.native_digests[original.native.name])
            data = pretty(document, one_line=manifest_file.ONE_LINE)
            self._write(original.extents_path, data, "application/json", "extents")
            self._files.append(original.residue_record(self._staging.path))

    def _with_values(self, manifest: dict[str, Any]) -> dict[str, Any]:
        from candle_spec import pointer

        for at, value in self._options.values.items():
            pointer.put(manifest, at, value)
            sources = [entry for entry in manifest.get("field_sources", []) if entry["pointer"] != at]
            entry = {"pointer": at, "source": "user", "value_digest": digest_json(value)}
            manifest["field_sources"] = [*sources, entry]
        return manifest


def _created() -> datetime:
    """Now, or the moment that ``SOURCE_DATE_EPOCH`` names: https://reproducible-builds.org/specs/source-date-epoch/."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch and epoch.isdigit() else datetime.now(UTC)
