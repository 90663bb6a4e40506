"""Migrations: how steps are found and put in order, what each kind of change does, and the packaged steps."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from candle_spec.digests import digest_json
from candle_spec.errors import CorruptFileError, InvalidInputError, UnknownVersionError
from candle_spec.manifest import collection, migrations, schema_id
from candle_spec.manifest.changes import (
    AddHeader,
    AddUnpackedDigest,
    Change,
    MakeList,
    NameAnew,
    Remove,
    RemoveDigest,
    RemoveNowhere,
    Rename,
    changed,
    moved,
)
from candle_spec.manifest.inventory_changes import Refuse
from candle_spec.manifest.migrations import NO_FILES, Step, chain, migrate, ordered, steps

A = Step("1.0.0", "1.1.0", {"checkpoint": [Rename("/model/task_name", "task")]})
B = Step("1.1.0", "2.0.0", {"checkpoint": [MakeList("/keyword"), Rename("/keyword", "keywords")]})
OLD = {
    "$schema": schema_id("checkpoint", "1.0.0"),
    "schema_version": "1.0.0",
    "model": {"task_name": "regression"},
    "keyword": "migrated",
    "manifest_digest": "sha256:" + "0" * 64,
}


def test_steps_run_in_the_order_of_their_versions_on_a_copy() -> None:
    new = migrate(OLD, "2.0.0", known=[B, A])
    assert new == {
        "$schema": schema_id("checkpoint", "2.0.0"),
        "schema_version": "2.0.0",
        "model": {"task": "regression"},
        "keywords": ["migrated"],
    }
    assert OLD["model"] == {"task_name": "regression"}
    assert "manifest_digest" in OLD


def test_a_migration_may_stop_on_the_way() -> None:
    assert migrate(OLD, "1.1.0", known=[A, B])["schema_version"] == "1.1.0"


def test_the_same_version_needs_no_step_and_keeps_its_seal() -> None:
    same = migrate(OLD, "1.0.0", known=[A, B])
    assert same == OLD
    assert same["model"] is not OLD["model"]


def test_migrating_twice_is_migrating_once() -> None:
    once = migrate(OLD, "2.0.0", known=[A, B])
    assert migrate(once, "2.0.0", known=[A, B]) == once


@pytest.mark.parametrize(
    ("source", "target"), [("1.0.0", "3.0.0"), ("2.0.0", "1.0.0"), ("0.1.0", "2.0.0"), ("1.0.0", "1.0.5")]
)
def test_no_way(source: str, target: str) -> None:
    with pytest.raises(UnknownVersionError, match=f"from version {source} to {target}"):
        chain(source, target, [A, B])


def test_a_document_without_version() -> None:
    with pytest.raises(UnknownVersionError, match="states no version"):
        migrate({}, "1.0.0")


def test_steps_go_upwards_and_start_from_different_versions() -> None:
    with pytest.raises(InvalidInputError, match="does not go upwards"):
        ordered([Step("1.1.0", "1.0.0", {})])
    with pytest.raises(InvalidInputError, match="two migrations start"):
        ordered([A, Step("1.0.0", "2.0.0", {})])


def test_packaged_steps_are_a_chain_to_the_current_version() -> None:
    for step in steps():
        assert chain(step.source, collection.CURRENT)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose migrations are found as if they were packaged."""
    monkeypatch.setattr(migrations, "__path__", [str(tmp_path)])
    steps.cache_clear()
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]
    steps.cache_clear()


STEP = """\
from candle_spec.manifest.changes import Rename
FROM = "{0}"
TO = "{1}"
CHANGES = {{"checkpoint": [Rename("/{2}", "{3}")]}}
"""


