"""The values of encoded tensors, from section 7 of spec.md alone, in standard Python."""

from __future__ import annotations

import itertools
import math
import struct
from fractions import Fraction
from typing import Any

NUMBERS = {"I8": "b", "U8": "B", "I16": "h", "I32": "i", "I64": "q", "F16": "e", "F32": "f", "F64": "d", "BOOL": "?"}
NUMBERS |= {"U16": "H", "U32": "I", "U64": "Q"}
BITS = {"I2": 2, "U2": 2, "I4": 4, "U4": 4, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "QU4": 4, "QU2": 2}
PAIRS = {"C128": "F64", "C32": "F16"}

Part = tuple[str, list[int], bytes]

FLOATS = {
    "BF16": (8, 7, 127, "ieee"),
    "F8_E5M2": (5, 2, 15, "ieee"),
    "F8_E3M4": (3, 4, 3, "ieee"),
    "F8_E4M3": (4, 3, 7, "fn"),
    "F8_E4M3FNUZ": (4, 3, 8, "fnuz"),
    "F8_E5M2FNUZ": (5, 2, 16, "fnuz"),
    "F8_E4M3B11FNUZ": (4, 3, 11, "fnuz"),
    "F6_E2M3": (2, 3, 1, ""),
    "F6_E3M2": (3, 2, 3, ""),
    "F4": (2, 1, 1, ""),
    "F128": (15, 112, 16383, "ieee"),
}
"""Bits of exponent and fraction, bias, and what the largest exponent means."""


def nested(flat: list[Any], shape: list[int]) -> Any:
    """Return a flat list as lists in lists."""
    if not shape:
        return flat[0]
    step = math.prod(shape[1:])
    return [nested(flat[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def float_of(bits: int, exponent: int, fraction: int, whole: bool = False) -> Fraction:
    """Return a finite float of a sign, an exponent of some bits, and a fraction (with ``whole``: and its first bit)."""
    size = fraction + whole
    sign = -1 if bits >> (size + exponent) & 1 else 1
    power, rest = bits >> size & (1 << exponent) - 1, bits & (1 << size) - 1
    if power and not whole:
        rest |= 1 << fraction
    bias = (1 << exponent - 1) - 1
    return sign * rest * Fraction(2) ** (max(power, 1) - bias - fraction)


def exact(value: Fraction) -> Any:
    """Return a float, or text where a float of 64 bits does not hold it."""
    if abs(value) < 2**1024 and float(value) == value:
        return float(value)
    power = 0
    while value.denominator > 1:
        value, power = value * 2, power - 1
    while value % 2 == 0:
        value, power = value / 2, power + 1
    return f"{value.numerator} * 2^{power}"


def number(dtype: str, bits: int) -> Any:
    """Return the number that some bits are."""
    if dtype in ("I2", "I4"):
        return bits - (1 << BITS[dtype]) if bits >> BITS[dtype] - 1 else bits
    if dtype == "F8_E8M0":
        return math.nan if bits == 255 else 2.0 ** (bits - 127)
    if dtype not in FLOATS:
        return bits
    exponent, fraction, bias, special = FLOATS[dtype]
    highest = (1 << exponent) - 1
    power, rest, negative = bits >> fraction & highest, bits & (1 << fraction) - 1, bits >> exponent + fraction & 1
    if special == "ieee" and power == highest:
        return math.nan if rest else -math.inf if negative else math.inf
    if special == "fn" and (power, rest) == (highest, (1 << fraction) - 1):
        return math.nan
    if special == "fnuz" and negative and not power and not rest:
        return math.nan
    return exact(float_of(bits, exponent, fraction) * Fraction(2) ** ((1 << exponent - 1) - 1 - bias))


def numbers(part: Part) -> list[Any]:
    """Return the numbers of a stored array; pairs, of complex ones."""
    dtype, shape, data = part
    count = math.prod(shape)
    if dtype == "C64":
        floats = struct.unpack(f"<{2 * count}f", data)
        return [list(pair) for pair in zip(floats[::2], floats[1::2], strict=True)]
    if dtype in NUMBERS:
        return list(struct.unpack(f"<{count}{NUMBERS[dtype]}", data))
    if dtype in BITS:
        return [number(dtype, bits) for bits in fields(data, BITS[dtype], count, "low-first")]
    size = len(data) // count if count else 1
    return [number(dtype, int.from_bytes(data[i : i + size], "little")) for i in range(0, len(data), size)]


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
    if isinstance(one, list):
        return [a + b for a, b in zip(one, other, strict=True)]
    return one or other if isinstance(one, bool) else one + other


def zeros(dtype: str, shape: list[int]) -> dict[tuple[int, ...], Any]:
    zero: Any = [0, 0] if dtype in (*PAIRS, "C64") else False if dtype == "BOOL" else 0
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


def extended(bits: int) -> Any:
    """Return the number that the 80 bits of an x87 float are."""
    if bits >> 64 & 0x7FFF != 0x7FFF:
        return exact(float_of(bits, 15, 63, whole=True))
    return math.nan if bits & (1 << 63) - 1 else -math.inf if bits >> 79 else math.inf


def raw(dtype: str, params: dict[str, Any], part: Part) -> list[Any]:
    width = part[1][-1]
    items = [part[2][i : i + width] for i in range(0, len(part[2]), width)]
    if dtype == "BYTES":
        return [item.hex() for item in items]
    little = [item[::-1] if params["byte_order"] == "big" else item for item in items]
    if dtype == "F80":
        return [extended(int.from_bytes(item[:10], "little")) for item in little]
    mask = (1 << BITS.get(dtype, 8 * width)) - 1
    return [number(dtype, int.from_bytes(item, "little") & mask) for item in little]


def field(row: dict[str, Any], part: Part, count: int) -> list[Any]:
    """Return a field of each record: numbers, texts without padding, else bytes in hexadecimal."""
    stored, shape, data = part
    if stored != "U8" or row["dtype"][1:] in ("u1", "8"):
        found = numbers(part)
    else:
        items = [data[i : i + shape[-1]] for i in range(0, len(data), shape[-1])]
        codec = {"<U": "utf-32-le", ">U": "utf-32-be"}.get(row["dtype"][:2])
        found = [item.decode(codec).rstrip("\0") if codec else item.hex() for item in items]
        if len(found) == count:
            return found
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


def written(value: Any) -> Any:
    """Return values as JSON has them: what it lacks is tagged."""
    if isinstance(value, list):
        return [written(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}
    if type(value) is int and not -(2**53) < value < 2**53:
        return {"$int": str(value)}
    return value
