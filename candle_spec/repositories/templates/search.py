"""Where templates are found: in the package, in entry points, in folders that a user names. Later places win.

A place is a folder of templates, ``<id>/<version>/template.yaml``; a folder that is itself a template counts too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from candle_spec import resources
from candle_spec.errors import InvalidInputError, MissingPathError
from candle_spec.manifest.spelling import nearest
from candle_spec.plugins import entry_points
from candle_spec.repositories.templates.folder import Folder
from candle_spec.repositories.templates.library import Library
from candle_spec.repositories.templates.template import TEMPLATE, Template

PACKAGED: Final = "repositories"
LOCAL: Final = "candle-templates"
VARIABLE: Final = "CANDLE_SPEC_TEMPLATES"
GROUP: Final = "candle_spec.templates"


def library(named: Sequence[str | Path] = ()) -> Library:
    """Return all templates that are found.

    Args:
        named: Folders that the user names; they win over all others.

    Raises:
        MissingPathError: A folder that was named is not there, or holds no template.
    """
    found: dict[str, Folder] = {}
    packaged = resources.data_root().joinpath(PACKAGED)
    if packaged.is_dir():
        found |= {key: Folder(root, key) for key, root in _templates(packaged)}
    for place in [*_announced(), *_from_variable(), *([Path(LOCAL)] if Path(LOCAL).is_dir() else ())]:
        found |= _below(place)
    for place in map(Path, named):
        below = _below(place)
        if not below:
            raise MissingPathError("there is no template here: no template.yaml", location=str(place))
        found |= below
    return Library(found)


def choose(every: Library, wanted: str) -> Template:
    """Return a template by id (its newest version), by ``id/version``, or by another name that it has.

    Behind the id may stand a form, ``zenodo:record``; otherwise it is the template's usual one.

    Raises:
        InvalidInputError: There is none, or it has no such form; the hint names the nearest.
    """
    name, _, version = wanted.partition("/")
    name, _, form = name.partition(":")
    return every.get(_key(every, f"{name}/{version}" if version else name)).in_form(form)


def _key(every: Library, wanted: str) -> str:
    if wanted in every.keys:
        return wanted
    ids = {key.partition("/")[0]: key for key in sorted(every.keys, key=_order)}
    if wanted in ids:
        return ids[wanted]
    for key in ids.values():
        if wanted in every.get(key).about.get("keys", ()):
            return key
    near = nearest(wanted, [*ids, *every.keys])
    hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(ids)}"
    raise InvalidInputError(f"there is no template {wanted!r}", hint=hint)


def newest(every: Library) -> list[str]:
    """Return the key of the newest version of every template."""
    return sorted({key.partition("/")[0]: key for key in sorted(every.keys, key=_order)}.values())


def _order(key: str) -> tuple[str, list[tuple[int, str]]]:
    name, _, version = key.partition("/")
    return name, [(int(part), "") if part.isdigit() else (-1, part) for part in version.replace("-", ".").split(".")]


def _templates(place: Traversable) -> Iterator[tuple[str, Traversable]]:
    for repository in sorted(place.iterdir(), key=lambda entry: entry.name):
        if repository.is_dir():
            for version in sorted(repository.iterdir(), key=lambda entry: entry.name):
                if version.joinpath(TEMPLATE).is_file():
                    yield f"{repository.name}/{version.name}", version


def _below(place: Path) -> dict[str, Folder]:
    if not place.is_dir():
        raise MissingPathError("there is no such folder of templates", location=str(place))
    if (place / TEMPLATE).is_file():
        root = place.resolve()
        return {f"{root.parent.name}/{root.name}": Folder(place, str(place))}
    return {key: Folder(root, str(root)) for key, root in _templates(place)}


def _announced() -> Iterator[Path]:
    """Folders that installed packages announce: an entry point is a path, or a function that returns one."""
    for point in entry_points(GROUP):
        target = point.load()
        yield Path(target() if callable(target) else target)


def _from_variable() -> list[Path]:
    return [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]


def packaged_folders() -> dict[str, Folder]:
    """Return the templates of this package, by key."""
    packaged = resources.data_root().joinpath(PACKAGED)
    return {key: Folder(root, key) for key, root in _templates(packaged)}
