"""Further faults of requirements that say more than one thing: weights files, the inventory, side documents."""

from __future__ import annotations

import copy
import gzip
from collections.abc import Callable
from typing import Any

from candle_spec.canonical import pretty
from candle_spec.weights.safetensors import layout
from tests.conformance.further import Row, present
from tests.conformance.made import (
    SCHEMAS,
    VERSION,
    WEIGHTS,
    B,
    Fault,
    Made,
    W,
    at,
    digest_of,
    nothing,
    sha,
    side,
    two_shards,
)

SAFETENSORS = "application/vnd.safetensors"


def entry_of(name: str, **members: Any) -> Fault:
    return lambda made: made.header(lambda header: header[name].update(members))


def without(name: str, member: str) -> Fault:
    return lambda made: made.header(lambda header: header[name].pop(member))


def overlap(made: Made) -> None:
    made.weights(made.files[WEIGHTS][:-8])
    made.header(lambda header: header["w"].update(data_offsets=[8, 24]))


def one_more_array(made: Made) -> None:
    """An array that the inventory does not name."""
    made.weights(layout([("w", "F32", (2, 2)), ("b", "I64", (2,)), ("x", "U8", (4,))], {})[0] + B + W + b"more")


def named_twice(made: Made) -> None:
    """An array that two tensors claim."""
    made.tensors.append({**made.tensors[0], "name": "again", "key": "w"})
    made.group.update(tensor_count=4, parameter_count=10, size=48)
    made.manifest["model"]["parameter_count"] = 10
    made.identify()


def other_shape(made: Made) -> None:
    for tensor in made.tensors[:2]:
        tensor["shape"] = [4, 1]
    made.identify()


def alias_of_an_alias(made: Made) -> None:
    made.tensors.append({**copy.deepcopy(made.tensors[1]), "name": "second", "alias_of": ["model", "tied"]})
    made.group["tensor_count"] = 4
    made.identify()


def alias_of_another(made: Made) -> None:
    made.tensors[1]["alias_of"] = ["model", "b"]


def tensor_of_no_group(made: Made) -> None:
    """A tensor whose group is not among the groups."""
    made.tensors[1]["group"] = "other"
    made.group["tensor_count"] = 2
    made.identify()


def spare_file(made: Made) -> None:
    """A group that names a file of which it has no array."""
    made.files["spare.safetensors"] = layout([], {})[0]
    made.list_file("spare.safetensors", SAFETENSORS, "weights")
    index = {"metadata": {"total_size": 32}, "weight_map": {"b": WEIGHTS, "w": WEIGHTS}}
    present(made, "index.json", pretty(index), "index")
    made.group.update(files=[WEIGHTS, "spare.safetensors"], index="index.json")


def root_of_nothing(made: Made) -> None:
    tree = {"$dict": [["state", {"$dict": [["w", {"$tensor": ["model", "w"]}]]}]]}
    side(made, "state.json", "state-tree", {"tree": tree}, "state-tree")
    made.group["root"] = "/nowhere"


class Native:
    """A native file of ten bytes: two, then those of ``b`` from the third on, then two."""

    def __init__(self) -> None:
        self.rest = b"<<>>"
        self.packed: bytes | None = None
        self.extents: list[dict[str, Any]] = [
            {"offset": 2, "length": 6, "file": WEIGHTS, "key": "b", "start": 2},
            {"offset": 8, "length": 4, "file": WEIGHTS, "key": "w"},
        ]
        self.change: dict[str, Any] = {}
        self.residue: dict[str, Any] = {}
        self.data = b"<<" + B[2:8] + W[:4] + b">>"

    def put(self, made: Made) -> None:
        """Put residue, extents and certificate into the checkpoint."""
        digest, residue, extents = sha(self.data), "original/0.residue.gz", "original/0.extents.json"
        record = {"path": "m.bin", "size": len(self.data), "digest": digest}
        packed = gzip.compress(self.rest, mtime=0) if self.packed is None else self.packed
        present(made, residue, packed, "residue", "application/gzip")
        document = {
            "$schema": f"{SCHEMAS}extents/{VERSION}",
            "schema_version": VERSION,
            "native": "m.bin",
            "size": len(self.data),
            "digest": digest,
            "residue": {"path": residue, "size": len(self.rest), "digest": sha(self.rest), **self.residue},
            "extents": self.extents,
            **self.change,
        }
        present(made, extents, pretty(document), "extents")
        made.manifest["conversion"] = {
            "tool": {"name": "conformance", "version": "1"},
            "native": {"format": "npz", "title": "NumPy archive", "files": [record], "digest": digest},
            "parts": [{"what": "model", "status": "kept"}],
            "proof": {"tensors": 2, "bytes": 32},
            "restore": {
                "byte_exact": "proven",
                "originals": [{"native": "m.bin", "residue": residue, "extents": extents}],
            },
        }


def native(change: Callable[[Native], Any]) -> Fault:
    """Make a checkpoint that restores a native file, with one thing changed."""

    def fault(made: Made) -> None:
        file = Native()
        change(file)
        file.put(made)

    return fault