def test_steps_are_found_by_scanning(folder: Path) -> None:
    (folder / "v1_0_0_dev_1_to_v1_0_0.py").write_text(STEP.format("1.0.0-dev.1", "1.0.0", "old", "middle"))
    (folder / "v1_0_0_to_v1_1_0.py").write_text(STEP.format("1.0.0", "1.1.0", "middle", "title"))
    (folder / "_helper.py").write_text("raise RuntimeError")
    assert [(step.source, step.target) for step in steps()] == [("1.0.0-dev.1", "1.0.0"), ("1.0.0", "1.1.0")]
    document = {"$schema": schema_id("checkpoint", "1.0.0-dev.1"), "schema_version": "1.0.0-dev.1", "old": "new"}
    assert migrate(document, "1.1.0")["title"] == "new"


def test_a_file_with_another_name_than_its_versions_is_refused(folder: Path) -> None:
    (folder / "v1_0_0_to_v1_1_0.py").write_text(STEP.format("1.0.0", "1.2.0", "a", "b"))
    with pytest.raises(InvalidInputError, match=r"v1_0_0_to_v1_2_0\.py|goes 1\.0\.0 -> 1\.2\.0"):
        steps()


def test_a_document_of_another_kind_than_it_says_is_refused() -> None:
    with pytest.raises(CorruptFileError, match=r"'\$schema' is '.*/extents/1\.0\.0'"):
        migrate({**OLD, "$schema": schema_id("extents", "1.0.0")}, "2.0.0", known=[A, B])


class Told:
    """Files of which somebody says what they hold."""

    def header(self, path: str) -> dict[str, Any] | None:
        return {"size": len(path), "digest": path} if path != "gone" else None

    def unpacked(self, path: str, size: int) -> str | None:
        return f"{path} of {size}" if path != "gone" else None

    def is_place(self, path: str, root: str) -> bool | None:
        return None if path == "gone" else root == "/there"

    def is_code(self, path: str) -> bool | None:
        return None

    def tensors(self, path: str) -> list[Any] | None:
        return None


WEIGHTS = {"role": ["weights"]}
NAMES: dict[str, str] = {"urn:x:": "https://x/"}
CASES: list[tuple[Change, dict[str, Any], dict[str, Any]]] = [
    (Rename("/a/*/b", "c"), {"a": [{"b": 1, "d": 2}, {"d": 3}, 4]}, {"a": [{"c": 1, "d": 2}, {"d": 3}, 4]}),
    (Rename("/a/b", "c"), {"a": "text"}, {"a": "text"}),
    (Remove("/a/b"), {"a": {"b": 1, "d": 2}}, {"a": {"d": 2}}),
    (Remove("/a/b"), {"a": []}, {"a": []}),
    (
        RemoveDigest("/s/sha256", listed="sha256"),
        {"files": [{"path": "p", "sha256": "1"}], "s": {"path": "p", "sha256": "1"}},
        {"files": [{"path": "p", "sha256": "1"}], "s": {"path": "p"}},
    ),
    (MakeList("/a/b"), {"a": {"b": "x"}}, {"a": {"b": ["x"]}}),
    (
        NameAnew("/c/*", NAMES, ("1", "2")),
        {"c": ["urn:x:a:b:1", "urn:y:1", 5]},
        {"c": ["https://x/a/b/2", "urn:y:1", 5]},
    ),
    (NameAnew("/e", NAMES, ("1", "2"), keys=True), {"e": {"urn:x:m:3": {"v": 1}}}, {"e": {"https://x/m/3": {"v": 1}}}),
    (
        AddHeader("/files/*", WEIGHTS),
        {
            "files": [
                {"path": "abc", "role": "weights"},
                {"path": "b", "role": "x"},
                {"path": "gone", "role": "weights"},
            ]
        },
        {
            "files": [
                {"path": "abc", "role": "weights", "header": {"size": 3, "digest": "abc"}},
                {"path": "b", "role": "x"},
                {"path": "gone", "role": "weights"},
            ]
        },
    ),
    (
        RemoveNowhere("/g/*/root", "/t"),
        {"t": "p", "g": [{"root": "/no"}, {"root": ""}]},
        {"t": "p", "g": [{}, {"root": ""}]},
    ),
    (RemoveNowhere("/g/*/root", "/t"), {"t": "p", "g": [{"root": "/there"}]}, {"t": "p", "g": [{"root": "/there"}]}),
    (RemoveNowhere("/g/*/root", "/t"), {"t": "gone", "g": [{"root": "/no"}]}, {"t": "gone", "g": [{"root": "/no"}]}),
    (RemoveNowhere("/g/*/root", "/t"), {"g": [{"root": "/no"}]}, {"g": [{"root": "/no"}]}),
    (Refuse("/t/*/d", "F128|X.*", "no"), {"t": [{"d": "F12"}, {"d": 3}, 7]}, {"t": [{"d": "F12"}, {"d": 3}, 7]}),
    (AddUnpackedDigest("/r"), {"r": {"path": "p", "size": 3}}, {"r": {"path": "p", "size": 3, "digest": "p of 3"}}),
    (AddUnpackedDigest("/r"), {"r": {"path": "gone", "size": 3}}, {"r": {"path": "gone", "size": 3}}),
    (AddUnpackedDigest("/r"), {"r": {"path": "p", "size": "many"}}, {"r": {"path": "p", "size": "many"}}),
    (
        AddUnpackedDigest("/r"),
        {"r": {"path": "p", "size": 3, "digest": "known"}},
        {"r": {"path": "p", "size": 3, "digest": "known"}},
    ),
]


