"""L4: a group with several files has an index, which maps exactly the arrays of its shards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from candle_spec.errors import CandleSpecError
from candle_spec.manifest import CURRENT
from candle_spec.problems import Location, Problem
from candle_spec.validation.catalogue import from_error, problem
from candle_spec.validation.context import Context, at

_MOST_FAULTS = 20
"""Faults shown of one index: the first ones tell."""


def shards(context: Context) -> Iterator[Problem]:
    """An index obeys its schema, maps exactly the arrays of its shards, and states their total size."""
    for number, group in enumerate(context.manifest["weights"].get("groups", [])):
        path = group.get("index")
        if path is None:
            if len(set(group["files"])) > 1:
                where = f"/weights/groups/{number}/files"
                yield at("CKP4013", f"the group has {len(set(group['files']))} files and no index", pointer=where)
        elif context.readable(path):
            try:
                index = context.side_document(path)
            except CandleSpecError as error:
                yield from_error(error, "", "CKP4030")
                continue
            faults = context.side_faults(path, "shard-index", index, version=CURRENT)
            for found in faults[:_MOST_FAULTS]:
                here = Location(path, found.location.pointer)
                yield problem("CKP4030", f"{found.location.pointer}: {found.message}", here)
            if not faults:
                yield from _index(context, group, path, index)


def _index(context: Context, group: dict[str, Any], path: str, index: dict[str, Any]) -> Iterator[Problem]:
    mapped = index["weight_map"]
    held = {
        file: {entry.key: entry.size for entry in context.headers[file].entries.values()}
        for file in group["files"]
        if file in context.headers
    }
    for key, file in mapped.items():
        if file not in group["files"] or (file in held and key not in held[file]):
            yield at("CKP4010", f"the index maps {key!r} to {file!r}, which lacks it", file=path, tensor=key)
    for file, sizes in held.items():
        for key in sizes.keys() - mapped.keys():
            yield at("CKP4011", f"{key!r} of {file!r} is not in the index", file=path, tensor=key)
    stated, total = index["metadata"]["total_size"], sum(size for sizes in held.values() for size in sizes.values())
    if stated != total and len(held) == len(group["files"]):
        yield at("CKP4012", f"total_size is {stated}, the shards hold {total} bytes", file=path)


L4_RULES = (shards,)
