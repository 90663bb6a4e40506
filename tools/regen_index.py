"""Make ``schemas/index.json``: release -> schema -> version and digest. What is released is never changed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from candle_spec.canonical import pretty
from candle_spec.digests import digest_file
from candle_spec.manifest import pins
from candle_spec.manifest.collection import CURRENT, VERSION, precedence, schema_id

FILE = re.compile(rf"(?P<name>[a-z0-9_/-]+)/(?P<version>{VERSION.pattern})\.json")


class FrozenError(Exception):
    """A released schema was changed or removed."""


def make(root: Path, *, freeze: bool = False) -> bytes:
    """Return the index of the schemas below ``root``.

    Args:
        root: The checkout.
        freeze: Mark the current version as released: from then on no schema of it ever changes.

    Raises:
        FrozenError: A schema of a release is not what the index says it is.
    """
    found = schemas(root / "schemas")
    path = root / "schemas" / "index.json"
    old: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {}
    releases = {version: about for version, about in old.get("releases", {}).items() if about["status"] == "released"}
    for fault in pins.differing(root / "schemas", releases):
        raise FrozenError(f"{fault}: what was released is never changed; make a new version of the schema instead")
    if CURRENT not in releases:
        latest = {name: max(versions, key=precedence) for name, versions in sorted(found.items())}
        entries = {
            name: {"version": version, "digest": digest_file(root / "schemas" / name / f"{version}.json")}
            for name, version in latest.items()
        }
        releases[CURRENT] = {"status": "released" if freeze else "development", "schemas": entries}
    ordered = {version: releases[version] for version in sorted(releases, key=precedence)}
    document = {"$schema": schema_id("index"), "schema_version": CURRENT, "current": CURRENT, "releases": ordered}
    return pretty(document)


def schemas(folder: Path) -> dict[str, list[str]]:
    """Return the versions of every schema below ``folder``."""
    found: dict[str, list[str]] = {}
    for path in folder.rglob("*.json"):
        if match := FILE.fullmatch(path.relative_to(folder).as_posix()):
            found.setdefault(match["name"], []).append(match["version"])
    return found
