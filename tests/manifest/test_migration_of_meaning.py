"""Changes of what a manifest says of tensors and of code: computed from the inventory, told from sentences."""

from __future__ import annotations

from typing import Any

import pytest

from candle_spec.digests import digest_json
from candle_spec.manifest.changes import changed
from candle_spec.manifest.code_changes import Describe, MarkCode, NameCode
from candle_spec.manifest.inventory_changes import Recount, RemoveUntrue
from candle_spec.manifest.migrations import NO_FILES

COUNT = Recount("/model/parameter_count", "/weights/groups/*", without=("BOOL", "STR"), roles=("parameter",))
PRECISION = RemoveUntrue("/model/precision", COUNT, ("I64",))
ROWS = [
    {"group": "model", "name": "w", "dtype": "F32", "shape": [3, 4], "role": "parameter"},
    {"group": "model", "name": "mean", "dtype": "F64", "shape": [5], "role": "buffer"},
    {"group": "model", "name": "steps", "dtype": "I64", "shape": []},
    {"group": "model", "name": "mask", "dtype": "BOOL", "shape": [7]},
    {"group": "model", "name": "tied", "dtype": "F32", "shape": [3, 4], "alias_of": ["model", "w"]},
    {"group": "optimizer", "name": "m", "dtype": "F32", "shape": [2]},
]


class Apart:
    """An inventory in two files."""

    def header(self, path: str) -> None:
        return None

    def unpacked(self, path: str, size: int) -> None:
        return None

    def is_place(self, path: str, root: str) -> None:
        return None

    def is_code(self, path: str) -> bool | None:
        return None

    def tensors(self, path: str) -> list[Any] | None:
        return {"a": ROWS[:2], "b": ROWS[2:]}.get(path)


def document(model: dict[str, Any], **weights: Any) -> dict[str, Any]:
    groups = [{"id": "model", "parameter_count": 25}, {"id": "optimizer", "parameter_count": 2}, {"id": "rng"}]
    return {"model": model, "weights": {"kind": "tensors", "groups": groups, **(weights or {"tensors": ROWS})}}


def counts(made: dict[str, Any]) -> list[Any]:
    return [made["model"].get("parameter_count"), *(row.get("parameter_count") for row in made["weights"]["groups"])]


def test_parameters_are_counted_again() -> None:
    assert counts(changed(document({"parameter_count": 25}), [COUNT], NO_FILES)) == [13, 13, 2, None]
    apart = document({"parameter_count": 25}, inventory=["a", "b"])
    assert counts(changed(apart, [COUNT], Apart())) == [13, 13, 2, None]


@pytest.mark.parametrize(
    "old",
    [
        document({"parameter_count": 24}, tensors=ROWS),
        document({"parameter_count": "many"}, tensors=ROWS),
    ],
)
def test_a_count_that_was_wrong_stays(old: dict[str, Any]) -> None:
    stated = old["model"]["parameter_count"]
    assert counts(changed(old, [COUNT], NO_FILES)) == [stated, 13, 2, None]


@pytest.mark.parametrize(
    "old",
    [
        document({"parameter_count": 25}, inventory=["a", "gone"]),
        document({"parameter_count": 25}, tensors=[{**ROWS[0], "shape": "3x4"}, *ROWS[1:5]]),
        {"model": {"parameter_count": 25}, "weights": 7},
        {"model": 3, "weights": {"tensors": ROWS}},
    ],
)
def test_what_cannot_be_counted_stays(old: dict[str, Any]) -> None:
    before = old["model"]
    assert changed(old, [COUNT], Apart())["model"] == before


@pytest.mark.parametrize(
    ("stated", "stays"),
    [
        (["F32"], True),
        (["F32", "I64"], True),
        (["I64"], False),
        (["F32", "F64"], False),
        (["F64"], False),
        ([], False),
        ("F32", False),
    ],
)
def test_a_precision_that_is_not_true_is_gone_with_its_source(stated: Any, stays: bool) -> None:
    old = document({"precision": stated})
    source = {"pointer": "/model/precision", "source": "user", "value_digest": digest_json(stated)}
    new = changed({**old, "field_sources": [source]}, [PRECISION], NO_FILES)
    assert ("precision" in new["model"]) is stays
    assert new["field_sources"] == ([source] if stays else [])


def test_precision_of_a_payload_stays() -> None:
    old = document({"precision": ["F64"]}, kind="payload", tensors=[{**ROWS[0], "group": "derived"}])
    assert changed(old, [PRECISION], NO_FILES) == old


FILES = [
    {"path": "config.json", "role": "topology"},
    {"path": "topology/net.py", "role": "topology"},
    {"path": "fit.R", "role": "artifact"},
    {"path": "Dockerfile", "role": "environment"},
    {"path": "genes.txt", "role": "artifact"},
    {"path": "model.pkl", "role": "code"},
]
NAMED = r"(?is)(.*\.(py|r|pkl)|(.*/)?dockerfile)"
DESCRIBE = Describe("/code/*", {r"layer .*\(Lambda\): ": "lambda-layer"}, other="other")


def test_sentences_become_entries() -> None:
    old = {
        "files": FILES,
        "code": [
            "config.json: layer 'x' (Lambda): Python bytecode",
            "layer 'y' (Lambda): Python bytecode",
            "ghost.json: layer 'z'",
            "config.json: ",
            {"kind": "other"},
        ],
    }
    assert changed(old, [DESCRIBE], NO_FILES)["code"] == [
        {"path": "config.json", "kind": "lambda-layer", "description": "layer 'x' (Lambda): Python bytecode"},
        {"kind": "lambda-layer", "description": "layer 'y' (Lambda): Python bytecode"},
        {"kind": "other", "description": "ghost.json: layer 'z'"},
        {"kind": "other", "description": "config.json: "},
        {"kind": "other"},
    ]


def test_topologies_that_are_code_are_named_where_code_is_declared() -> None:
    name = NameCode("/code", {"role": "topology"}, NAMED, kind="torchscript")
    new = {"path": "topology/net.py", "kind": "torchscript"}
    assert changed({"files": FILES, "code": [{"kind": "other"}]}, [name], NO_FILES)["code"] == [{"kind": "other"}, new]
    assert changed({"files": FILES, "code": [new]}, [name], NO_FILES)["code"] == [new]
    assert changed({"files": FILES, "code": []}, [name], NO_FILES)["code"] == []


def test_files_with_the_name_of_code_have_its_role() -> None:
    mark = MarkCode("/files/*", "code", NAMED, but=("code", "topology"))
    roles = [row["role"] for row in changed({"files": FILES}, [mark], NO_FILES)["files"]]
    assert roles == ["topology", "topology", "code", "code", "artifact", "code"]
