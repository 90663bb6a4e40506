"""Re-shard a finished checkpoint: the same model, its weights in files of another size.

Tensors stream from file to file; each is digested where it was written and held against the digest that the manifest
states. What brings the native file back is rewritten to name the new files, and its bytes are proved again.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from candle_spec import pointer
from candle_spec.atomic import Fs, Staging
from candle_spec.canonical import pretty
from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.folder_writer import FolderWriter
from candle_spec.checkpoint.later_evaluations import later_files
from candle_spec.checkpoint.relayout import Relayout, relayout
from candle_spec.checkpoint.seal import refuse_other_version
from candle_spec.conversion.convert import writing
from candle_spec.conversion.extents import StoredExtent, checked_extents
from candle_spec.conversion.splice import Splice
from candle_spec.digests import Progress, digest_blocks, digest_file, no_progress
from candle_spec.errors import CorruptFileError, InvalidInputError, MissingPathError, ProofFailedError
from candle_spec.problems import Report
from candle_spec.readers.git import in_work_tree
from candle_spec.validation import validate
from candle_spec.weights.shards import SHARD_BYTES
from candle_spec.weights.sources import FileBytes
from candle_spec.weights.writer import StreamedFiles

_ORIGINALS: Final = "/conversion/restore/originals"


@dataclass(frozen=True, slots=True)
class Resharded:
    """What was made: where it is, its manifest, its report, and the sizes of its weights files."""

    path: Path
    manifest: dict[str, Any]
    report: Report
    weights: dict[str, int]


def reshard(
    checkpoint: str | Path,
    output: str | Path,
    shard_bytes: int = SHARD_BYTES,
    *,
    jobs: int | None = None,
    file_digests: bool = False,
    progress: Progress = no_progress,
    fs: Fs | None = None,
) -> Resharded:
    """Copy a checkpoint into a new folder whose weights files have at most ``shard_bytes`` bytes each.

    Every listed file goes along; content, values and state digest stay. A seal is made anew; a signature, which is
    of the old manifest, stays behind.

    Args:
        checkpoint: The checkpoint's folder; it is only read.
        output: The new folder.
        shard_bytes: Largest weights file in bytes, header included.
        jobs: Threads; ``None`` for the default.
        file_digests: State a digest of each weights file as a whole, too; they are stated in any case in a work tree of
            git, and where the checkpoint states them.
        progress: Called with bytes written.
        fs: The file system; replaced by tests.

    Raises:
        InvalidInputError: It holds no tensors, or what must be rewritten is not here.
        LimitExceededError: A single tensor is larger than ``shard_bytes``.
        OutputExistsError: The output exists.
        CorruptFileError: A file or a tensor is not the one that the manifest states.
        ProofFailedError: The native file would not come back byte for byte.
        UnknownVersionError: The manifest is of a newer version.
        WriteFailedError: The system refused to write. Whatever happens, a half-made output has no name.
    """
    opened = Checkpoint(checkpoint).checked()
    refuse_other_version(opened)
    target = _target(output, opened)
    new = relayout(opened, shard_bytes)
    whole = file_digests or in_work_tree(target) or any("digest" in row for row in _weights(opened))
    with (
        Staging(target, fs=fs) as staging,
        writing(target, jobs) as pool,
        StreamedFiles(staging, pool, progress, file_digests=whole) as files,
    ):
        writer = FolderWriter(files)
        manifest = _Copying(opened, new, writer, progress).run()
        report = validate(staging.path, jobs=jobs, known_digests=writer.known_digests)
        _refuse_invalid(report, opened)
        staging.commit()
    report.path = str(target)
    weights = {file.name: file.header.file_size for plan in new.plans for file in plan.files}
    return Resharded(target, manifest, report, weights)


def _weights(checkpoint: Checkpoint) -> Iterator[dict[str, Any]]:
    """Yield the rows of weights files."""
    return (row for row in checkpoint.document["files"] if "header" in row)


def _target(output: str | Path, checkpoint: Checkpoint) -> Path:
    target = Path(output).parent.resolve() / Path(output).name
    if not target.parent.is_dir():
        raise MissingPathError(
            "the folder for the output does not exist", location=str(target.parent), hint="make it first"
        )
    if target == checkpoint.path or checkpoint.path in target.parents:
        raise InvalidInputError(
            "the output would lie in the checkpoint", location=str(target), hint="name another output"
        )
    return target


def _refuse_invalid(report: Report, checkpoint: Checkpoint) -> None:
    for found in report.errors:
        raise InvalidInputError(
            f"the new checkpoint would not be valid: {found.message}",
            location=str(checkpoint.path),
            hint="candle-spec validate says what is wrong with the old one",
            code=found.code,
        )


class _Copying:
    """One re-sharding into a private folder."""

    def __init__(self, checkpoint: Checkpoint, new: Relayout, writer: FolderWriter, progress: Progress) -> None:
        self._checkpoint = checkpoint
        self._new = new
        self._writer = writer
        self._progress = progress
        self._rows = {row["path"]: row for row in checkpoint.document["files"]}

    def run(self) -> dict[str, Any]:
        """Write everything, prove it, and return the manifest."""
        documents = self._extents()
        self._inventory()
        groups = self._checkpoint.document["weights"]["groups"]
        rewritten = {record.path for record in self._writer.records}
        self._writer.weights(self._new.plans, like={group["id"]: self._rows[group["files"][0]] for group in groups})
        self._copy_others(rewritten)
        self._writer.settle()
        self._compare()
        for document in documents:
            self._prove(document)
        manifest = self._new.manifest(self._writer.records)
        return self._writer.finish(manifest, sealed="manifest_digest" in self._checkpoint.document)

    def _compare(self) -> None:
        """Each array that was written is the one of which the old manifest speaks."""
        for place, stated in self._new.stated.items():
            if self._writer.part_digests[place] != stated:
                raise CorruptFileError(
                    f"the tensor stored as {place[1]!r} is not the one of which the manifest speaks: it was changed",
                    location=str(self._checkpoint.path),
                    code="CKP4024",
                )

    def _copy_others(self, rewritten: Set[str]) -> None:
        """Copy what is no weights file and was not rewritten; each must be the file that is listed."""
        for row in self._checkpoint.document["files"]:
            path = row["path"]
            here = self._checkpoint.path.joinpath(*path.split("/")).is_file()
            if path in self._new.replaced or path in rewritten or ("withheld" in row and not here):
                continue
            source = self._checkpoint.file(path)
            if self._writer.copy(path, self._blocks(source)) != row["digest"]:
                raise _changed(source)
        for path in later_files(self._checkpoint.path, self._rows):  # the model is the one that they are about
            self._writer.copy(path, self._blocks(self._checkpoint.file(path)))

    def _blocks(self, source: Path) -> Iterator[bytes | memoryview]:
        for block in FileBytes(source, 0, source.stat().st_size).blocks():
            yield block
            self._progress(len(block))

    def _extents(self) -> list[dict[str, Any]]:
        """Write each extents file with the new places of the arrays; returns their documents."""
        documents: list[dict[str, Any]] = []
        for original in pointer.get(self._checkpoint.document, _ORIGINALS) or []:
            path = original["extents"]
            if any("withheld" in self._rows.get(name, {}) for name in (path, original["residue"])):
                raise InvalidInputError(
                    "what brings the native file back was withheld from this copy, so it cannot be made to fit",
                    location=f"{self._checkpoint.path}/{path}",
                    hint="re-shard the checkpoint that still has it",
                )
            document = checked_extents(self._listed(path), path)
            document["extents"] = [self._moved(extent, path) for extent in document["extents"]]
            self._rewrite(path, document)
            documents.append(document)
        return documents

    def _moved(self, extent: dict[str, Any], location: str) -> dict[str, Any]:
        if "key" not in extent and extent["file"] not in self._new.replaced:
            return extent  # the bytes of a file that stays as it is
        place = self._new.moved.get((extent["file"], extent.get("key", "")))
        if place is None:
            raise CorruptFileError(
                f"no stored array of {extent['file']} is named {extent.get('key')!r}", location=location, code="CKP4030"
            )
        return {**extent, "file": place[0], "key": place[1]}

    def _inventory(self) -> None:
        for path in self._checkpoint.document["weights"].get("inventory", ()):
            document = self._listed(path)
            document["tensors"] = self._new.entries(document["tensors"])
            self._rewrite(path, document)

    def _listed(self, path: str) -> Any:
        """Return a JSON file of the checkpoint, which must be the one that is listed."""
        if digest_file(self._checkpoint.file(path)) != self._rows[path]["digest"]:
            raise _changed(self._checkpoint.file(path))
        return self._checkpoint.read_json(path)

    def _rewrite(self, path: str, document: dict[str, Any]) -> None:
        row = self._rows[path]
        data = pretty(document, one_line=manifest_file.ONE_LINE)
        self._writer.file(path, [data], row["media_type"], row["role"])

    def _prove(self, document: dict[str, Any]) -> None:
        """Splice the native file from the new files; its digest must be the one of the certificate."""
        extents = [StoredExtent.from_json(extent) for extent in document["extents"]]
        splice = Splice(self._writer.path, document["residue"]["path"], document["size"], extents)
        digest = digest_blocks(splice.blocks())
        if digest != document["digest"]:
            raise ProofFailedError(
                f"the restored bytes would have {digest}, the native file had {document['digest']}",
                location=document["native"],
                hint="candle-spec validate says what is wrong with the checkpoint",
            )


def _changed(path: Path) -> CorruptFileError:
    return CorruptFileError(
        "the file is not the one that the manifest lists: it was changed, or not fetched",
        location=str(path),
        code="CKP3003",
    )
