"""Made-up versions of the format, ``tests/drafts/``: what of them a package of today makes, and one that knows them."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from candle_spec import pointer, resources, schemas
from candle_spec.canonical import pretty
from candle_spec.manifest import collection, engines, features, migrations, schema_id

ROOT: Final = Path(__file__).parents[1] / "drafts"
VERSIONS: Final = ("1.1.0", "1.7.0")


def read(version: str) -> dict[str, Any]:
    """Return a draft."""
    draft: dict[str, Any] = json.loads((ROOT / f"{version}.json").read_bytes())
    return draft


def written(manifest: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Return a manifest as a writer of a draft would have written it, with all that is new in it."""
    made = copy.deepcopy(dict(manifest)) | {"$schema": schema_id("checkpoint", version), "schema_version": version}
    for at, value in read(version)["manifest"].items():
        pointer.put(made, at, value)
    return made


def steps() -> tuple[migrations.Step, ...]:
    """Return the packaged steps, and those to the drafts: a minor version only adds, so nothing changes."""
    versions = (collection.CURRENT, *VERSIONS)
    made = [migrations.Step(*pair, {"checkpoint": ()}) for pair in zip(versions, VERSIONS, strict=False)]
    return (*migrations.steps(), *made)


def _schema(version: str) -> dict[str, Any]:
    """Return the schema of the manifest of a draft: the current one and what the draft adds."""
    made = copy.deepcopy(collection.read("checkpoint"))
    made["$id"] = schema_id("checkpoint", version)
    for at, value in read(version)["schema"].items():
        if at.endswith("/-"):
            pointer.get(made, at.removesuffix("/-")).append(value)
        else:
            pointer.put(made, at, value)
    return made


def _forget() -> None:
    for cached in (
        resources.read_bytes,
        resources.read_json,
        collection.versions,
        collection.documents,
        collection.needed,
        collection.locations,
        features.registry,
        engines.fast_validator,
        engines.reference_validator,
    ):
        cached.cache_clear()


@pytest.fixture
def knowing(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the package be a later one, which knows the drafts."""
    folder = tmp_path_factory.mktemp("schemas")
    now = Path(next(iter(schemas.__path__))).resolve()
    made = {version: _schema(version) for version in VERSIONS}
    for name in os.listdir(now):
        if name not in ("checkpoint", "vocabularies", "index.json"):
            (folder / name).symlink_to(now / name)
    for name in ("checkpoint", "vocabularies"):
        (folder / name).mkdir()
        for path in (now / name).glob("*.json"):
            (folder / name / path.name).symlink_to(path)
    index = json.loads((now / "index.json").read_bytes())
    for version, schema in made.items():
        (folder / "checkpoint" / f"{version}.json").write_bytes(pretty(schema))
        entry = {"checkpoint": {"version": version, "digest": ""}}
        index["releases"][version] = {"status": "development", "schemas": entry}
    (folder / "index.json").write_bytes(pretty(index))
    registry = json.loads((now / "vocabularies" / "features.json").read_bytes())
    registry["features"] += [row for version in VERSIONS for row in read(version)["features"]]
    (folder / "vocabularies" / "features.json").unlink()
    (folder / "vocabularies" / "features.json").write_bytes(pretty(registry))
    monkeypatch.setattr(schemas, "__path__", [str(folder)])
    _forget()
    yield
    monkeypatch.undo()
    _forget()
