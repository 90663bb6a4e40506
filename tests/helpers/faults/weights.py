"""Faults of what a manifest says of its weights, and of side documents, where files were listed anew to hide them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from candle_spec.checkpoint.identity import identity
from tests.helpers.checkpoints import relist
from tests.helpers.faults.files import OTHER, Fault, Manifest, edit, record_of
from tests.helpers.faults.header import joined, parts


def _hidden(root: Path, manifest: Manifest, path: str, change: Callable[[bytes], bytes]) -> None:
    """Change a file and list it as it then is: only what looks inside finds it."""
    edit(root, path, change)
    relist(root, manifest, path)


def _tensor(of: str, /, **change: Any) -> Callable[[Path, Manifest], None]:
    def do(_: Path, manifest: Manifest) -> None:
        next(entry for entry in manifest["weights"]["tensors"] if entry["name"] == of).update(change)

    return do


def _group(**change: Any) -> Callable[[Path, Manifest], None]:
    return lambda _, manifest: manifest["weights"]["groups"][0].update(change)


def _weights(**change: Any) -> Callable[[Path, Manifest], None]:
    return lambda _, manifest: manifest["weights"].update(change)


def _tensors(change: Callable[[list[Any]], Any]) -> Callable[[Path, Manifest], None]:
    return lambda _, manifest: change(manifest["weights"]["tensors"]) and None


def _parts(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path, Manifest], None]:
    def do(_: Path, manifest: Manifest) -> None:
        change(next(entry for entry in manifest["weights"]["tensors"] if "encoding" in entry)["encoding"])

    return do


def _index(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path, Manifest], None]:
    def do(root: Path, manifest: Manifest) -> None:
        path = manifest["weights"]["groups"][0]["index"]
        index = json.loads((root / path).read_bytes())
        changed = change(index)
        text = json.dumps(index if changed is None else changed).encode()
        _hidden(root, manifest, path, lambda _: text)

    return do


def _side(path: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[Path, Manifest], None]:
    def do(root: Path, manifest: Manifest) -> None:
        document = json.loads((root / path).read_bytes())
        change(document)
        _hidden(root, manifest, path, lambda _: json.dumps(document).encode())

    return do


def _swapped(root: Path, manifest: Manifest) -> None:
    """Exchange the bytes of two arrays of one size: only their digests tell."""

    def change(data: bytes) -> bytes:
        header, body = parts(data)
        (a, b), (c, d) = (header[name]["data_offsets"] for name in ("gain", "twin"))
        return joined(header, body[:a] + body[c:d] + body[b:c] + body[a:b] + body[d:])

    _hidden(root, manifest, "model.safetensors", change)


def _array_byte(name: str, place: int) -> Callable[[Path, Manifest], None]:
    """Flip a byte of an array: its first, middle or last one."""

    def change(data: bytes) -> bytes:
        header, body = parts(data)
        begin, end = header[name]["data_offsets"]
        at = begin + (end - begin - 1) * place // 2
        return joined(header, body[:at] + bytes([body[at] ^ 128]) + body[at + 1 :])

    return lambda root, manifest: _hidden(root, manifest, "model.safetensors", change)


def _renamed_array(root: Path, manifest: Manifest) -> None:
    def change(data: bytes) -> bytes:
        header, body = parts(data)
        header["renamed"] = header.pop("dense/bias")
        return joined(header, body)

    _hidden(root, manifest, "model.safetensors", change)


def _unlisted_media_type(root: Path, manifest: Manifest) -> None:
    """A tensor is changed, and its file said to be of another kind: it is a group's file all the same."""
    _array_byte("dense/kernel", 1)(root, manifest)
    record_of(manifest, "model.safetensors")["media_type"] = "application/octet-stream"


def _identified(change: Callable[[list[Any]], Any]) -> Callable[[Path, Manifest], None]:
    """Change the inventory, and bring the digests that follow from it up to date."""

    def do(_: Path, manifest: Manifest) -> None:
        entries = manifest["weights"]["tensors"]
        change(entries)
        manifest["weights"].update(identity(entries))

    return do


