"""Whether an encoded tensor is one of the table in section 7 of spec.md: its parts, parameters, offsets and indices."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

from tests.conformance.decode import BITS, FLOATS, NUMBERS, PAIRS, Part, numbers

QUANTIZED = {"QI8": "I8", "QU8": "U8", "QI32": "I32"}


class Unsound(Exception):
    """The tensor breaks CS-071."""


def need(holds: object, why: str) -> None:
    if not holds:
        raise Unsound(why)


def check(name: str, dtype: str, shape: list[int], params: dict[str, Any], parts: dict[str, Part]) -> None:
    """Raise Unsound unless parts, parameters, offsets and indices are those of the encoding."""
    needed, allowed = PARAMS[name]
    need(name == "structured" or parts.keys() == PARTS[name], "parts")
    need(needed <= params.keys() <= needed | allowed, "parameters")
    kind = "compressed" if name in COMPRESSED else name
    CHECKS[kind](name, dtype, shape, params, parts)


def is_size(value: Any) -> bool:
    return type(value) is int and value >= 0


def is_part(part: Part, dtype: str, shape: list[int]) -> None:
    need(part[:2] == (dtype, shape), "dtype or shape of a part")


def rises(values: list[int], end: int) -> bool:
    return values[0] == 0 and values[-1] == end and all(a <= b for a, b in itertools.pairwise(values))


def within(values: list[int], end: int) -> bool:
    return all(0 <= value < end for value in values)


def is_packed(dtype: str, params: dict[str, Any]) -> bool:
    return bool(params.get("bits") == BITS[dtype] and params.get("order") in ("low-first", "high-first"))


def check_pairs(_: str, dtype: str, shape: list[int], params: dict[str, Any], parts: dict[str, Part]) -> None:
    need(dtype in PAIRS, dtype)
    is_part(parts["values"], PAIRS[dtype], [*shape, 2])


def check_quantized(_: str, dtype: str, shape: list[int], params: dict[str, Any], parts: dict[str, Part]) -> None:
    scales, points = parts["scales"], parts["zero_points"]
    need(scales[0] in ("F64", "F32") and points[0] in ("I64", "F64", "F32") and scales[1] == points[1], "scales")
    axis = params.get("axis")
    if params["scheme"] == "per_tensor":
        need(scales[1] == [1] and axis is None, "scheme")
    else:
        need(params["scheme"] == "per_channel" and is_size(axis) and axis < len(shape), "scheme")
        need(scales[1] == [shape[axis or 0]], "scales")
    if dtype in ("QU4", "QU2"):
        need(is_packed(dtype, params), "packing")
        is_part(parts["values"], "U8", [-(-math.prod(shape) * BITS[dtype] // 8)])
    else:
        need(dtype in QUANTIZED and not {"bits", "order"} & params.keys(), dtype)
        is_part(parts["values"], QUANTIZED[dtype], shape)


def check_coo(_: str, dtype: str, shape: list[int], params: dict[str, Any], parts: dict[str, Part]) -> None:
    kind, size, _data = parts["indices"]
    need(kind == "I64" and len(size) == 2 and size[0] <= len(shape), "indices")
    need(type(params.get("coalesced", False)) is bool, "coalesced")
    axes, count = size
    is_part(parts["values"], PAIRS.get(dtype, dtype), [count, *shape[axes:], *([2] if dtype in PAIRS else [])])
    flat = numbers(parts["indices"])
    columns = [flat[axis * count : (axis + 1) * count] for axis in range(axes)]
    need(all(within(column, shape[axis]) for axis, column in enumerate(columns)), "an index")
    entries = list(zip(*columns, strict=True)) if columns else [()] * count
    need(not params.get("coalesced") or all(a < b for a, b in itertools.pairwise(entries)), "coalesced")


def check_compressed(name: str, dtype: str, shape: list[int], params: dict[str, Any], parts: dict[str, Part]) -> None:
    starts, plain, block = parts["compressed"], parts["plain"], params.get("blocksize", [1, 1])
    at, side = len(starts[1]) - 1, name in ("sparse_csc", "sparse_bsc")
    need({starts[0], plain[0]} <= {"I32", "I64"} and 0 <= at <= len(shape) - 2, "indices")
    need(isinstance(block, list) and len(block) == 2 and all(is_size(n) and n for n in block), "blocksize")
    need(not any(n % size for n, size in zip(shape[at : at + 2], block, strict=True)), "blocksize")
    lines = [shape[at] // block[0], shape[at + 1] // block[1]]
    need(starts[1] == [*shape[:at], lines[side] + 1] and plain[1][:-1] == shape[:at] and len(plain[1]) > at, "indices")
    inner, pair = block if "blocksize" in params else [], [2] if dtype in PAIRS else []
    is_part(parts["values"], PAIRS.get(dtype, dtype), [*plain[1], *inner, *shape[at + 2 :], *pair])
    found, size = numbers(starts), lines[side] + 1
    need(all(rises(found[i : i + size], plain[1][-1]) for i in range(0, len(found), size)), "compressed")
    need(within(numbers(plain), lines[not side]), "an index")


def check_packed(_: str, dtype: str, shape: list[int], params: dict[str, Any], parts: dict[str, Part]) -> None:
    need(dtype in BITS and not dtype.startswith("Q") and is_packed(dtype, params), dtype)
    bits = math.prod(shape) * BITS[dtype]
    need(not dtype.startswith("F") or bits % 8, "it fills whole bytes")
    is_part(parts["values"], "U8", [-(-bits // 8)])


def check_raw(_: str, dtype: str, shape: list[int], params: dict[str, Any], parts: dict[str, Part]) -> None:
    stored, size, _data = parts["values"]
    orders = {"F80": ["little", "big"], "F128": ["little", "big"], "BYTES": ["little", "big", "unknown"]}
    need(params["byte_order"] in orders.get(dtype, ["little"]), "byte_order")
    need(stored == "U8" and size[:-1] == shape and len(size) == len(shape) + 1, "values")
    small = dtype in ("F8_E3M4", "F8_E4M3B11FNUZ") or (dtype in BITS and not dtype.startswith("Q"))
    widths = {"F80": (10, 12, 16), "F128": (16,)}.get(dtype, (1,) if small else ())
    need(size[-1] > 0 if dtype == "BYTES" else size[-1] in widths, "width")


def check_strings(_: str, dtype: str, shape: list[int], params: dict[str, Any], parts: dict[str, Part]) -> None:
    stored, size, data = parts["bytes"]
    need({"STR": "utf-8", "BYTES": "none"}.get(dtype) == params["text"] and is_size(params.get("width", 0)), "text")
    need(stored == "U8" and len(size) == 1, "bytes")
    is_part(parts["offsets"], "I64", [math.prod(shape) + 1])
    need(rises(numbers(parts["offsets"]), size[0]), "offsets")
    items = [data[a:b] for a, b in itertools.pairwise(numbers(parts["offsets"]))]
    try:
        lengths = [len(item.decode() if dtype == "STR" else item) for item in items]
    except UnicodeDecodeError as error:
        raise Unsound("the text is not UTF-8") from error
    need("width" not in params or max(lengths, default=0) <= params["width"], "width")


def form(row: dict[str, Any]) -> tuple[str, list[int], int]:
    """Return the stored dtype of a field, the axes behind those of the tensor, the bytes that it takes in a record."""
    dtype, shape = row["dtype"], row.get("shape", [])
    if old := re.fullmatch(r"\('([^']+)', \(([0-9, ]+)\)\)", dtype):
        size = math.prod(int(n) for n in old[2].split(",") if n.strip()) * form({"dtype": old[1]})[2]
        return "U8", [size], size
    if dtype in FLOATS or dtype in BITS or dtype == "F8_E8M0":
        width = 2 if dtype == "BF16" else 1
        whole = dtype == "BF16" or dtype in ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0")
        return (dtype, shape, math.prod(shape) * width) if whole else ("U8", [*shape, 1], math.prod(shape))
    found = re.match(r"[<>|=]([a-zA-Z])([0-9]+)", dtype)
    need(found, dtype)
    kind, count = found[1], int(found[2])  # type: ignore[index]
    size = count * 4 if kind == "U" else count
    stored = "BOOL" if kind == "b" else {"i": "I", "u": "U", "f": "F", "c": "C"}.get(kind, "-") + str(size * 8)
    in_place = stored in NUMBERS or stored == "C64"
    return (stored, shape, math.prod(shape) * size) if in_place else ("U8", [*shape, size], math.prod(shape) * size)


def check_structured(_: str, dtype: str, shape: list[int], params: dict[str, Any], parts: dict[str, Part]) -> None:
    rows, size = params["fields"], params["item_size"]
    need(dtype == "STRUCT" and isinstance(rows, list) and is_size(size), "fields")
    need(sorted(row["name"] for row in rows) == sorted(parts), "fields")
    for row in rows:
        stored, tail, width = form(row)
        need(is_size(row["offset"]) and row["offset"] + width <= size, row["name"])
        is_part(parts[row["name"]], stored, [*shape, *tail])


COMPRESSED = ("sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")
PARTS = {"complex_pairs": {"values"}, "quantized": {"values", "scales", "zero_points"}, "strings": {"bytes", "offsets"}}
PARTS |= {"sparse_coo": {"indices", "values"}, "packed": {"values"}, "raw": {"values"}}
PARTS |= {name: {"compressed", "plain", "values"} for name in COMPRESSED}
PARAMS: dict[str, tuple[set[str], set[str]]] = {
    "complex_pairs": (set(), set()),
    "quantized": ({"scheme"}, {"axis", "bits", "order"}),
    "sparse_coo": (set(), {"coalesced"}),
    "sparse_csr": (set(), set()),
    "sparse_csc": (set(), set()),
    "sparse_bsr": ({"blocksize"}, set()),
    "sparse_bsc": ({"blocksize"}, set()),
    "packed": ({"bits", "order"}, set()),
    "raw": ({"byte_order"}, set()),
    "strings": ({"text"}, {"width"}),
    "structured": ({"fields", "item_size"}, set()),
}
"""What must be there, what may."""
CHECKS = {
    "complex_pairs": check_pairs,
    "quantized": check_quantized,
    "sparse_coo": check_coo,
    "compressed": check_compressed,
    "packed": check_packed,
    "raw": check_raw,
    "strings": check_strings,
    "structured": check_structured,
}