def broken_pair(made: Made) -> None:
    """A certificate whose original is no native file of it."""
    Native().put(made)
    made.manifest["conversion"]["restore"]["originals"][0]["native"] = "other.bin"
    path = "original/0.extents.json"
    present(made, path, made.files[path].replace(b'"m.bin"', b'"other.bin"'), "extents")


def inventory(made: Made, **change: Any) -> None:
    """Put the inventory into a file."""
    rows = made.manifest["weights"].pop("tensors")
    document = {"$schema": f"{SCHEMAS}tensors/{VERSION}", "schema_version": VERSION, "tensors": rows, **change}
    present(made, "tensors.json", pretty(document), "tensor-inventory")
    made.manifest["weights"]["inventory"] = ["tensors.json"]


def document(data: bytes) -> Fault:
    """Put a value of the manifest into a document."""

    def fault(made: Made) -> None:
        present(made, "documents/0.json", data, "document")
        made.manifest["extensions"] = {"urn:example:large": {"$document": "documents/0.json"}}

    return fault


def index_of(weight_map: dict[str, int]) -> Fault:
    files = {key: f"model-0000{n}-of-00002.safetensors" for key, n in weight_map.items()}
    return lambda made: two_shards(made, weight_map=files)


def index_names_a_stranger(made: Made) -> None:
    two_shards(made, weight_map={"b": "model-00002-of-00002.safetensors", "w": "other.safetensors"})


SIDES: list[Row] = [
    ("CS-073", "extents-not-sorted", native(lambda n: n.extents.reverse())),
    ("CS-073", "extents-overlap", native(lambda n: n.extents[1].update(offset=7))),
    ("CS-073", "extent-of-no-array", native(lambda n: n.extents[1].update(key="x"))),
    ("CS-073", "extent-longer-than-its-array", native(lambda n: n.extents[0].update(start=12))),
    ("CS-073", "extent-swaps-a-piece", native(lambda n: n.extents[0].update(swap=2))),
    ("CS-073", "extents-of-another-file", native(lambda n: n.change.update(native="n.bin"))),
    ("CS-073", "extents-of-another-size", native(lambda n: n.change.update(size=15))),
    ("CS-073", "residue-no-gzip", native(lambda n: setattr(n, "packed", b"<<>>"))),
    ("CS-073", "residue-cut", native(lambda n: setattr(n, "packed", gzip.compress(n.rest, mtime=0)[:-3]))),
    ("CS-073", "residue-two-streams", native(lambda n: setattr(n, "packed", gzip.compress(n.rest, mtime=0) * 2))),
    ("CS-073", "residue-digest", native(lambda n: n.residue.update(digest=sha(b"other")))),
    ("CS-073", "inventory-schema", lambda m: inventory(m, colour="blue")),
    ("CS-073", "index-schema", lambda m: two_shards(m, metadata={"total_size": "32"})),
    ("CS-073", "document-no-json", document(b"{")),
    ("CS-073", "document-names-another", document(b'{"more": {"$document": "documents/1.json"}}\n')),
    ("CS-077", "original-of-another-file", broken_pair),
]

FURTHER_FILES: list[Row] = [
    ("CS-050", "no-length", lambda m: m.files.update({WEIGHTS: b"\1\0"}) or short(m)),
    ("CS-051", "header-no-json", lambda m: m.header(nothing, raw=lambda t: t[:-1] + b",")),
    ("CS-051", "header-begins-with-a-space", lambda m: m.header(nothing, raw=lambda t: b" " + t)),
    ("CS-051", "entry-with-more", entry_of("w", colour="blue")),
    ("CS-051", "entry-with-less", without("w", "shape")),
    ("CS-053", "overlap", overlap),
    ("CS-054", "sizes-below-0", entry_of("w", shape=[-2, -2])),
    ("CS-056", "half-a-byte", entry_of("w", dtype="F4", shape=[31])),
    ("CS-060", "index-names-a-stranger", index_names_a_stranger),
    ("CS-060", "index-exchanges", index_of({"b": 1, "w": 2})),
    ("CS-063", "array-not-named", one_more_array),
    ("CS-063", "array-named-twice", named_twice),
    ("CS-065", "shape-claim", other_shape),
    ("CS-066", "alias-of-an-alias", alias_of_an_alias),
    ("CS-066", "alias-of-another", alias_of_another),
    ("CS-069", "state-digest", digest_of("state_digest")),
    ("CS-070", "parameter-count", lambda m: m.group.update(parameter_count=7)),
    ("CS-070", "size", lambda m: m.group.update(size=33)),
    ("CS-070", "group-not-listed", tensor_of_no_group),
    ("CS-070", "file-without-need", spare_file),
    ("CS-070", "root-of-nothing", root_of_nothing),
    ("CS-064", "group-and-model", at("model", "parameter_count", 0)),
    *SIDES,
]
"""Requirement, a name for the fault, the fault."""


def short(made: Made) -> None:
    """List a weights file that has not even the length of its header."""
    data = made.files[WEIGHTS]
    record = {"path": WEIGHTS, "size": len(data), "header": {"size": 8, "digest": sha(data)}}
    made.manifest["files"] = [{**record, "media_type": SAFETENSORS, "role": "weights"}]
