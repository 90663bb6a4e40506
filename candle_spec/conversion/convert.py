"""Convert a native checkpoint: read it without its framework, write the common format, prove it, publish it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from candle_spec import parallel, pointer
from candle_spec.atomic import Fs, Staging, write_errors
from candle_spec.checkpoint.folder_writer import FolderWriter
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.conversion.certificate import certify, compare_checksums, complete, prove_originals, start_checks
from candle_spec.conversion.contract import Native
from candle_spec.conversion.native import plan_of, read_native
from candle_spec.digests import Progress, digest_json, no_progress
from candle_spec.errors import InvalidInputError, OutputExistsError, ProofFailedError
from candle_spec.paths import portable_name
from candle_spec.problems import Problem, Report
from candle_spec.readers.git import in_work_tree
from candle_spec.validation import validate
from candle_spec.weights.shards import SHARD_BYTES
from candle_spec.weights.writer import StreamedFiles

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
        file_digests: State a digest of each weights file as a whole, too; in a work tree of git they always are.
    """

    topology: str | Path | None = None
    context: str | Path | None = None
    overwrite: bool = False
    without_original: bool = False
    shard_bytes: int = SHARD_BYTES
    jobs: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    file_digests: bool = False


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
        StreamedFiles(staging, pool, progress, file_digests=options.file_digests or in_work_tree(target)) as files,
    ):
        job = _Conversion(native, FolderWriter(files), pool, options)
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
    report = validate(folder, jobs=options.jobs, known_digests=job.writer.known_digests)
    report.path = str(target)
    report.extend([*job.native.problems, *job.warnings])
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


@dataclass(slots=True)
class _Conversion:
    """One conversion into a private folder.

    Attributes:
        native: What was read.
        writer: Writes the folder.
        pool: Threads.
        options: How to convert.
        warnings: Checksums inside the native file that do not fit.
    """

    native: Native
    writer: FolderWriter
    pool: ThreadPoolExecutor
    options: Options
    warnings: list[Problem] = field(default_factory=list)

    def run(self) -> dict[str, Any]:
        """Write everything, prove it, and return the manifest."""
        native, writer = self.native, self.writer
        plans = plan_of(native, self.options.shard_bytes)
        writer.weights(plans)
        certificate = certify(native, plans, writer, without_original=self.options.without_original)
        writer.contents(native.contents())
        proofs = prove_originals(certificate, writer.path, self.pool)
        checks = start_checks(native, self.pool)
        writer.settle()
        self.warnings = compare_checksums(native, checks)
        native.checks.clear()  # there may be one for each tensor
        complete(certificate, proofs, plans, writer)
        manifest, _ = writer.manifest(native.contents(), plans, certificate.to_json())
        _add_values(manifest, self.options.values)
        return writer.finish(manifest, sealed=False)


def _add_values(manifest: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Add what the user gave; it wins over what was found."""
    for at, value in values.items():
        pointer.put(manifest, at, value)
        sources = [entry for entry in manifest.get("field_sources", []) if entry["pointer"] != at]
        entry = {"pointer": at, "source": "user", "value_digest": digest_json(value)}
        manifest["field_sources"] = [*sources, entry]
