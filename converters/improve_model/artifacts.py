"""Scalers, encoders and dictionaries of the preprocessing, each read by the converter of its own content."""

from __future__ import annotations

from dataclasses import replace

from candle_spec.conversion.contract import Group, Native, NativeFile, Part
from candle_spec.conversion.meaning import slug
from candle_spec.converters._shared.folders.inner import recognise_surely, take_over
from candle_spec.converters._shared.folders.unread_pickles import note_pickles
from candle_spec.errors import CandleSpecError, UnsupportedFormatError
from candle_spec.weights.sources import TensorSource, total_size


def add_artifact(native: Native, file: NativeFile) -> None:
    """Read an artifact as tensors; one that cannot be read stays in the native bytes.

    Raises:
        CandleSpecError: It is damaged, or could harm.
    """
    inner = recognise_surely(file.path, [file])
    if inner is None:
        _leave(native, file, "of no kind that is read; kept whole in the native bytes")
        return
    try:
        _join(native, inner.read(inner.source), file.name.rpartition("/")[2])
    except UnsupportedFormatError as error:
        _leave(native, file, f"kept whole in the native bytes: {error.message}"[:500])
    except CandleSpecError as error:
        error.location = error.location or file.name
        raise


def _leave(native: Native, file: NativeFile, reason: str) -> None:
    native.parts.append(Part(f"artifact {file.name.rpartition('/')[2]}"[:200], "residue", reason))
    note_pickles(native, [file])


def _join(native: Native, other: Native, name: str) -> None:
    """Add the tensors of an artifact as a group of their own."""
    group = f"artifact.{slug(name)}"
    several = len(other.groups) > 1

    def moved(at: tuple[str, str]) -> tuple[str, str]:
        return group, f"{at[0]}/{at[1]}" if several else at[1]

    def own(tensor: TensorSource) -> TensorSource:
        target = moved(tensor.alias_of) if tensor.alias_of is not None else None
        return replace(tensor, group=group, name=moved((tensor.group, tensor.name))[1], alias_of=target)

    if other.tensors:
        native.groups.append(Group(group, "artifact"))
        native.tensors += [own(tensor) for tensor in other.tensors]
    take_over(native, other)
    size = total_size(other.tensors)
    reason = f"{other.format.title}; its structure is only in the native bytes"
    native.parts.append(Part(f"artifact {name}"[:200], "kept", reason, len(other.tensors), size))
