"""The command; see :mod:`tools.schema_diff`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import tools.schema_diff
from candle_spec.errors import CandleSpecError, InvalidInputError
from candle_spec.manifest import collection
from candle_spec.manifest.bundles.subschemas import rebuilt
from tools.schema_diff.changes import changes
from tools.schema_diff.keywords import Change, Size

ROOT = Path(__file__).resolve().parents[2]
_PLURAL = {Size.NONE: "no change", Size.PATCH: "patch", Size.MINOR: "minor", Size.MAJOR: "major"}


class Tree:
    """The schemas below a folder, by name and version and by identifier; every ``$ref`` absolute."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.schemas: dict[str, Any] = {}
        self.versions: dict[str, list[str]] = {}
        for path in sorted(folder.rglob("*.json")):
            name, version = path.parent.relative_to(folder).as_posix(), path.stem
            if collection.VERSION.fullmatch(version) and "examples" not in name.split("/"):
                schema = json.loads(path.read_bytes())
                if "$id" in schema:
                    self.schemas[schema["$id"]] = _absolute(schema, schema["$id"])
                    self.versions.setdefault(name, []).append(version)
        for known in self.versions.values():
            known.sort(key=collection.precedence)
        index = folder / collection.INDEX
        releases = json.loads(index.read_bytes())["releases"].values() if index.is_file() else ()
        self.released = {
            (name, entry["version"])
            for release in releases
            if release["status"] == "released"
            for name, entry in release["schemas"].items()
        }

    def identifier(self, name: str, version: str) -> str:
        """Return the identifier of a schema of this tree."""
        return str(json.loads((self.folder / name / f"{version}.json").read_bytes())["$id"])


def _absolute(schema: Any, identifier: str) -> Any:
    if not isinstance(schema, dict):
        return schema
    result = rebuilt(schema, lambda _, inner: _absolute(inner, identifier))
    if str(result.get("$ref", "")).startswith("#"):
        result["$ref"] = identifier + result["$ref"]
    return result


def allowed(old: str, new: str) -> Size:
    """Return the largest change that may lie between two versions.

    Before a release, from ``-rc.1`` to ``-rc.2`` and to the release itself, it is what the release may change.
    """
    before, after = collection.precedence(old), collection.precedence(new)
    if after <= before:
        return Size.NONE
    sizes = (Size.MAJOR, Size.MINOR, Size.PATCH)
    for size, one, other in zip(sizes, before, after, strict=False):
        if one != other:
            return size
    return Size.PATCH if after[2] else Size.MINOR if after[1] else Size.MAJOR


def compared(name: str, old: tuple[Tree, str], new: tuple[Tree, str]) -> tuple[list[Change], str]:
    """Return the changes between two versions of a schema, and what is wrong with the number, or ``""``."""
    (before, was), (after, now) = old, new
    found = changes(before.identifier(name, was), after.identifier(name, now), before.schemas, after.schemas)
    size = max((change.size for change in found), default=Size.NONE)
    if was == now and size is not Size.NONE:
        fault = f"{name} {now} was released and never changes" if (name, was) in before.released else ""
    else:
        fault = f"{name} {now} is too small a step from {was}" if size > allowed(was, now) else ""
    return found, f"{fault}: what changed is {_PLURAL[size]}" if fault else ""


def check(folder: Path) -> Iterator[str]:
    """Yield what is wrong with the number of any version, compared with the one before it."""
    tree = Tree(folder)
    for name, versions in sorted(tree.versions.items()):
        for was, now in pairwise(versions):
            fault = compared(name, (tree, was), (tree, now))[1]
            if fault:
                yield fault


def _file(path: Path) -> tuple[str, Tree, str]:
    """Return name, tree and version of the schema that a file holds."""
    schema = json.loads(path.read_bytes())
    named = collection.parse_id(str(schema.get("$id", "")))
    if named is None:
        raise InvalidInputError("its $id names no schema of this project", location=str(path))
    root = path.resolve().parents[len(named[0].split("/"))]
    if root.joinpath(*named[0].split("/"), f"{named[1]}.json") != path.resolve():
        raise InvalidInputError("a schema stands where its $id says: <name>/<version>.json", location=str(path))
    return named[0], Tree(root), named[1]


def difference(old: Path, new: Path) -> int:
    """Print what changed between two files or two folders, and return the exit code."""
    faults = []
    if old.is_dir():
        before, after = Tree(old), Tree(new)
        for name in sorted(before.versions.keys() | after.versions.keys()):
            if name in before.versions and name in after.versions:
                rows, fault = compared(name, (before, before.versions[name][-1]), (after, after.versions[name][-1]))
                _print(name, before.versions[name][-1], after.versions[name][-1], rows)
                faults.append(fault)
            else:
                print(f"{name}: {'is gone (major)' if name in before.versions else 'is new (minor)'}")
    else:
        (name, before, was), (other, after, now) = _file(old), _file(new)
        if name != other:
            raise InvalidInputError(f"{name} and {other} are two schemas", location=str(new))
        rows, fault = compared(name, (before, was), (after, now))
        _print(name, was, now, rows)
        faults.append(fault)
    return _failed(faults)


def _print(name: str, was: str, now: str, found: Iterable[Change]) -> None:
    rows = sorted(found, key=lambda change: -change.size)
    size = max((change.size for change in rows), default=Size.NONE)
    print(f"{name} {was} -> {now}: {_PLURAL[size]}")
    for change in rows:
        print(f"  {_PLURAL[change.size]:<6} {change.place.removeprefix(collection.BASE)}  {change.words}")


def _failed(faults: Iterable[str]) -> int:
    said = [fault for fault in faults if fault]
    print("".join(f"{fault}\n" for fault in said), end="", file=sys.stderr)
    return 1 if said else 0


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    if arguments == ["--check"]:
        return _failed(check(ROOT / "schemas"))
    if len(arguments) != 2:
        print(tools.schema_diff.__doc__, file=sys.stderr)
        return 2
    try:
        return difference(Path(arguments[0]), Path(arguments[1]))
    except (CandleSpecError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
