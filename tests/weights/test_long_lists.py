"""Long lists of numbers leave the state tree as tensors, and come back as the very lists."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_spec.weights.long_lists import LONG, without_long_lists
from candle_spec.weights.sources import TensorSource
from candle_spec.weights.state_tree import decode, encode_scalar, mapping, sequence


def tree_of(value: Any) -> Any:
    if isinstance(value, dict):
        return mapping((tree_of(key), tree_of(inner)) for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return sequence("list" if isinstance(value, list) else "tuple", [tree_of(item) for item in value])
    return encode_scalar(value)


def back(tree: Any, tensors: list[TensorSource]) -> Any:
    def load(group: str, name: str) -> Any:
        (found,) = [tensor for tensor in tensors if (tensor.group, tensor.name) == (group, name)]
        data = b"".join(bytes(block) for block in found.parts[""].data.blocks())
        return np.frombuffer(data, {"I64": "<i8", "F64": "<f8"}[found.dtype])

    return decode(tree, load)


INTEGERS = list(range(-LONG, LONG))
FLOATS = [index / 3 for index in range(LONG)]


def test_they_come_back_as_lists() -> None:
    state = {"weights": INTEGERS, "deep": [{"w": FLOATS}, FLOATS], "short": INTEGERS[: LONG - 1]}
    tree, tensors = without_long_lists(tree_of(state))
    assert [(t.name, t.dtype, t.shape) for t in tensors] == [
        ("weights", "I64", (2 * LONG,)),
        ("deep.0.w", "F64", (LONG,)),
        ("deep.1", "F64", (LONG,)),
    ]
    again = back(tree, tensors)
    assert again == state
    assert type(again["weights"]) is list
    assert {type(item) for item in again["weights"]} == {int}
    assert {type(item) for item in again["deep"][1]} == {float}


@pytest.mark.parametrize(
    "value",
    [
        tuple(INTEGERS),
        [*INTEGERS, 1.0],
        [*INTEGERS, True],
        [*INTEGERS, 1 << 63],
        [*map(str, INTEGERS)],
        dict.fromkeys(INTEGERS, 1),
        [[1, 2]] * LONG,
    ],
    ids=["tuple", "mixed", "booleans", "beyond 64 bits", "texts", "keys", "lists"],
)
def test_what_is_no_list_of_numbers_stays(value: Any) -> None:
    tree = tree_of(value)
    assert without_long_lists(tree) == (tree, [])


def test_every_bit_of_a_float_is_kept() -> None:
    odd = struct.unpack("<d", b"\1\0\0\0\0\0\xf8\xff")[0]
    floats = [*FLOATS, -0.0, math.inf, -math.inf, math.nan, odd, 5e-324]
    tree, tensors = without_long_lists(tree_of([floats]))
    (again,) = back(tree, tensors)
    assert struct.pack(f"<{len(floats)}d", *again) == struct.pack(f"<{len(floats)}d", *floats)


def test_a_shared_list_stays_shared_and_names_stay_apart() -> None:
    tree = {"$dict": [["a", tree_of(INTEGERS)], ["b", {"$ref": "/$dict/0/1"}], [("x",), tree_of(FLOATS)]]}
    tree["$dict"][2][0] = {"$tuple": ["x"]}
    made, tensors = without_long_lists(tree)
    again = back(made, tensors)
    assert again["a"] is again["b"]
    assert [tensor.name for tensor in tensors] == ["a", "list"]
    twice, tensors = without_long_lists(tree_of({"a": INTEGERS, "b": {}} | {"c": [INTEGERS]}))
    assert len({tensor.name for tensor in tensors}) == len(tensors) == 2
    assert back(twice, tensors) == {"a": INTEGERS, "b": {}, "c": [INTEGERS]}


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=LONG, max_size=LONG + 3))
def test_any_integers_of_64_bits(values: list[int]) -> None:
    tree, tensors = without_long_lists(tree_of(values))
    assert back(tree, tensors) == values
