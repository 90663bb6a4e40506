"""Free values that are too large for a manifest: each becomes a JSON file of its own, which the manifest names.

A reader of a manifest bounds it (:data:`candle_spec.limits.MANIFEST_BYTES`), and what people and services look at stays
small, whatever a native checkpoint holds. Nothing is shortened: ``{"$document": "documents/0.json"}`` stands for the
value of that file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from candle_spec import pointer
from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.layout import DOCUMENTS
from candle_spec.digests import digest_json
from candle_spec.limits import KIB, MIB
from candle_spec.manifest.collection import CURRENT, schema_id

TAG: Final = "$document"
LARGE: Final = 64 * KIB
"""Bytes of the compact form of a value from which it is a file of its own."""
WANTED: Final = MIB
"""Bytes of a manifest above which ever smaller values leave it, too."""
_SMALLEST: Final = KIB
_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))
_FREE: Final = tuple(schema_id("common/value") + fragment for fragment in ("", "#/$defs/object"))


def moved_out(manifest: dict[str, Any], taken: Collection[str]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return a manifest without large free values, and their files by path.

    Args:
        manifest: The manifest; it is not changed.
        taken: Paths that other files have.
    """
    most = LARGE
    made, documents = _moved(manifest, most, taken)
    while most > _SMALLEST and len(manifest_file.dump(made)) > WANTED:
        most //= 2
        made, documents = _moved(manifest, most, taken)
    return made, documents


def put_back(value: Any, read_json: Callable[[str], Any]) -> Any:
    """Return a value with each large one in its place.

    Args:
        value: A manifest, or a part of one; it is not changed.
        read_json: Gives the value of a file of the checkpoint.
    """
    if isinstance(value, dict):
        if value.keys() == {TAG}:
            return read_json(value[TAG])
        return {key: put_back(inner, read_json) for key, inner in value.items()}
    return [put_back(inner, read_json) for inner in value] if isinstance(value, list) else value


def _moved(manifest: dict[str, Any], most: int, taken: Collection[str]) -> tuple[dict[str, Any], dict[str, bytes]]:
    made, documents = dict(manifest), dict[str, bytes]()
    free = list(_free(manifest))
    for at in free:
        value, left = _smaller(pointer.get(manifest, at), most)
        for holder, whole in left:
            holder[TAG] = path = _name(documents, taken)
            documents[path] = _COMPACT.encode(whole).encode("utf-8")
        if left:
            made = _with(made, pointer.split(at), value)
    if documents and "field_sources" in made:
        made["field_sources"] = list(_sources(made, manifest))
    return made, documents


def _name(documents: Mapping[str, bytes], taken: Collection[str]) -> str:
    number = len(documents)
    while (path := f"{DOCUMENTS}/{number}.json") in documents or path in taken:
        number += 1
    return path


def _with(value: Any, parts: list[str], new: Any) -> Any:
    """Return a copy of a value with something else at a place; what stands beside the way is shared."""
    if not parts:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    key: Any = parts[0] if isinstance(copy, dict) else int(parts[0])
    copy[key] = _with(copy[key], parts[1:], new)
    return copy


Left = list[tuple[dict[str, Any], Any]]
"""What stands in a place from now on, and the value that stood there."""


def _smaller(value: Any, most: int) -> tuple[Any, Left]:
    """Return a value whose large parts, the innermost ones, are replaced; and these."""
    made, left, size = _measured(value, most)
    return (made, left) if size <= most else _replaced(value)


def _measured(value: Any, most: int) -> tuple[Any, Left, int]:
    """Return a value with its large parts replaced, these, and the bytes of the compact form that is left."""
    if not isinstance(value, (dict, list)) or (isinstance(value, dict) and TAG in value):
        return value, [], _compact_size(value)
    if not any(isinstance(inner, (dict, list)) for inner in (value.values() if isinstance(value, dict) else value)):
        return value, [], _compact_size(value) + bool(value)
    members: list[tuple[Any, Any]] = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    made, left, size = [], Left(), 2 + len(members)
    for key, inner in members:
        new, inside, bytes_ = _measured(inner, most)
        if bytes_ > most and isinstance(inner, (dict, list)):
            (new, inside), bytes_ = _replaced(inner), LARGE // KIB
        made.append((key, new))
        left += inside
        size += bytes_ + (_compact_size(key) + 1 if isinstance(value, dict) else 0)
    return (dict(made) if isinstance(value, dict) else [new for _, new in made]), left, size


def _compact_size(value: Any) -> int:
    return len(_COMPACT.encode(value).encode("utf-8", "surrogatepass"))


def _replaced(value: Any) -> tuple[Any, Left]:
    holder: dict[str, Any] = {}
    return holder, [(holder, value)]


def _free(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield the places at which the schema lets any value stand; the inventory has bounds of its own."""
    described = {key: value for key, value in manifest.items() if key not in ("weights", "files")}
    yield from _free_below(described, {"$ref": schema_id("checkpoint")}, f"checkpoint/{CURRENT}.json", "")


def _free_below(value: Any, schema: Any, name: str, at: str) -> Iterator[str]:
    if isinstance(schema, dict) and schema.get("$ref") in _FREE:
        yield at
        return
    schema, name = manifest_file.followed(schema, name)
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in schema.get("properties", {}):
                yield from _free_below(inner, schema["properties"][key], name, at + pointer.join([key]))
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, inner in enumerate(value):
            yield from _free_below(inner, schema["items"], name, f"{at}/{index}")


def _sources(made: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the field sources for what stands in the manifest now; of what moved, that of the place that names it."""
    seen: set[str] = set()
    for row in made["field_sources"]:
        at, missing = row["pointer"], object()
        while at and pointer.get(made, at, missing) is missing:
            at = at.rpartition("/")[0]
        if at in seen:
            continue
        seen.add(at)
        is_fresh = row.get("value_digest") == digest_json(pointer.get(before, row["pointer"]))
        yield {**row, "pointer": at} | ({"value_digest": digest_json(pointer.get(made, at))} if is_fresh else {})