def _without_index(root: Path, manifest: Manifest) -> None:
    (root / manifest["weights"]["groups"][0].pop("index")).unlink()
    manifest["files"] = [record for record in manifest["files"] if record["role"] != "index"]


def _tree(document: dict[str, Any]) -> Any:
    return document["tree"]["$dict"]


_SIDE_DOCUMENTS = (
    ("plain", "state.json"),
    ("plain", "original/0.extents.json"),
    ("inventory", "tensors.json"),
    ("sharded", "model.safetensors.index.json"),
)

_BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "no JSON": lambda data: data[:-3],
    "not UTF-8": lambda data: data.replace(b'"', b'"\xff', 1),
    "JSON with a key twice": lambda data: data.replace(b"{", b'{"x":1,"x":1,', 1),
    "JSON with NaN": lambda data: data.replace(b"{", b'{"x":NaN,', 1),
    "JSON nested 300 deep": lambda data: data.replace(b"{", b'{"x":' + b"[" * 300 + b"]" * 300 + b",", 1),
    "empty": lambda data: b"",
}


def _rewritten(path: str, change: Callable[[bytes], bytes]) -> Callable[[Path, Manifest], None]:
    return lambda root, manifest: _hidden(root, manifest, path, change)


ARRAYS = ("dense/kernel", "dense/bias", "head/kernel", "steps")

