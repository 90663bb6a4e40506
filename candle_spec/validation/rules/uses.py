"""Files are listed with the role in which the manifest uses them: a reader finds them by either."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from candle_spec import pointer
from candle_spec.checkpoint.large_values import TAG
from candle_spec.problems import Problem
from candle_spec.validation.context import SAFETENSORS, Context, at

_WEIGHTS: Final = ("weights", "training-state")
_DOCUMENT: Final = ("document",)
_ROLES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("/weights/groups/*/files/*", _WEIGHTS),
    ("/weights/groups/*/index", ("index",)),
    ("/weights/inventory/*", ("tensor-inventory",)),
    ("/training_state/state_tree", ("state-tree",)),
    ("/conversion/restore/originals/*/residue", ("residue",)),
    ("/conversion/restore/originals/*/extents", ("extents",)),
)
"""Where a path may stand, and the roles that the file may have."""
_NAMED: Final = {"state-tree": "/training_state/state_tree", "tensor-inventory": "/weights/inventory/*"}
"""Roles of files that a reader finds by their use, and only by it."""


def documents_in(manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every place that names a document, and its path."""
    words = {key: value for key, value in manifest.items() if key not in ("weights", "files")}
    for place, value in pointer.texts(words):
        if place.endswith(f"/{TAG}"):
            yield place, value


def roles(context: Context) -> Iterator[Problem]:
    """A file has the role of its use, and a weights file the media type of safetensors."""
    records = {record["path"]: (index, record) for index, record in enumerate(context.manifest["files"])}
    uses = [(wanted, use) for pattern, wanted in _ROLES for use in expand(context.manifest, pattern)]
    for wanted, (place, path) in [*uses, *((_DOCUMENT, use) for use in documents_in(context.manifest))]:
        if path not in records:
            continue  # said elsewhere
        index, record = records[path]
        if record["role"] not in wanted:
            message = f"{path!r} is used at {place}, where the role must be {' or '.join(wanted)}"
            yield at("CKP2025", message, pointer=f"/files/{index}/role")
        if wanted is _WEIGHTS and record["media_type"] != SAFETENSORS:
            message = f"{path!r} is a weights file: its media type must be {SAFETENSORS}"
            yield at("CKP2025", message, pointer=f"/files/{index}/media_type")
    for role, pattern in _NAMED.items():
        named = {path for _, path in expand(context.manifest, pattern)}
        for path, (index, record) in records.items():
            if record["role"] == role and path not in named:
                message = f"{path!r} is listed as {role}, and is not named by {pattern.removesuffix('/*')}"
                yield at("CKP2025", message, pointer=f"/files/{index}/role")
    for path, (index, record) in records.items():
        if "header" in record and (record["role"] not in _WEIGHTS or record["media_type"] != SAFETENSORS):
            message = f"{path!r} is no weights file, and cannot be told by a header"
            yield at("CKP2025", message, pointer=f"/files/{index}/header")


def expand(document: Any, pattern: str) -> Iterator[tuple[str, Any]]:
    """Yield the pointer and the value of every place that a pattern means; ``*`` stands for each member or item."""
    before, star, after = pattern.partition("/*")
    missing = object()
    value = pointer.get(document, before, missing)
    if value is missing:
        return
    if not star:
        yield before, value
        return
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        place = before + pointer.join([key])
        for inner, found in expand(value[key], after):
            yield place + inner, found


L2_RULES = (roles,)
