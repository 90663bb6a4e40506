"""Write one migrated checkpoint into a private folder, prove that it brings the native file back, and validate it."""

from __future__ import annotations

import json
from pathlib import Path

from candle_spec import pointer
from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.later_evaluations import later_files
from candle_spec.checkpoint.layout import MANIFEST, RESERVED, resolve, tolerated
from candle_spec.conversion.extents import StoredExtent
from candle_spec.conversion.migration.bringing import Bringing, entries
from candle_spec.conversion.migration.plan import Plan
from candle_spec.conversion.splice import Splice
from candle_spec.digests import Progress, digest_blocks, no_progress
from candle_spec.errors import CorruptFileError, InvalidInputError, ProofFailedError
from candle_spec.problems import Report
from candle_spec.validation import validate


def write(
    made: Plan, target: Path, bringing: Bringing, *, jobs: int | None, progress: Progress = no_progress
) -> Report:
    """Write a migrated checkpoint, which has no name yet, and return the report on it.

    Args:
        made: What it becomes.
        target: The private folder; it may exist, empty.
        bringing: Brings the files that stay as they are.
        jobs: Threads; ``None`` for the default.
        progress: Called with bytes digested.

    Raises:
        MissingPathError, UnsafeContentError: A listed file is missing, or no plain file.
        InvalidInputError: Something lies in the folder that is no file of the checkpoint.
        CorruptFileError: The migrated checkpoint would not be valid: neither is the old one.
        ProofFailedError: The native file would not come back byte for byte.
    """
    for row in made.after["files"]:
        path = row["path"]
        if path not in made.documents and path not in made.stays:
            bringing.file(resolve(made.path, path), target / path)
    for path, data in made.documents.items():
        bringing.write(target / path, data, like=made.path / path)
    if bringing.linked:
        _bring_unlisted(made, target, bringing)
    else:
        for path in later_files(made.path, [row["path"] for row in made.after["files"]]):
            bringing.file(resolve(made.path, path), target / path)
    bringing.write(target / MANIFEST, manifest_file.dump(made.after), like=made.path / MANIFEST)
    report = validate(target, jobs=jobs, progress=progress)
    _refuse_invalid(report, made)
    _prove(made, target)
    return report


def _bring_unlisted(made: Plan, target: Path, bringing: Bringing) -> None:
    """Bring what tools left in the folder, which gives way to the new one; a signature is of the old manifest."""
    listed = {row["path"] for row in made.after["files"]} | RESERVED
    for path, source in entries(made.path):
        if path in listed:
            continue
        if source.is_symlink():
            bringing.link(str(source.readlink()), target / path)
        elif source.is_file() and tolerated(made.path, path):
            bringing.file(source, target / path)
        else:
            raise InvalidInputError(
                f"{path!r} is no file of the checkpoint: it would be left behind",
                location=str(made.path),
                hint="take it out of the folder first",
                code="CKP3004",
            )


def _prove(made: Plan, root: Path) -> None:
    """Splice each native file from the new folder; its digest must be the one of the certificate."""
    for original in pointer.get(made.after, "/conversion/restore/originals") or ():
        if original["extents"] in made.stays or original["residue"] in made.stays:
            continue
        about = json.loads(made.documents[original["extents"]])
        extents = [StoredExtent.from_json(extent) for extent in about["extents"]]
        splice = Splice(root, about["residue"]["path"], about["size"], extents)
        digest = digest_blocks(splice.blocks())
        if digest != about["digest"]:
            raise ProofFailedError(
                f"the native file would come back with {digest}, it had {about['digest']}",
                location=f"{made.path} {about['native']}",
                hint="the checkpoint was changed: convert the native file again",
            )


def _refuse_invalid(report: Report, made: Plan) -> None:
    errors = report.errors
    if errors:
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        where = errors[0].location
        raise CorruptFileError(
            f"it would not be valid: {errors[0].message}{more}",
            location=" ".join(filter(None, [str(made.path), where.file, where.pointer, where.tensor])),
            hint="mend it first, or convert the native checkpoint again",
            code=errors[0].code,
        )
