"""Prove a certificate again: native against common, tensor by tensor, and predictions where the framework is here."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.inventory import Tensor
from candle_spec.conversion.certificate import all_files
from candle_spec.conversion.claims import Claim
from candle_spec.conversion.contract import Native
from candle_spec.conversion.extents import checked_extents
from candle_spec.conversion.native import read_native
from candle_spec.conversion.predictions import compare_predictions
from candle_spec.conversion.restore import restore, splice_of
from candle_spec.conversion.splice import prove
from candle_spec.digests import Progress, digest_blocks, digest_encoded, digest_file, digest_range, no_progress
from candle_spec.errors import CorruptFileError, InvalidInputError, ProofFailedError
from candle_spec.weights.sources import TensorSource

DERIVED: Final = "derived"
"""Kind of the groups of arrays that were made of a payload."""


@dataclass(slots=True)
class Proof:
    """All claims of one certificate."""

    path: Path
    claims: list[Claim] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether no claim failed."""
        return all(claim.holds is not False for claim in self.claims)


def verify_conversion(
    checkpoint: str | Path,
    native: str | Path | None = None,
    *,
    topology: str | Path | None = None,
    context: str | Path | None = None,
    predictions: bool = True,
    progress: Progress = no_progress,
) -> Proof:
    """Check a conversion's certificate anew.

    Without ``native`` the native file is spliced from the checkpoint and its digest compared with the certificate's,
    and arrays that were derived from a payload are derived again; with it, the real file is read again and compared
    tensor by tensor as well.

    Args:
        checkpoint: The checkpoint.
        native: The native checkpoint from which it was made.
        topology: The separately named architecture, if there was one.
        context: The folder around it that was read, if one was.
        predictions: Whether to compare predictions where the framework is installed (this loads the native file by
            its framework in a process of its own, safely: no pickle, no Lambda).
        progress: Called with bytes compared: each byte of the weights, then each of the native file; with ``native``
            those of both once more.

    Raises:
        InvalidInputError: The checkpoint was not converted.
    """
    opened = Checkpoint(checkpoint).checked()
    conversion = opened.document.get("conversion")
    if conversion is None:
        raise InvalidInputError("this checkpoint was not made from a native one", location=str(opened.path))
    proof = Proof(opened.path)
    proof.claims.append(_stored_digests(opened, progress))
    if native is not None:
        read, _ = read_native(native, topology, context)
        with read.resources:
            proof.claims.append(_same_files(read, conversion, progress))
            proof.claims.append(_same_tensors(read, opened, progress))
            proof.claims += _spliced(opened, conversion, {file.name: file.path for file in all_files(read)}, progress)
    else:
        proof.claims += _spliced(opened, conversion, {}, progress)
        if proof.ok:
            proof.claims += _derived(opened, conversion, progress)
    if predictions:
        proof.claims.append(compare_predictions(opened, Path(native) if native is not None else None))
    return proof


def _stored_digests(checkpoint: Checkpoint, progress: Progress) -> Claim:
    """The stored bytes are those of which the manifest speaks."""
    for tensor in checkpoint.tensors:
        for array in tensor.arrays.values():
            entry = checkpoint.safetensors(array.file).entry(array.key)
            if digest_range(checkpoint.file(array.file), entry.offset, entry.size, progress) != array.digest:
                return Claim("stored tensors as recorded", False, f"{tensor.name} in {array.file}")
    return Claim(f"{len(checkpoint.tensors)} stored tensors as recorded", True)


def _same_files(native: Native, conversion: Mapping[str, Any], progress: Progress) -> Claim:
    recorded = sorted(file["digest"] for file in conversion["native"]["files"])  # names may have changed since
    if sorted(digest_file(file.path, progress) for file in all_files(native)) == recorded:
        return Claim("native file is the one that was converted", True)
    return Claim("native file is the one that was converted", False, "its sha256 differs from the certificate")


def _same_tensors(native: Native, checkpoint: Checkpoint, progress: Progress) -> Claim:
    derived = {group.id for group in native.groups if group.kind == DERIVED}
    stored = {(tensor.group, tensor.name) for tensor in checkpoint.tensors}
    # A later version may derive more from the same payload.
    found = [each for each in native.tensors if each.group not in derived or (each.group, each.name) in stored]
    return _compared(f"{len(found)} tensors equal, native against common", found, checkpoint.tensors, progress)


def _derived(checkpoint: Checkpoint, conversion: Mapping[str, Any], progress: Progress) -> list[Claim]:
    """Derive the arrays of payloads again from what is restored: no digest of the model covers them."""
    groups = {group["id"] for group in checkpoint.document["weights"].get("groups", []) if group["kind"] == DERIVED}
    stored = [tensor for tensor in checkpoint.tensors if tensor.group in groups]
    if not stored or not conversion["restore"].get("originals"):
        return []
    what = f"{len(stored)} derived arrays are what the payload says"
    with tempfile.TemporaryDirectory(prefix="candle-spec-") as folder:
        restore(checkpoint.path, Path(folder) / "native")
        native, _ = read_native(Path(folder) / "native")
        with native.resources:
            names = {(tensor.group, tensor.name) for tensor in stored}
            found = [tensor for tensor in native.tensors if (tensor.group, tensor.name) in names]
            return [_compared(what, found, stored, progress)]


def _compared(what: str, native: Sequence[TensorSource], stored: Sequence[Tensor], progress: Progress) -> Claim:
    common = {(tensor.group, tensor.name): tensor for tensor in stored}
    names = {(tensor.group, tensor.name) for tensor in native}
    if names != set(common):
        different = sorted(names ^ set(common))[0]
        return Claim(what, False, f"{different[1]!r} of group {different[0]!r} is on one side only")
    for source in native:
        fault = _difference(source, common[source.group, source.name])
        if fault:
            return Claim(what, False, f"{source.name}: {fault}")
        progress(source.size)
    return Claim(what, True)


def _difference(source: TensorSource, tensor: Tensor) -> str:
    if (source.dtype, source.shape, source.alias_of) != (tensor.dtype, tensor.shape, tensor.alias_of):
        return "another dtype, shape or alias"
    if source.alias_of:
        return ""
    if source.encoding is None:
        return "" if digest_blocks(source.parts[""].data.blocks()) == tensor.digest else "other bytes"
    rows = {name: (part.dtype, part.shape, digest_blocks(part.data.blocks())) for name, part in source.parts.items()}
    digest = digest_encoded(source.encoding.name, source.encoding.params, rows)
    return "" if digest == tensor.digest else "other bytes"


def _spliced(
    checkpoint: Checkpoint, conversion: Mapping[str, Any], native: Mapping[str, Path], progress: Progress
) -> list[Claim]:
    originals = conversion["restore"].get("originals", [])
    if not originals:
        return [Claim("comes back byte for byte", None, "converted without its original")]
    claims: list[Claim] = []
    for original in originals:
        document = checked_extents(checkpoint.read_json(original["extents"]), original["extents"])
        splice = splice_of(checkpoint, document)
        name = document["native"]
        try:
            digest = prove(native[name], splice) if name in native else digest_blocks(splice.blocks())
            fault = "" if digest == document["digest"] else "another sha256"
        except (ProofFailedError, CorruptFileError) as error:
            fault = error.message
        claims.append(Claim(f"{name} comes back byte for byte", not fault, fault))
        progress(document["size"])
    return claims