WEIGHTS_FAULTS: tuple[Fault, ...] = (
    *(Fault("CKP4024", f"byte {p}/2 of {n}", "plain", _array_byte(n, p)) for n in ARRAYS for p in range(3)),
    Fault("CKP4024", "two arrays are exchanged", "encoded", _swapped),
    Fault("CKP4024", "a file of another media type", "plain", _unlisted_media_type),
    Fault("CKP4024", "another digest of a tensor", "plain", _tensor("steps", digest=OTHER)),
    Fault(
        "CKP4024",
        "another digest of a tensor, all else up to date",
        "plain",
        _identified(lambda e: e[0].update(digest=OTHER)),
    ),
    Fault("CKP4024", "another digest of an encoded tensor", "encoded", _tensor("phase", digest=OTHER)),
    Fault(
        "CKP4024", "another digest of a part", "encoded", _parts(lambda e: e["parts"]["values"].update(digest=OTHER))
    ),
    Fault("CKP4024", "other parameters of an encoding", "encoded", _parts(lambda e: e.update(params={"axis": 1}))),
    Fault("CKP4025", "another content digest", "plain", _weights(content_digest=OTHER)),
    Fault("CKP4025", "another content digest, several towers", "towers", _weights(content_digest=OTHER)),
    Fault("CKP4025", "a tensor that is renamed", "plain", _tensor("steps", name="step", key="steps")),
    Fault("CKP4026", "another values digest", "plain", _weights(values_digest=OTHER)),
    Fault("CKP4026", "another state digest", "groups", _weights(state_digest=OTHER)),
    Fault(
        "CKP4026",
        "the state digest of the model alone",
        "groups",
        lambda _, m: m["weights"].update(state_digest=m["weights"]["content_digest"]),
    ),
    Fault(
        "CKP4021",
        "a parameter too many",
        "plain",
        lambda _, m: m["model"].update(parameter_count=m["model"]["parameter_count"] + 1),
    ),
    Fault(
        "CKP4021",
        "parameters of the optimizer counted",
        "groups",
        lambda _, m: m["model"].update(parameter_count=40 + 33),
    ),
    Fault("CKP4021", "a buffer counted", "plain", _tensor("steps", role="buffer")),
    Fault("CKP4036", "a precision of no parameter", "plain", lambda _, m: m["model"].update(precision=["F64"])),
    Fault("CKP4036", "one of two precisions", "plain", lambda _, m: m["model"].update(precision=["I64"])),
    Fault("CKP4036", "no precision", "plain", lambda _, m: m["model"].update(precision=[])),
    Fault("CKP4021", "aliases counted", "alias", lambda _, m: m["model"].update(parameter_count=88)),
    Fault("CKP4022", "another dtype", "plain", _tensor("dense/bias", dtype="I32")),
    Fault("CKP4022", "another shape", "plain", _tensor("dense/kernel", shape=[4, 6])),
    Fault("CKP4022", "another rank", "plain", _tensor("dense/bias", shape=[4, 1])),
    Fault("CKP4022", "a logical dtype for a plain tensor", "plain", _tensor("dense/bias", dtype="QI8")),
    Fault("CKP4022", "another shape of a part", "encoded", _parts(lambda e: e["parts"]["values"].update(shape=[24]))),
    Fault("CKP4022", "another dtype of a part", "encoded", _parts(lambda e: e["parts"]["values"].update(dtype="I64"))),
    Fault(
        "CKP4020", "a tensor more than in the file", "plain", _tensors(lambda e: e.append({**e[0], "name": "ghost"}))
    ),
    Fault("CKP4020", "a tensor less than in the file", "plain", _tensors(lambda e: e.pop())),
    Fault(
        "CKP4020",
        "an array claimed twice",
        "plain",
        _tensors(lambda e: e.append({**e[0], "name": "x", "key": "steps"})),
    ),
    Fault("CKP4020", "an array renamed in the file", "plain", _renamed_array),
    Fault("CKP4020", "another key", "plain", _tensor("steps", key="epochs")),
    Fault("CKP4020", "another file", "groups", _tensor("bias", file="optimizer.safetensors")),
    Fault("CKP4029", "a name twice", "plain", _tensors(lambda e: e.append(dict(e[-1])))),
    Fault("CKP4023", "an alias of nothing", "alias", _tensor("head", alias_of=["model", "nothing"])),
    Fault("CKP4023", "an alias in another group", "alias", _tensor("head", alias_of=["optimizer", "embedding"])),
    Fault("CKP4023", "an alias of itself", "alias", _tensor("head", alias_of=["model", "head"])),
    Fault("CKP4023", "an alias of another shape", "alias", _tensor("head", shape=[8, 5])),
    Fault("CKP4023", "an alias of another dtype", "alias", _tensor("head", dtype="I32")),
    Fault("CKP4023", "an alias of another digest", "alias", _tensor("head", digest=OTHER)),
    Fault(
        "CKP4023",
        "an alias of an alias",
        "alias",
        _tensors(lambda e: e.append({**e[1], "name": "x", "alias_of": ["model", "head"]})),
    ),
    Fault("CKP4027", "a tensor too many in a group", "plain", _group(tensor_count=5)),
    Fault("CKP4027", "a parameter too few in a group", "plain", _group(parameter_count=0)),
    Fault("CKP4027", "another size of a group", "plain", _group(size=1)),
    Fault("CKP4027", "a root that is nowhere", "plain", _group(root="/nowhere")),
    Fault("CKP4027", "a file missing in a group", "groups", _group(files=["optimizer.safetensors"])),
    Fault("CKP4027", "a group of no file", "sharded", lambda _, m: m["weights"]["groups"][0]["files"].pop()),
    Fault("CKP4027", "a tensor of no group", "plain", _tensor("steps", group="ema")),
    Fault("CKP1003", "an encoding that is not known", "encoded", _parts(lambda e: e.update(name="x-zip"))),
    Fault("CKP4028", "a part missing", "encoded", _parts(lambda e: e.update(name="quantized"))),
    Fault(
        "CKP4028",
        "a part of another name",
        "encoded",
        _parts(lambda e: e["parts"].update(value=e["parts"].pop("values"))),
    ),
    Fault(
        "CKP4028",
        "a part too many",
        "encoded",
        _parts(lambda e: e["parts"].update(more={**e["parts"]["values"], "key": "gain"})),
    ),
    Fault("CKP4028", "a shape that does not follow from the parts", "encoded", _tensor("phase", shape=[4, 3])),
    Fault("CKP4028", "a dtype that the encoding does not hold", "encoded", _tensor("phase", dtype="QI8")),
    Fault(
        "CKP4010",
        "an array in another shard",
        "sharded",
        _index(lambda i: i["weight_map"].update({"steps": i["weight_map"]["dense/kernel"]})),
    ),
    Fault(
        "CKP4010",
        "an array in no shard",
        "sharded",
        _index(lambda i: i["weight_map"].update(ghost=i["weight_map"]["steps"])),
    ),
    Fault(
        "CKP4010",
        "an array in a file that is not there",
        "sharded",
        _index(lambda i: i["weight_map"].update(steps="model-9.safetensors")),
    ),
    Fault(
        "CKP4010", "an array in another file", "sharded", _index(lambda i: i["weight_map"].update(steps="state.json"))
    ),
    Fault("CKP4030", "an array in a list", "sharded", _index(lambda i: i["weight_map"].update(steps=[]))),
    Fault("CKP4011", "an array not in the index", "sharded", _index(lambda i: i["weight_map"].pop("steps") and None)),
    Fault("CKP4013", "two files and no index", "sharded", _without_index),
    Fault("CKP4030", "no map in the index", "sharded", _index(lambda i: i.pop("weight_map"))),
    Fault("CKP4030", "a map that is a list", "sharded", _index(lambda i: i.update(weight_map=[]))),
    Fault("CKP4030", "an index that is a list", "sharded", _index(lambda i: [i])),
    Fault("CKP4012", "another total size", "sharded", _index(lambda i: i["metadata"].update(total_size=1))),
    Fault(
        "CKP4030",
        "a total size with a fraction",
        "sharded",
        _index(lambda i: i["metadata"].update(total_size=float(i["metadata"]["total_size"]))),
    ),
    Fault("CKP4030", "no total size", "sharded", _index(lambda i: i["metadata"].clear())),
    Fault("CKP4030", "no metadata", "sharded", _index(lambda i: i.pop("metadata"))),
    Fault("CKP4030", "metadata that is a list", "sharded", _index(lambda i: i.update(metadata=[1]))),
    *(
        Fault("CKP4030", f"{path} is {what}", kind, _rewritten(path, change))
        for kind, path in _SIDE_DOCUMENTS
        for what, change in _BROKEN.items()
    ),
    Fault("CKP4030", "the state tree is a list", "plain", _rewritten("state.json", lambda data: b"[]")),
    Fault("CKP4030", "the extents are a list", "plain", _rewritten("original/0.extents.json", lambda data: b"[]")),
    Fault("CKP4030", "the inventory is null", "inventory", _rewritten("tensors.json", lambda data: b"null")),
    Fault("CKP4000", "the inventory is missing", "inventory", lambda root, _: (root / "tensors.json").unlink()),
    Fault(
        "CKP4030",
        "extents that name no array",
        "plain",
        _side("original/0.extents.json", lambda d: d["extents"][0].update(key="ghost")),
    ),
    Fault(
        "CKP4030",
        "extents of another length",
        "plain",
        _side("original/0.extents.json", lambda d: d["extents"][0].update(length=1)),
    ),
    Fault(
        "CKP4030",
        "extents that overlap",
        "plain",
        _side("original/0.extents.json", lambda d: d["extents"][1].update(offset=0)),
    ),
    Fault(
        "CKP4030",
        "extents of another native file",
        "plain",
        _side("original/0.extents.json", lambda d: d.update(digest=OTHER)),
    ),
    Fault(
        "CKP4030",
        "extents of another residue",
        "plain",
        _side("original/0.extents.json", lambda d: d["residue"].update(path="state.json")),
    ),
    Fault(
        "CKP4030",
        "a digest in the inventory's file that is none",
        "inventory",
        _side("tensors.json", lambda d: d["tensors"][0].update(digest="x")),
    ),
    Fault(
        "CKP4024",
        "another digest in the inventory's file",
        "inventory",
        _side("tensors.json", lambda d: d["tensors"][0].update(digest=OTHER)),
    ),
    Fault(
        "CKP4031",
        "a tensor that is not there in the state tree",
        "plain",
        _side("state.json", lambda d: _tree(d).append(["x", {"$tensor": ["model", "ghost"]}])),
    ),
    Fault(
        "CKP4031",
        "a tensor of another group in the state tree",
        "plain",
        _side("state.json", lambda d: _tree(d).append(["x", {"$tensor": ["ema", "steps"]}])),
    ),
)
