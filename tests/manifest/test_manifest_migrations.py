"""Migrations by synthetic steps: no version has been left behind yet."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from candle_spec.errors import InvalidInputError, UnknownVersionError
from candle_spec.manifest import collection, migrations, schema_id
from candle_spec.manifest.migrations import Step, chain, migrate, ordered, steps


def rename(document: dict[str, Any]) -> dict[str, Any]:
    document["model"]["task"] = document["model"].pop("task_name")
    return document


def add(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "keywords": ["migrated"]}


A = Step("1.0.0", "1.1.0", rename)
B = Step("1.1.0", "2.0.0", add)
OLD = {
    "$schema": schema_id("checkpoint", "1.0.0"),
    "schema_version": "1.0.0",
    "model": {"task_name": "regression"},
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
        ordered([Step("1.1.0", "1.0.0", add)])
    with pytest.raises(InvalidInputError, match="two migrations start"):
        ordered([A, Step("1.0.0", "2.0.0", add)])


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


STEP = 'FROM = "{0}"\nTO = "{1}"\n\ndef migrate(document):\n    return {{**document, "title": "new"}}\n'


def test_steps_are_found_by_scanning(folder: Path) -> None:
    (folder / "v1_0_0_dev_1_to_v1_0_0.py").write_text(STEP.format("1.0.0-dev.1", "1.0.0"))
    (folder / "v1_0_0_to_v1_1_0.py").write_text(STEP.format("1.0.0", "1.1.0"))
    (folder / "_helper.py").write_text("raise RuntimeError")
    assert [(step.source, step.target) for step in steps()] == [("1.0.0-dev.1", "1.0.0"), ("1.0.0", "1.1.0")]
    assert migrate({"schema_version": "1.0.0-dev.1"}, "1.1.0")["title"] == "new"


def test_a_file_with_another_name_than_its_versions_is_refused(folder: Path) -> None:
    (folder / "v1_0_0_to_v1_1_0.py").write_text(STEP.format("1.0.0", "1.2.0"))
    with pytest.raises(InvalidInputError, match=r"v1_0_0_to_v1_2_0\.py|goes 1\.0\.0 -> 1\.2\.0"):
        steps()
