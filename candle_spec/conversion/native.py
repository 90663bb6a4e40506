"""Read the structure of a native checkpoint, of whatever format it is."""

from __future__ import annotations

from pathlib import Path

from candle_spec.conversion import registry
from candle_spec.conversion.contract import Detection, Native
from candle_spec.conversion.meaning import infer_name
from candle_spec.conversion.source import resolve_source
from candle_spec.errors import UnsupportedFormatError
from candle_spec.weights.shards import SHARD_BYTES, GroupPlan, stored_parts


def read_native(
    path: str | Path, topology: str | Path | None = None, context: str | Path | None = None
) -> tuple[Native, Detection]:
    """Read the structure of a native checkpoint; no weights are read, nothing of it is run.

    Who calls this closes :attr:`Native.resources` when the tensors are no longer needed.

    Raises:
        MissingPathError: There is no such file.
        UnsupportedFormatError: The content is of no known kind, or of a version that cannot be read.
        CorruptFileError: The native file breaks its own format.
        UnsafeContentError: It could harm.
    """
    source = resolve_source(path, topology, context)
    converter, detection = registry.detect(source)
    native = converter.read(source)
    native.take_out_long_lists()
    if all(found.pointer != "/name" for found in native.fields):
        native.fields.insert(0, infer_name(source))
    return native, detection


def plan_of(native: Native, shard_bytes: int = SHARD_BYTES) -> list[GroupPlan]:
    """Lay out the weights files, and judge what can be judged before an array is read: ``inspect`` asks as ``convert``.

    Raises:
        InvalidInputError: A name cannot be a key, elements do not fill whole bytes, or a header would be too large.
        UnsupportedFormatError: Parts or parameters of a tensor that is stored encoded do not fit its encoding.
    """
    plans = native.contents().plan(shard_bytes)
    if any(tensor.encoding is not None for tensor in native.tensors):
        _refuse_unfit(plans, native)
    return plans


def _refuse_unfit(plans: list[GroupPlan], native: Native) -> None:
    from candle_spec.checkpoint.inventory import StoredArray, Tensor
    from candle_spec.validation.rules.encodings import encoding_fault

    arrays: dict[tuple[str, str], dict[str, StoredArray]] = {}
    for stored in stored_parts(plans):
        if stored.tensor.encoding is not None:
            array = StoredArray(stored.file, stored.key, stored.part.dtype, stored.part.shape, "")
            arrays.setdefault((stored.tensor.group, stored.tensor.name), {})[stored.part_name] = array
    for tensor in native.tensors:
        if tensor.encoding is None or tensor.alias_of is not None:
            continue
        name, params = tensor.encoding.name, tensor.encoding.params
        parts = arrays.get((tensor.group, tensor.name), {})
        about = Tensor(tensor.group, tensor.name, tensor.dtype, tensor.shape, "", None, parts, name, params)
        if fault := encoding_fault(about):
            message = f"the tensor {tensor.name!r} cannot be stored as {name}: {fault}"
            raise UnsupportedFormatError(message, location=str(native.source.path))
