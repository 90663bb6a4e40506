"""The root of a group: a pointer of native keys, followed through the tags of a state tree."""

from __future__ import annotations

from typing import Any

import pytest

from candle_spec.weights.native_places import is_place

TREE: dict[str, Any] = {
    "$dict": [
        ["a", {"$dict": [["b", [1, {"$tuple": [2, 3]}]]]}],
        [{"$tuple": [1, 2]}, 0],
        [7, {"$object": "m.C", "state": {"$dict": [["net", {"$tensor": ["model", "w"]}]]}}],
        ["again", {"$ref": "/$dict/0/1"}],
        ["round", {"$ref": "/$dict/4/1"}],
        ["steps", [{"$tuple": ["scale", {"$dict": [["mean_", 1]]}]}]],
        ["x/y", None],
    ]
}


@pytest.mark.parametrize(
    "root", ["", "/a", "/a/b", "/a/b/0", "/a/b/1/1", "/1,2", "/7/net", "/again/b", "/steps/scale/mean_", "/x~1y"]
)
def test_places(root: str) -> None:
    assert is_place(TREE, root)


@pytest.mark.parametrize(
    "root", ["/nowhere", "a", "/$dict/0", "/a/b/2", "/a/b/-1", "/a/b/00000000001", "/round/x", "/7/state", "/7/net/w"]
)
def test_no_places(root: str) -> None:
    assert not is_place(TREE, root)


@pytest.mark.parametrize("tree", [{"$ref": ""}, {"$dict": 3}, {"$dict": [3, [1]]}, {"$object": "a", "state": 3}, None])
def test_a_malformed_tree_has_no_places(tree: Any) -> None:
    assert not is_place(tree, "/a/a")
