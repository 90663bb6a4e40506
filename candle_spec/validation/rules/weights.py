"""L4: weights files obey their format, and are what the manifest says, down to every tensor's digest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from candle_spec.checkpoint.identity import identity
from candle_spec.checkpoint.inventory import StoredArray, Tensor
from candle_spec.digests import digest_encoded
from candle_spec.errors import CandleSpecError
from candle_spec.manifest.features import misstated
from candle_spec.names import from_json
from candle_spec.problems import Location, Problem
from candle_spec.validation.catalogue import from_error, problem
from candle_spec.validation.context import NOT_HERE, SAFETENSORS, Context, at
from candle_spec.validation.rules.encoded_values import encoded_values
from candle_spec.validation.rules.encodings import encoding_fault
from candle_spec.validation.rules.originals import originals
from candle_spec.validation.rules.parameters import count_of
from candle_spec.weights.dtypes import DTYPES
from candle_spec.weights.encodings import PARTS
from candle_spec.weights.native_places import is_place

_MOST_FAULTS: Final = 20
"""Faults shown of one side document: the first ones tell."""


def headers(context: Context) -> Iterator[Problem]:
    """Every weights file obeys the rules of safetensors."""
    for record in context.files():
        path = record["path"]
        # A file of a group is one of weights, whatever its media type says.
        if not (record["media_type"] == SAFETENSORS or _is_weights(context, path)) or not context.readable(path):
            continue
        if path in context.altered:
            continue  # a header is compared before it is parsed
        try:
            header = context.header(path)
        except CandleSpecError as error:
            yield from_error(error, path, "CKP4000")
            continue
        context.headers[path] = header
        context.count("weights files")
        if header.size != record.get("header", {}).get("size", header.size):
            message = f"its header has {header.size} bytes, the manifest says {record['header']['size']}"
            yield at("CKP3003", message, file=path)


def features(context: Context) -> Iterator[Problem]:
    """What the checkpoint requires is what it uses."""
    for message in misstated(context.manifest, context.entries):
        yield at("CKP4035", message, pointer="/requires")


def inventory(context: Context) -> Iterator[Problem]:
    """The inventory names each tensor once, aliases point to stored tensors, encodings have their parts."""
    by_name: dict[tuple[str, str], Tensor] = {}
    groups = {group["id"] for group in context.manifest["weights"].get("groups", [])}
    for tensor in context.tensors:
        key = (tensor.group, tensor.name)
        if key in by_name:
            yield at("CKP4029", "the name is in the inventory twice", tensor=tensor.name)
        by_name.setdefault(key, tensor)
        if tensor.group not in groups:
            yield at("CKP4027", f"there is no group {tensor.group!r}", tensor=tensor.name)
        if tensor.dtype not in DTYPES:
            yield at("CKP4022", f"the dtype {tensor.dtype!r} is not known", tensor=tensor.name)
        if tensor.encoding:
            yield from _encoding(tensor)
    for tensor in context.tensors:
        if tensor.alias_of is not None:
            yield from _alias(tensor, by_name.get(tensor.alias_of))


def _alias(tensor: Tensor, target: Tensor | None) -> Iterator[Problem]:
    if target is None or target.alias_of is not None:
        yield at("CKP4023", f"its target {tensor.alias_of} is no stored tensor", tensor=tensor.name)
    elif (tensor.dtype, tensor.shape, tensor.digest) != (target.dtype, target.shape, target.digest):
        yield at("CKP4023", "its dtype, shape or digest is not that of its target", tensor=tensor.name)


def _encoding(tensor: Tensor) -> Iterator[Problem]:
    if tensor.encoding not in PARTS:
        yield at("CKP4028", f"the encoding {tensor.encoding!r} is not known", tensor=tensor.name)
    elif fault := encoding_fault(tensor):
        yield at("CKP4028", f"{tensor.encoding}: {fault}", tensor=tensor.name)


def stored(context: Context) -> Iterator[Problem]:
    """Every array of the inventory is in its file as described, and every array of a file is in the inventory."""
    claimed: dict[tuple[str, str], str] = {}
    for tensor in context.tensors:
        for array in tensor.arrays.values():
            where = (array.file, array.key)
            if where in claimed:
                yield at("CKP4020", f"{array.key!r} is claimed twice", file=array.file, tensor=tensor.name)
            claimed[where] = tensor.name
            yield from _array(context, tensor, array)
    for path, header in context.headers.items():
        if not _is_weights(context, path):
            continue
        for key in header.entries:
            if (path, key) not in claimed:
                yield at("CKP4020", f"{key!r} is in the file, but not in the inventory", file=path, tensor=key)


def _is_weights(context: Context, path: str) -> bool:
    return any(path in group["files"] for group in context.manifest["weights"].get("groups", []))


def _array(context: Context, tensor: Tensor, array: StoredArray) -> Iterator[Problem]:
    header = context.headers.get(array.file)
    if header is None:
        return  # missing, withheld or unreadable: said elsewhere
    entry = header.entries.get(array.key)
    if entry is None:
        yield at(
            "CKP4020", f"{array.key!r} is in the inventory, but not in the file", file=array.file, tensor=tensor.name
        )
    elif (entry.dtype, entry.shape) != (array.dtype, array.shape):
        is_, says = f"{entry.dtype} {list(entry.shape)}", f"{array.dtype} {list(array.shape)}"
        yield at("CKP4022", f"the file holds {is_}, the manifest says {says}", file=array.file, tensor=tensor.name)


def groups(context: Context) -> Iterator[Problem]:
    """Counts and sizes of the groups follow from the inventory."""
    for index, group in enumerate(context.manifest["weights"].get("groups", [])):
        own = [tensor for tensor in context.tensors if tensor.group == group["id"]]
        solid = [tensor for tensor in own if tensor.alias_of is None]
        numbers = {
            "tensor_count": len(own),
            "parameter_count": count_of(own),
            "size": sum(_size(array) for tensor in solid for array in tensor.arrays.values()),
        }
        for name, number in numbers.items():
            if group.get(name, number) != number:
                where = f"/weights/groups/{index}/{name}"
                yield at("CKP4027", f"{name} is {group[name]}, the inventory gives {number}", pointer=where)
        yield from _group_files(group, {array.file for tensor in solid for array in tensor.arrays.values()}, index)


def _group_files(group: dict[str, Any], used: set[str], index: int) -> Iterator[Problem]:
    """The files of a group are those of its tensors (one without any, where it has none)."""
    here, listed = f"/weights/groups/{index}/files", set(group["files"])
    if missing := sorted(used - listed):
        yield at("CKP4027", f"files lacks {missing}", pointer=here)
    spare = sorted(listed - used)
    if len(spare) > (0 if used else 1) or len(listed) < len(group["files"]):
        yield at("CKP4027", f"files names {spare or 'a file'} without need", pointer=here)


def _size(array: StoredArray) -> int:
    return math.prod(array.shape) * DTYPES[array.dtype].bits // 8 if array.dtype in DTYPES else 0


def digests(context: Context) -> Iterator[Problem]:
    """Every stored array has the digest that the inventory states, encoded tensors that of their parts."""
    for tensor in context.tensors:
        for array in tensor.arrays.values():
            header = context.headers.get(array.file)
            if header is None:
                context.count(NOT_HERE)  # why is said elsewhere
                continue
            if array.key not in header.entries:
                continue
            context.count("tensors")
            if context.digests.array(array.file, header, array.key) != array.digest:
                yield problem("CKP4024", "its bytes have another sha256", Location(array.file, tensor=tensor.name))
    for tensor in context.tensors:
        if tensor.encoding:
            rows = {name: (array.dtype, array.shape, array.digest) for name, array in tensor.arrays.items()}
            if digest_encoded(tensor.encoding, tensor.params, rows) != tensor.digest:
                yield at("CKP4024", "its digest does not follow from its parts", tensor=tensor.name)


def content(context: Context) -> Iterator[Problem]:
    """The digests that identify the model follow from the inventory."""
    weights: dict[str, Any] = context.manifest["weights"]
    payload = _payload(context, weights) if weights["kind"] == "payload" else None
    for name, digest in identity(context.entries, payload).items():
        is_content = name == "content_digest"
        if weights.get(name, digest) != digest:
            what = "the payload" if is_content and payload is not None else "the inventory"
            code = "CKP4025" if is_content else "CKP4026"
            yield at(code, f"{name} does not follow from {what}", pointer=f"/weights/{name}")


def _payload(context: Context, weights: dict[str, Any]) -> list[tuple[str, str, int, str]]:
    records = {record["path"]: record for record in context.manifest["files"]}
    return [
        (
            entry["role"],
            records[entry["path"]]["media_type"],
            records[entry["path"]]["size"],
            records[entry["path"]]["digest"],
        )
        for entry in weights.get("payload", [])
        if entry["path"] in records
    ]


def side_documents(context: Context) -> Iterator[Problem]:
    """State tree, extents and inventory obey their schemas; the tree has the tensors that it names, and the roots."""
    for record in context.files("state-tree", "extents", "tensor-inventory"):
        path, schema = record["path"], {"tensor-inventory": "tensors"}.get(record["role"], record["role"])
        if not context.readable(path):
            continue
        try:
            document = context.side_document(path)
        except CandleSpecError as error:
            yield from_error(error, "", "CKP4030")
            continue
        faults = context.side_faults(path, schema, document)
        for found in faults[:_MOST_FAULTS]:
            yield problem(
                "CKP4030", f"{found.location.pointer}: {found.message}", Location(path, found.location.pointer)
            )
        if record["role"] == "state-tree" and not faults:
            names = {(tensor.group, tensor.name) for tensor in context.tensors}
            yield from _references(document["tree"], names, path)
            for index, group in enumerate(context.manifest["weights"].get("groups", [])):
                if not is_place(document["tree"], group.get("root", "")):
                    where = f"/weights/groups/{index}/root"
                    yield at("CKP4027", f"{group['root']!r} is no place of the state tree", pointer=where)


def _references(tree: Any, names: set[tuple[str, str]], path: str) -> Iterator[Problem]:
    open_nodes = [tree]
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, list):
            open_nodes += node
        elif isinstance(node, dict):
            if "$tensor" in node and _named(node["$tensor"]) not in names:
                yield problem("CKP4031", f"there is no tensor {node['$tensor']}", Location(path))
            open_nodes += node.values()


def _named(reference: Any) -> tuple[str, str]:
    group, name = reference
    return group, from_json(name)


RULES = (
    headers,
    features,
    inventory,
    stored,
    groups,
    digests,
    encoded_values,
    content,
    side_documents,
    originals,
)
