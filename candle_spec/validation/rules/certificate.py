"""The certificate of a conversion agrees with itself (L2) and with the weights (L4)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from candle_spec import pointer
from candle_spec.digests import digest_file_list
from candle_spec.problems import Problem
from candle_spec.validation.context import Context, at
from candle_spec.weights.dtypes import DTYPES


def native_files(context: Context) -> Iterator[Problem]:
    """The native digest is that of the native files, and each original speaks of one of them."""
    native: dict[str, Any] = pointer.get(context.manifest, "/conversion/native") or {}
    rows = [(record["path"], record["size"], record["digest"]) for record in native.get("files", [])]
    if rows and "digest" in native:
        digest = rows[0][2] if len(rows) == 1 else digest_file_list(rows)
        if native["digest"] != digest:
            yield at("CKP2012", "the digest does not follow from the native files", pointer="/conversion/native/digest")
    seen: set[str] = set()
    for index, original in enumerate(pointer.get(context.manifest, "/conversion/restore/originals") or []):
        name, here = original["native"], f"/conversion/restore/originals/{index}/native"
        if name not in {row[0] for row in rows}:
            yield at("CKP2012", f"{name!r} is none of the native files", pointer=here)
        if name in seen:
            yield at("CKP2012", f"{name!r} would be restored twice", pointer=here)
        seen.add(name)


def proof(context: Context) -> Iterator[Problem]:
    """The proof speaks of all stored tensors and of their bytes."""
    stated: dict[str, Any] = pointer.get(context.manifest, "/conversion/proof") or {}
    solid = [tensor for tensor in context.tensors if tensor.alias_of is None]
    arrays = [array for tensor in solid for array in tensor.arrays.values() if array.dtype in DTYPES]
    numbers = {
        "tensors": len(solid),
        "bytes": sum(math.prod(array.shape) * DTYPES[array.dtype].bits // 8 for array in arrays),
    }
    for name, number in numbers.items():
        if stated.get(name, number) != number:
            message = f"{name} is {stated[name]}, the inventory gives {number}"
            yield at("CKP4033", message, pointer=f"/conversion/proof/{name}")


L2_RULES = (native_files,)
L4_RULES = (proof,)
