"""Templates that change another one: ``extends: <id>/<version>``.

What the base has and the extending template does not say otherwise stays: members of the mapping (``null`` takes one
out), rules (by id), vocabularies, texts, schemas, the extension. ``template.yaml`` is the extending one's alone.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from candle_spec import resources
from candle_spec.errors import InvalidInputError
from candle_spec.repositories.templates.folder import Folder


def base_of(folder: Folder, key: str) -> Folder:
    """Return the folder of the template that one extends: beside it, or in the package.

    Raises:
        InvalidInputError: There is none, or it extends another one itself.
    """
    root = folder.root
    beside = root.resolve().parent.parent.joinpath(*key.split("/")) if isinstance(root, Path) else None
    for place in (beside, resources.data_root().joinpath("repositories", *key.split("/"))):
        if place is not None and place.joinpath("template.yaml").is_file():
            return Folder(place, key)
    raise InvalidInputError(f"there is no template {key!r} to extend", hint="neither beside it nor in the package")


def merged(base: Any, own: Any) -> Any:
    """Return a document of the base as the extending template changes it."""
    if not isinstance(base, Mapping) or not isinstance(own, Mapping):
        return copy.deepcopy(own)
    made = {key: copy.deepcopy(value) for key, value in base.items() if key not in own}
    for key, value in own.items():
        if value is not None:
            made[key] = merged(base[key], value) if key in base else copy.deepcopy(value)
    order = [*(key for key in base if key in made), *(key for key in made if key not in base)]
    return {key: made[key] for key in order}


def merged_rules(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules of both; one of the same id is the extending template's."""
    rules = {rule["id"]: rule for rule in base.get("rules", ())} | {rule["id"]: rule for rule in own.get("rules", ())}
    return {**base, **own, "rules": list(rules.values())}
