"""Further faults of encoded tensors: dtypes, shapes, parameters, offsets, indices."""

from __future__ import annotations

import math
import struct
from typing import Any

from candle_spec.digests import digest_encoded
from candle_spec.weights.safetensors import layout
from tests.conformance.further import Row
from tests.conformance.made import WEIGHTS, Fault, Made, sha

Part = tuple[str, list[int], bytes]


def encoded(name: str, dtype: str, shape: list[int], params: dict[str, Any], parts: dict[str, Part]) -> Fault:
    """Make the checkpoint one of a single encoded tensor; all but its encoding is right."""

    def fault(made: Made) -> None:
        first, header = layout([(f"t::{part}", kind, tuple(axes)) for part, (kind, axes, _) in parts.items()], {})
        stored = sorted(parts, key=lambda part: header.entries[f"t::{part}"].offset)
        made.weights(first + b"".join(parts[part][2] for part in stored))
        rows = {part: (kind, axes, sha(data)) for part, (kind, axes, data) in parts.items()}
        described = {
            part: {"key": f"t::{part}", "dtype": kind, "shape": axes, "digest": digest, "file": WEIGHTS}
            for part, (kind, axes, digest) in rows.items()
        }
        tensor = {"group": "model", "name": "t", "dtype": dtype, "shape": shape}
        tensor |= {"digest": digest_encoded(name, params, rows)}
        made.tensors[:] = [{**tensor, "encoding": {"name": name, "params": params, "parts": described}}]
        size = sum(len(data) for _, _, data in parts.values())
        count = 0 if dtype in ("STR", "BYTES", "STRUCT") else math.prod(shape)
        made.group.update(tensor_count=1, parameter_count=count, size=size)
        made.manifest["model"]["parameter_count"] = count
        made.identify()

    return fault


def longs(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *numbers)


def coo(indices: tuple[int, ...], **params: bool) -> Fault:
    parts = {"indices": ("I64", [1, 2], longs(*indices)), "values": ("F32", [2], struct.pack("<2f", 1, 2))}
    return encoded("sparse_coo", "F32", [3], params, parts)


def csr(starts: tuple[int, ...], columns: tuple[int, ...]) -> Fault:
    parts = {"compressed": ("I64", [3], longs(*starts)), "plain": ("I64", [2], longs(*columns))}
    parts["values"] = ("F32", [2], struct.pack("<2f", 1, 2))
    return encoded("sparse_csr", "F32", [2, 3], {}, parts)


def strings(data: bytes, *offsets: int, **params: Any) -> Fault:
    parts = {"bytes": ("U8", [len(data)], data), "offsets": ("I64", [len(offsets)], longs(*offsets))}
    return encoded("strings", "STR", [len(offsets) - 1], {"text": "utf-8", **params}, parts)


PAIR: Part = ("F64", [1, 2], struct.pack("<2d", 0.5, -1))
SCALES: dict[str, Part] = {"scales": ("F64", [2], struct.pack("<2d", 1, 2)), "zero_points": ("I64", [2], longs(0, 1))}
QUANTIZED: dict[str, Part] = {"values": ("I8", [2, 2], b"\1\2\3\4"), **SCALES}
FIELDS = [{"name": "x", "dtype": "<i2", "offset": 0}]
SHORTS: Part = ("I16", [2], struct.pack("<2h", 1, 2))


def wrong_digest(made: Made) -> None:
    pairs("C128")(made)
    made.tensors[0]["digest"] = sha(b"other")
    made.identify()


ORDERED = {"bits": 4, "order": "low-first"}


def pairs(dtype: str, **params: Any) -> Fault:
    return encoded("complex_pairs", dtype, [1], params, {"values": PAIR})


def quantized(**params: Any) -> Fault:
    return encoded("quantized", "QI8", [2, 2], params, QUANTIZED)


def of_bytes(name: str, dtype: str, shape: list[int], part: list[int], **params: Any) -> Fault:
    """Make a tensor of zeros that is stored as bytes."""
    return encoded(name, dtype, shape, params, {"values": ("U8", part, bytes(part[-1]))})


def record(part: str, item_size: int) -> Fault:
    return encoded("structured", "STRUCT", [2], {"fields": FIELDS, "item_size": item_size}, {part: SHORTS})


def blocks() -> Fault:
    parts: dict[str, Part] = {
        "compressed": ("I64", [3], longs(0, 1, 1)),
        "plain": ("I64", [1], longs(0)),
        "values": ("F32", [1, 1, 2], struct.pack("<2f", 1, 2)),
    }
    return encoded("sparse_bsr", "F32", [2, 3], {"blocksize": [1, 2]}, parts)


FURTHER_ENCODINGS: list[Row] = [
    ("CS-067", "encoded-digest", wrong_digest),
    *(
        ("CS-071", slug, fault)
        for slug, fault in {
            "pairs-of-another-dtype": pairs("C32"),
            "pairs-with-a-parameter": pairs("C128", order="imaginary-first"),
            "quantized-axis-outside": quantized(scheme="per_channel", axis=2),
            "quantized-two-scales-of-one": quantized(scheme="per_tensor"),
            "coo-index-outside": coo((0, 3)),
            "coo-index-below-0": coo((-1, 2)),
            "coo-not-coalesced": coo((2, 0), coalesced=True),
            "csr-falls": csr((0, 3, 2), (0, 1)),
            "csr-column-outside": csr((0, 1, 2), (0, 3)),
            "bsr-blocks-that-do-not-fill": blocks(),
            "packed-too-short": of_bytes("packed", "I4", [3], [1], **ORDERED),
            "packed-without-order": of_bytes("packed", "I4", [2], [1], bits=4),
            "raw-of-another-width": of_bytes("raw", "F80", [1], [1, 8], byte_order="little"),
            "raw-of-unknown-order": of_bytes("raw", "F80", [1], [1, 10], byte_order="unknown"),
            "strings-fall": strings(b"abc", 0, 2, 1, 3),
            "strings-beyond-the-end": strings(b"abc", 0, 2, 4),
            "strings-no-utf-8": strings(b"a\xff", 0, 2),
            "strings-within-a-character": strings("aé".encode(), 0, 2, 3),
            "strings-wider-than-stated": strings(b"abc", 0, 3, width=2),
            "fields-are-not-parts": record("y", 2),
            "field-beyond-its-record": record("x", 1),
        }.items()
    ),
]
"""Requirement, a name for the fault, the fault."""
