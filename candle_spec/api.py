"""The Python API: the commands as functions. Import the names from :mod:`candle_spec` itself.

Each function loads what it needs itself: ``inspect`` is used hundreds of times a day and waits for nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.conversion.summary import Summary

__all__ = ["add_evaluation", "convert", "inspect", "load", "seal"]


def add_evaluation(
    path: str | Path,
    evaluations: Sequence[Mapping[str, Any]],
    *,
    creators: Sequence[Mapping[str, Any]] = (),
    description: str = "",
) -> Path:
    """Put measured values beside a checkpoint, sealed and signed or not, whose manifest stays as it is.

    Args:
        path: The checkpoint.
        evaluations: Values as the manifest has them: ``[{"metric": {"id": "auc-roc", "direction": "maximize"},
            "value": 0.87, "dataset": "external cohort"}]``.
        creators: Who measured, as the manifest names people.
        description: How it was measured.

    Returns:
        The new file, ``evaluations/<n>.json``; it has a digest of its own, and may be signed.

    Raises:
        InvalidInputError: A value is none of the schema, or cannot be true.
        WriteFailedError: The system refused to write; nothing was changed.
    """
    from candle_spec.checkpoint.later_evaluations import add_document, new_document
    from candle_spec.errors import InvalidInputError
    from candle_spec.problems import Severity
    from candle_spec.validation.rules.later_evaluations import faults_of

    checkpoint = load(path)
    content = checkpoint.document["weights"]["content_digest"]
    document = new_document(content, evaluations, creators=creators, description=description)
    for fault in faults_of(document):
        if fault.severity is Severity.ERROR:
            raise InvalidInputError(fault.message, location=fault.location.pointer, hint=fault.hint, code=fault.code)
    return add_document(checkpoint.path, document, [row["path"] for row in checkpoint.document["files"]])


def convert(
    source: str | Path,
    output: str | Path | None = None,
    *,
    topology: str | Path | None = None,
    context: str | Path | None = None,
    overwrite: bool = False,
    without_original: bool = False,
    values: Mapping[str, Any] | None = None,
    jobs: int | None = None,
) -> Checkpoint:
    """Convert a native checkpoint and return the new one, opened.

    Args:
        source: A file or a folder that a framework wrote.
        output: The new folder; by default ``<file name>.candle`` in the current folder.
        topology: A separate file with the network's architecture.
        context: A folder around the source that may be read for what describes it: scores, scalers, settings.
        overwrite: Replace the output if it is a checkpoint.
        without_original: Leave out what brings the native file back byte for byte.
        values: Values for the manifest by JSON Pointer, for example ``{"/name": "uno"}``.
        jobs: Threads; at most 2 by default.

    Raises:
        CandleSpecError: One of its children says what is wrong with the source or the output.
    """
    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.conversion.convert import Options
    from candle_spec.conversion.convert import convert as convert_native

    options = Options(
        topology=topology,
        context=context,
        overwrite=overwrite,
        without_original=without_original,
        values=values or {},
        jobs=jobs,
    )
    return Checkpoint(convert_native(source, output, options).path)


def inspect(path: str | Path, *, topology: str | Path | None = None, context: str | Path | None = None) -> Summary:
    """Return what is in a checkpoint, native or common; no weights are read and nothing of it is run."""
    from candle_spec.checkpoint.layout import is_checkpoint
    from candle_spec.conversion.summary import summarize_checkpoint, summarize_native

    if is_checkpoint(path):
        return summarize_checkpoint(load(path))
    from candle_spec.conversion.native import plan_of, read_native

    native, _ = read_native(path, topology, context)
    with native.resources:
        plan_of(native)  # what conversion would refuse is refused here, in the same words
        return summarize_native(native)


def load(path: str | Path) -> Checkpoint:
    """Open a checkpoint: ``load(path).state_dict()`` gives its tensors without a copy.

    Raises:
        CorruptFileError: The manifest cannot be read or breaks its schema.
    """
    from candle_spec.checkpoint.checkpoint import Checkpoint

    return Checkpoint(path).checked()


def seal(path: str | Path, *, file_digests: bool = False) -> str:
    """Validate a checkpoint, write the digest of its manifest into it, and return that digest.

    Args:
        path: The checkpoint.
        file_digests: State a digest of each file as a whole first, where header and arrays tell it so far.

    Raises:
        InvalidInputError: The checkpoint has errors; a seal on it would be worth nothing.
    """
    from candle_spec.checkpoint.seal import write_seal
    from candle_spec.errors import InvalidInputError
    from candle_spec.validation import validate

    # A stale seal is what sealing mends: the checkpoint is judged without it.
    faults = [problem for problem in validate(path).errors if problem.location.pointer != "/manifest_digest"]
    if faults:
        raise InvalidInputError(
            f"the checkpoint has {len(faults)} error{'s' * (len(faults) > 1)}, the first: {faults[0].message}",
            location=str(path),
            hint="candle-spec validate names them all",
        )
    return write_seal(path, file_digests=file_digests)
