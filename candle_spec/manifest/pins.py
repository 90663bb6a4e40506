"""The pins of ``schemas/index.json``: which release of the format has which schema, by digest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from candle_spec import resources
from candle_spec.digests import digest_bytes
from candle_spec.manifest import collection


def releases() -> Mapping[str, Any]:
    """Return the releases of the format, by version."""
    found: Mapping[str, Any] = resources.read_json(collection.INDEX)["releases"]
    return found


def digest(name: str, version: str = collection.CURRENT) -> str:
    """Return the digest of a packaged schema's file: the pin by which one names it for good."""
    collection.read(name, version)  # says clearly that there is none
    return digest_bytes(resources.read_bytes(f"{name}/{version}.json"))


def differing() -> Iterator[str]:
    """Yield one sentence for every packaged schema that is not the one that the index names."""
    for release, about in releases().items():
        for name, entry in about["schemas"].items():
            version = entry["version"]
            try:
                actual = digest_bytes(resources.read_bytes(f"{name}/{version}.json"))
            except FileNotFoundError:
                yield f"release {release} has {name} {version}, whose file is missing"
            else:
                if actual != entry["sha256"]:
                    yield f"{name} {version} is not the file that release {release} has"
