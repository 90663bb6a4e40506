"""Native structures come back from their state tree as they were."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_spec.errors import CorruptFileError
from candle_spec.manifest import check
from candle_spec.weights import state_tree

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(exclude_categories=[]), max_size=8)
    | st.binary(max_size=8)
    | st.complex_numbers(allow_nan=False)
)
keys = st.integers() | st.text(max_size=4) | st.booleans() | st.none() | st.tuples(st.integers())
structures = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


def encode(value: Any) -> Any:
    if isinstance(value, dict):
        return state_tree.mapping([(encode(key), encode(item)) for key, item in value.items()])
    if isinstance(value, (list, tuple)):
        return state_tree.sequence(type(value).__name__, [encode(item) for item in value])
    return state_tree.encode_scalar(value)


def same(a: Any, b: Any) -> bool:
    """Equality that tells 1 from 1.0 and True, -0.0 from 0.0, and NaN by its bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack("<d", a) == struct.pack("<d", b)
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, dict):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a.items(), b.items(), strict=True))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


@given(structures)
def test_structures_come_back(value: Any) -> None:
    tree = json.loads(json.dumps(encode(value), allow_nan=False))
    assert same(state_tree.decode(tree, lambda group, name: (group, name)), value)


@given(structures)
def test_trees_obey_their_schema(value: Any) -> None:
    document = {
        "$schema": "https://w3id.org/candle-spec/schemas/state-tree/1.0.0-rc.1",
        "schema_version": "1.0.0-rc.1",
        "tree": encode(value),
    }
    assert [problem.message for problem in check(document, schema="state-tree") if problem.severity == "error"] == []


@pytest.mark.parametrize("bits", ["7ff8000000000000", "7ff8000000000001", "fff8000000000000", "7ff0000000000001"])
def test_bits_of_nan(bits: str) -> None:
    value = struct.unpack(">d", bytes.fromhex(bits))[0]
    back = state_tree.decode(state_tree.encode_scalar(value), lambda *_: None)
    assert struct.pack(">d", back).hex() == bits
    assert math.isnan(back)


def test_sharing_and_cycles() -> None:
    tree = {"$dict": [["a", [1, {"$ref": "/$dict/0/1"}]], ["b", {"$ref": "/$dict/0/1"}]]}
    value = state_tree.decode(tree, lambda *_: None)
    assert value["a"] is value["b"]
    assert value["a"][1] is value["a"]


@pytest.mark.parametrize(
    "tree",
    [
        {"$wrong": 1},
        {"$ref": "/nowhere"},
        {"$bytes": "!"},
        {"$float": "x"},
        {"$scalar": "<f8", "value": "00"},
        {"$tensor": 1},
    ],
)
def test_malformed_trees_are_refused(tree: Any) -> None:
    with pytest.raises(CorruptFileError):
        state_tree.decode(tree, lambda group, name: None)
