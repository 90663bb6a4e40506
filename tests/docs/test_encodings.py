"""The encodings of spec.md, decoded from its words alone: no line here is of the package, but for the comparison."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from candle_spec.checkpoint.inventory import StoredArray, Tensor
from candle_spec.validation.rules.encodings import encoding_fault
from candle_spec.weights.dtypes import to_numpy
from candle_spec.weights.encodings import PARTS, EncodedArray, decode
from candle_spec.weights.packing import unpacked

SPEC = (Path(__file__).parents[2] / "spec.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| `(\w+)` \| (\w+) (\[[0-9,]*\]) \| (?:`(.*?)`)? \| ((?:\w+ \w+ \[[0-9,]*\] [0-9a-f]*;? ?)+) \| `(.*?)`"
    r" \| (sha256:[0-9a-f]{64}) \|$",
    re.MULTILINE,
)
VECTORS = ROW.findall(SPEC)
NUMBERS = {"I8": "b", "U8": "B", "I16": "h", "I32": "i", "I64": "q", "F16": "e", "F32": "f", "F64": "d", "BOOL": "?"}
BITS = {"I2": 2, "U2": 2, "I4": 4, "U4": 4, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "QU4": 4, "QU2": 2}
PAIRS = {"C128": "F64", "C32": "F16"}

Part = tuple[str, list[int], bytes]


def parts_of(text: str) -> dict[str, Part]:
    rows = (item.split(" ") for item in text.strip().split("; "))
    return {name: (dtype, json.loads(shape), bytes.fromhex(given)) for name, dtype, shape, given in rows}


def nested(flat: list[Any], shape: list[int]) -> Any:
    """Return a flat list as lists in lists."""
    if not shape:
        return flat[0]
    step = math.prod(shape[1:])
    return [nested(flat[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def flat(value: Any, depth: int) -> list[Any]:
    return [value] if not depth else [item for inner in value for item in flat(inner, depth - 1)]


def float_of(bits: int, exponent: int, fraction: int, whole: bool = False) -> Fraction:
    """Return a finite float of a sign, an exponent of some bits, and a fraction (with ``whole``: and its first bit)."""
    size = fraction + whole
    sign = -1 if bits >> (size + exponent) & 1 else 1
    power, rest = bits >> size & (1 << exponent) - 1, bits & (1 << size) - 1
    if power and not whole:
        rest |= 1 << fraction
    bias = (1 << exponent - 1) - 1
    return sign * rest * Fraction(2) ** (max(power, 1) - bias - fraction)


def number(dtype: str, bits: int) -> Any:
    """Return the number that some bits are."""
    if dtype in ("I2", "I4"):
        return bits - (1 << BITS[dtype]) if bits >> BITS[dtype] - 1 else bits
    forms = {"F4": (2, 1), "F6_E2M3": (2, 3), "F6_E3M2": (3, 2), "F8_E3M4": (3, 4), "BF16": (8, 7), "F128": (15, 112)}
    return float(float_of(bits, *forms[dtype])) if dtype in forms else bits


def numbers(part: Part) -> list[Any]:
    dtype, shape, data = part
    if dtype in NUMBERS:
        return list(struct.unpack(f"<{math.prod(shape)}{NUMBERS[dtype]}", data))
    assert dtype == "BF16"
    return [number(dtype, bits) for (bits,) in struct.iter_unpack("<H", data)]


def fields(data: bytes, bits: int, count: int, order: str) -> list[int]:
    """Return numbers of some bits from a stream of them."""
    stream = "".join(f"{byte:08b}"[:: -1 if order == "low-first" else 1] for byte in data)
    found = (stream[i * bits : (i + 1) * bits] for i in range(count))
    return [int(item[::-1] if order == "low-first" else item, 2) for item in found]


def elements(dtype: str, part: Part) -> list[Any]:
    """Return the values of a sparse tensor: numbers, or pairs of them."""
    found = numbers(part)
    return [list(pair) for pair in zip(found[::2], found[1::2], strict=True)] if dtype in PAIRS else found


def add(one: Any, other: Any) -> Any:
    return [a + b for a, b in zip(one, other, strict=True)] if isinstance(one, list) else one + other


def zeros(dtype: str, shape: list[int]) -> dict[tuple[int, ...], Any]:
    zero: Any = [0, 0] if dtype in PAIRS else 0
    return dict.fromkeys(itertools.product(*map(range, shape)), zero)


def coo(dtype: str, shape: list[int], parts: dict[str, Part]) -> list[Any]:
    (axes, count), found = parts["indices"][1], zeros(dtype, shape)
    indices, values = numbers(parts["indices"]), iter(elements(dtype, parts["values"]))
    for j in range(count):
        for inner in itertools.product(*map(range, shape[axes:])):
            place = (*(indices[axis * count + j] for axis in range(axes)), *inner)
            found[place] = add(found[place], next(values))
    return list(found.values())


def compressed(name: str, dtype: str, shape: list[int], params: dict[str, Any], parts: dict[str, Part]) -> list[Any]:
    found, (rows, columns) = zeros(dtype, shape), params.get("blocksize", [1, 1])
    *batches, size = parts["compressed"][1]
    starts, plain = numbers(parts["compressed"]), numbers(parts["plain"])
    values, tail = iter(elements(dtype, parts["values"])), shape[len(batches) + 2 :]
    entries = parts["plain"][1][-1]
    for at, batch in enumerate(itertools.product(*map(range, batches))):
        for entry in range(entries):
            line = next(i for i in range(size - 1) if entry < starts[at * size + i + 1])
            across = plain[at * entries + entry]
            row, column = (line, across) if name in ("sparse_csr", "sparse_bsr") else (across, line)
            for i, j, *rest in itertools.product(range(rows), range(columns), *map(range, tail)):
                place = (*batch, row * rows + i, column * columns + j, *rest)
                found[place] = add(found[place], next(values))
    return list(found.values())


def quantized(dtype: str, shape: list[int], params: dict[str, Any], parts: dict[str, Part]) -> list[Any]:
    integers = numbers(parts["values"])
    if dtype in BITS:
        integers = fields(parts["values"][2], params["bits"], math.prod(shape), params["order"])
    scales, points = numbers(parts["scales"]), numbers(parts["zero_points"])
    places = itertools.product(*map(range, shape))
    channels = [place[params["axis"]] if params["scheme"] == "per_channel" else 0 for place in places]
    return [(n - points[c]) * scales[c] for n, c in zip(integers, channels, strict=True)]


def raw(dtype: str, params: dict[str, Any], part: Part) -> list[Any]:
    width = part[1][-1]
    items = [part[2][i : i + width] for i in range(0, len(part[2]), width)]
    if dtype == "BYTES":
        return [item.hex() for item in items]
    little = [item[::-1] if params["byte_order"] == "big" else item for item in items]
    if dtype == "F80":
        return [float(float_of(int.from_bytes(item[:10], "little"), 15, 63, whole=True)) for item in little]
    mask = (1 << BITS.get(dtype, 8 * width)) - 1
    return [number(dtype, int.from_bytes(item, "little") & mask) for item in little]


def field(row: dict[str, Any], part: Part, count: int) -> list[Any]:
    """Return a field of each record."""
    stored, shape, data = part
    if stored != "U8" or row["dtype"].endswith("u1"):
        found = numbers(part)
    else:
        width = shape[-1]
        assert row["dtype"][1] == "U"
        codec = "utf-32-le" if row["dtype"][0] == "<" else "utf-32-be"
        found = [data[i : i + width].decode(codec).rstrip("\0") for i in range(0, len(data), width)]
    inner = row.get("shape", [])
    size = math.prod(inner)
    return [nested(found[i * size : (i + 1) * size], inner) for i in range(count)]


def decoded(name: str, dtype: str, shape: list[int], params: dict[str, Any], parts: dict[str, Part]) -> Any:
    """Return the values of an encoded tensor as lists."""
    count = math.prod(shape)
    if name == "complex_pairs":
        found = elements(dtype, parts["values"])
    elif name == "quantized":
        found = quantized(dtype, shape, params, parts)
    elif name == "sparse_coo":
        found = coo(dtype, shape, parts)
    elif name.startswith("sparse"):
        found = compressed(name, dtype, shape, params, parts)
    elif name == "packed":
        found = [number(dtype, n) for n in fields(parts["values"][2], params["bits"], count, params["order"])]
    elif name == "raw":
        found = raw(dtype, params, parts["values"])
    elif name == "strings":
        items = [parts["bytes"][2][a:b] for a, b in itertools.pairwise(numbers(parts["offsets"]))]
        found = [item.decode("utf-8") if params["text"] == "utf-8" else item.hex() for item in items]
    else:
        columns = [field(row, parts[row["name"]], count) for row in params["fields"]]
        found = [list(record) for record in zip(*columns, strict=True)]
    return nested(found, shape)


def digest(name: str, params: dict[str, Any], parts: dict[str, Part]) -> str:
    def sha(data: bytes) -> str:
        return "sha256:" + hashlib.sha256(data).hexdigest()

    rows = {key: [dtype, shape, sha(data)] for key, (dtype, shape, data) in parts.items()}
    document = {"encoding": name, "params": params, "parts": rows}
    return sha(json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def test_every_encoding_has_a_vector() -> None:
    assert {row[0] for row in VECTORS} == set(PARTS)
    assert len(VECTORS) == len(re.findall(r"^\| `\w+` \| .* \| sha256:", SPEC, re.MULTILINE))


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_the_words_give_the_values(row: tuple[str, ...]) -> None:
    name, dtype, shape, params, given, values, stated = row
    parts, settings = parts_of(given), json.loads(params or "{}")
    assert decoded(name, dtype, json.loads(shape), settings, parts) == json.loads(values)
    assert digest(name, settings, parts) == stated


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_the_package_gives_the_values(row: tuple[str, ...]) -> None:
    name, dtype, shape, params, given, values, stated = row
    sizes, settings, parts = tuple(json.loads(shape)), json.loads(params or "{}"), parts_of(given)
    stored = {key: StoredArray("m", key, kind, tuple(axes), stated) for key, (kind, axes, _) in parts.items()}
    assert encoding_fault(Tensor("model", "t", dtype, sizes, stated, None, stored, name, settings)) == ""
    arrays = {
        key: np.frombuffer(data, np.uint8).view(to_numpy(kind)).reshape(axes)
        for key, (kind, axes, data) in parts.items()
    }
    found = decode(dtype, sizes, name, settings, arrays)
    if isinstance(found, EncodedArray):
        assert name.startswith(("quantized", "sparse")) or dtype in ("C32", "F80", "F128")
        return
    if dtype in PAIRS:
        found = np.stack([found.real, found.imag], -1)
    listed = [item.hex() for item in flat(found.tolist(), found.ndim)] if dtype == "BYTES" else None
    if dtype == "STRUCT":
        listed = [[np.asarray(item).astype(object).tolist() for item in record] for record in found.reshape(-1)]
    plain = found.astype(float) if dtype in BITS or dtype in ("F80", "F128", "F8_E3M4") else found
    assert (nested(listed, list(sizes)) if listed else plain.tolist()) == json.loads(values)


@pytest.mark.framework
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*(beta state|quantize)")
@pytest.mark.parametrize(
    "row", [row for row in VECTORS if row[0].startswith(("complex", "quantized", "sparse"))], ids=lambda row: row[0]
)
def test_torch_gives_the_values(row: tuple[str, ...]) -> None:
    torch = pytest.importorskip("torch")
    from candle_spec.weights.reader import TORCH
    from candle_spec.weights.torch_encodings import decode_torch

    name, dtype, shape, params, given, values, _ = row
    parts = {
        key: torch.frombuffer(bytearray(data), dtype=torch.uint8).view(getattr(torch, TORCH[kind])).reshape(axes)
        for key, (kind, axes, data) in parts_of(given).items()
    }
    found = decode_torch(dtype, tuple(json.loads(shape)), name, json.loads(params or "{}"), parts)
    dense = found.dequantize() if found.is_quantized else found.to_dense()
    if dense.is_complex():
        dense = torch.view_as_real(dense.to(torch.complex128))
    assert dense.tolist() == json.loads(values)


@pytest.mark.parametrize(
    ("dtype", "given", "values"),
    [
        ("F4", "21", [0.5, 1.0]),
        ("F6_E2M3", "4180f7", [0.125, 0.125, 7.0, -7.5]),
        ("F6_E3M2", "4180f7", [0.0625, 0.0625, 24.0, -20.0]),
    ],
)
def test_elements_that_share_bytes(dtype: str, given: str, values: list[float]) -> None:
    bits = fields(bytes.fromhex(given), BITS[dtype], len(values), "low-first")
    assert [number(dtype, n) for n in bits] == unpacked(
        dtype, (len(values),), np.frombuffer(bytes.fromhex(given), np.uint8)
    ).astype(float).tolist()
