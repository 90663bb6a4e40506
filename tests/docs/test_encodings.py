"""The encodings of spec.md, decoded from its words alone: no line here is of the package, but for the comparison."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from candle_spec.checkpoint.inventory import StoredArray, Tensor
from candle_spec.validation.rules.encodings import encoding_fault
from candle_spec.weights.dtypes import to_numpy
from candle_spec.weights.encodings import PARTS, EncodedArray, decode
from candle_spec.weights.packing import unpacked
from tests.conformance.decode import BITS, PAIRS, Part, decoded, fields, nested, number
from tests.conformance.sound import check

SPEC = (Path(__file__).parents[2] / "spec.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| `(\w+)` \| (\w+) (\[[0-9,]*\]) \| (?:`(.*?)`)? \| ((?:\w+ \w+ \[[0-9,]*\] [0-9a-f]*;? ?)+) \| `(.*?)`"
    r" \| (sha256:[0-9a-f]{64}) \|$",
    re.MULTILINE,
)
VECTORS = ROW.findall(SPEC)


def parts_of(text: str) -> dict[str, Part]:
    rows = (item.split(" ") for item in text.strip().split("; "))
    return {name: (dtype, json.loads(shape), bytes.fromhex(given)) for name, dtype, shape, given in rows}


def flat(value: Any, depth: int) -> list[Any]:
    return [value] if not depth else [item for inner in value for item in flat(inner, depth - 1)]


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
    check(name, dtype, json.loads(shape), settings, parts)
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
