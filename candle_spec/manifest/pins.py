"""The pins of ``schemas/index.json``: which release of the format has which schema, by digest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from typing import Any

from candle_spec import resources
from candle_spec.digests import digest_bytes
from candle_spec.manifest import collection


def releases() -> Mapping[str, Any]:
    """Return the releases of the format, by version."""
    found: Mapping[str, Any] = resources.read_json(collection.INDEX)["releases"]
    return found


def differing(folder: Traversable | None = None, stated: Mapping[str, Any] | None = None) -> Iterator[str]:
    """Yield one sentence for every schema that is not the one that the index names.

    Args:
        folder: The schemas; by default those of this package.
        stated: The releases that the index has; by default those of this package.
    """
    root = resources.data_root() if folder is None else folder
    for release, about in (releases() if stated is None else stated).items():
        for name, entry in about["schemas"].items():
            version = entry["version"]
            file = root.joinpath(*name.split("/"), f"{version}.json")
            if not file.is_file():
                yield f"release {release} has {name} {version}, whose file is missing"
            elif digest_bytes(file.read_bytes()) != entry["digest"]:
                yield f"{name} {version} is not the file that release {release} has"