@pytest.mark.parametrize(("change", "old", "new"), CASES, ids=[type(case[0]).__name__ for case in CASES])
def test_a_change(change: Change, old: dict[str, Any], new: dict[str, Any]) -> None:
    before = copy.deepcopy(old)
    assert changed(old, [change], Told()) == new
    assert old == before


@pytest.mark.parametrize(
    ("change", "document"),
    [
        (Rename("/a", "b"), {"a": 1, "b": 2}),
        (
            RemoveDigest("/s/sha256", listed="sha256"),
            {"files": [{"path": "p", "sha256": "1"}], "s": {"path": "p", "sha256": "2"}},
        ),
        (RemoveDigest("/s/sha256", listed="sha256"), {"files": 3, "s": {"path": "p", "sha256": "2"}}),
    ],
)
def test_a_document_that_contradicts_itself_is_refused(change: Change, document: dict[str, Any]) -> None:
    with pytest.raises(CorruptFileError):
        changed(document, [change], NO_FILES)


CHANGES: list[Change] = [
    Rename("/a", "z"),
    Rename("/f/*/old", "new"),
    Remove("/f/*/gone"),
    NameAnew("/e", NAMES, ("1", "2"), keys=True),
]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/a", "/z"),
        ("/a/b/3", "/z/b/3"),
        ("/ab", "/ab"),
        ("/f/12/old", "/f/12/new"),
        ("/f/12", "/f/12"),
        ("/f/12/gone/b", None),
        ("/e", "/e"),
        ("/e/urn:x:m:1/v", "/e/https:~1~1x~1m~12/v"),
        ("/e/urn:y:1/old", "/e/urn:y:1/old"),
    ],
)
def test_a_pointer_follows_what_it_points_to(old: str, new: str | None) -> None:
    assert moved(old, CHANGES) == new


def test_sources_of_fields_follow_their_values() -> None:
    """A digest that was right is right afterwards; one that was stale stays so; what is gone has no source."""
    old = {"a": {"b": 1}, "f": [{"old": 1, "gone": 2}], "field_sources": []}
    rows = [("/a/b", 1), ("/f/0", old["f"][0]), ("/f/0/old", "stale"), ("/f/0/gone", 2)]
    old["field_sources"] = [{"pointer": at, "source": "user", "value_digest": digest_json(value)} for at, value in rows]
    new = changed(old, CHANGES, NO_FILES)
    assert [(row["pointer"], row["value_digest"]) for row in new["field_sources"]] == [
        ("/z/b", digest_json(1)),
        ("/f/0", digest_json({"new": 1})),
        ("/f/0/new", digest_json("stale")),
    ]
