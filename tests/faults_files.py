"""Faults of the files of a checkpoint, of what its manifest says of them, and of what it says of its weights."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from candle_spec.checkpoint.identity import identity
from candle_spec.digests import digest_bytes
from tests.checkpoints import relist, seal
from tests.faults_header import joined, parts

OTHER = "sha256:" + "0" * 64
Manifest = dict[str, Any]


class Fault(NamedTuple):
    """One fault.

    Attributes:
        code: The code that must be found.
        name: What it is.
        kind: The checkpoint to which it is done.
        do: Changes the folder and the manifest; a manifest that it returns is written as plain JSON, bytes as they are.
    """

    code: str
    name: str
    kind: str
    do: Callable[[Path, Manifest], Any]


def files_of(root: Path) -> list[str]:
    """Return the paths of a checkpoint's files, the manifest left out."""
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(path for path in found if path != "candle-checkpoint.json")


def _edit(root: Path, path: str, change: Callable[[bytes], bytes]) -> None:
    (root / path).write_bytes(change((root / path).read_bytes()))


def _hidden(root: Path, manifest: Manifest, path: str, change: Callable[[bytes], bytes]) -> None:
    """Change a file and list it as it then is: only what looks inside finds it."""
    _edit(root, path, change)
    relist(root, manifest, path)


def _linked(root: Path, path: str) -> None:
    outside = root.with_name(root.name + "-outside")
    shutil.move(root / path, outside)
    (root / path).symlink_to(outside)


def _fifo(root: Path, path: str) -> None:
    (root / path).unlink()
    os.mkfifo(root / path)


def _folder(root: Path, path: str) -> None:
    (root / path).unlink()
    (root / path).mkdir()


def of_each_file(kind: str, path: str) -> list[Fault]:
    """Return what can befall any file."""
    return [
        Fault("CKP3001", f"{path} is missing", kind, lambda root, _: (root / path).unlink()),
        Fault("CKP3001", f"{path} is a folder", kind, lambda root, _: _folder(root, path)),
        Fault("CKP3001", f"{path} is spelled otherwise", kind, lambda root, _: _rename(root, path)),
        Fault("CKP3002", f"{path} is cut off", kind, lambda root, _: _edit(root, path, lambda data: data[:-1])),
        Fault("CKP3002", f"{path} is empty", kind, lambda root, _: _edit(root, path, lambda data: b"")),
        Fault("CKP3002", f"{path} has grown", kind, lambda root, _: _edit(root, path, lambda data: data + b"\n")),
        Fault("CKP3006", f"{path} is a link", kind, lambda root, _: _linked(root, path)),
        Fault("CKP3006", f"{path} is a pipe", kind, lambda root, _: _fifo(root, path)),
        *(Fault("CKP3003", f"{path} has another byte {place}/7", kind, _flip(path, place)) for place in range(8)),
        Fault("CKP3011", f"{path} is a pointer of Git LFS", kind, lambda root, m: _lfs(root, m, path)),
        Fault("CKP3003", f"{path} is a pointer to another", kind, lambda root, m: _lfs(root, m, path, digest=OTHER)),
        Fault("CKP3011", f"{path} is half a pointer", kind, lambda root, _: _put(root, path, _LFS)),
    ]


_LFS = b"version https://git-lfs.github.com/spec/v1\n"


def _put(root: Path, path: str, data: bytes) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)


def _rename(root: Path, path: str) -> None:
    (root / path).rename((root / path).with_name((root / path).name.upper()))


def _flip(path: str, place: int) -> Callable[[Path, Manifest], None]:
    def change(data: bytes) -> bytes:
        at = (len(data) - 1) * place // 7
        return data[:at] + bytes([data[at] ^ (1 << place)]) + data[at + 1 :]

    return lambda root, _: _edit(root, path, change)


def record_of(manifest: Manifest, path: str) -> dict[str, Any]:
    """Return the line of ``files`` for a path."""
    return next(record for record in manifest["files"] if record["path"] == path)


def _lfs(root: Path, manifest: Manifest, path: str, digest: str = "") -> None:
    record = record_of(manifest, path)
    _put(root, path, _LFS + f"oid {digest or record['sha256']}\nsize {record['size']}\n".encode())


def _listed_as(path: str) -> Callable[[Path, Manifest], None]:
    return lambda _, manifest: record_of(manifest, "artifacts/genes.txt").update(path=path)


def _added(path: str, data: bytes = b"x", role: str = "other") -> Callable[[Path, Manifest], None]:
    """Put a file into the folder and list it."""

    def do(root: Path, manifest: Manifest) -> None:
        _put(root, path, data)
        size, digest = len(data), digest_bytes(data)
        record = {"path": path, "size": size, "sha256": digest, "media_type": "text/plain", "role": role}
        manifest["files"].append(record)

    return do


def _linked_folder(root: Path, _: Manifest) -> None:
    outside = root.with_name(root.name + "-outside")
    shutil.move(root / "original", outside)
    (root / "original").symlink_to(outside, target_is_directory=True)


def _withheld(root: Path, manifest: Manifest, *, here: bool = False) -> None:
    record_of(manifest, "artifacts/genes.txt")["withheld"] = {"reason": "controlled access"}
    if here:
        _edit(root, "artifacts/genes.txt", lambda data: data[:-2] + b"!\n")
    else:
        (root / "artifacts/genes.txt").unlink()


UNPORTABLE = (
    "",
    "a//b",
    "./a",
    "a/.",
    "a/",
    "a:b",
    "a?b",
    "a\\b",
    "CON",
    "aux.txt",
    "lpt1.a.b",
    "dot.",
    "space ",
    "x" * 256,
)
LEAVING = ("../genes.txt", "artifacts/../genes.txt", "..", "/etc/passwd", "C:/genes.txt", "\\genes.txt", "c:genes.txt")

FOLDER_FAULTS: tuple[Fault, ...] = (
    *(Fault("CKP3005", f"the path {path}", "plain", _listed_as(path)) for path in LEAVING),
    *(Fault("CKP3008", f"the path {path[:20]!r}", "plain", _listed_as(path)) for path in UNPORTABLE if path),
    *(
        Fault("CKP3012", f"{name} is listed", "plain", _added(name) if name.endswith("sig") else _listed_as(name))
        for name in ("candle-checkpoint.json", "candle-checkpoint.sig")
    ),
    Fault("CKP3004", "an unlisted file", "plain", lambda root, _: _put(root, "notes.txt", b"x")),
    Fault("CKP3004", "an unlisted file below", "plain", lambda root, _: _put(root, "a/b/c.bin", b"x")),
    Fault(
        "CKP3004", "an unlisted file of a listed name below", "plain", lambda root, _: _put(root, "x/state.json", b"")
    ),
    Fault("CKP3004", "a README that is not generated", "plain", lambda root, _: _put(root, "README.md", b"# x")),
    Fault("CKP3004", "a file taken out of the list", "plain", lambda _, manifest: manifest["files"].pop()),
    Fault(
        "CKP3014",
        "a generated README",
        "plain",
        lambda r, _: _put(r, "README.md", b"<!-- generated by candle-spec -->"),
    ),
    Fault("CKP3014", "a file of git", "plain", lambda root, _: _put(root, ".gitattributes", b"x")),
    Fault("CKP3006", "an unlisted link", "plain", lambda root, _: (root / "link").symlink_to("state.json")),
    Fault("CKP3006", "a link to nothing", "plain", lambda root, _: (root / "link").symlink_to("nowhere")),
    Fault("CKP3006", "an unlisted pipe", "plain", lambda root, _: os.mkfifo(root / "pipe")),
    Fault("CKP3006", "a folder that is a link", "plain", _linked_folder),
    Fault("CKP3006", "the manifest is a link", "plain", lambda root, _: _linked(root, "candle-checkpoint.json")),
    Fault("CKP3006", "the signature is a link", "plain", lambda r, _: (r / "candle-checkpoint.sig").symlink_to("x")),
    Fault("CKP3007", "two names that differ in case", "plain", _added("STATE.json")),
    Fault("CKP3007", "two folders that differ in case", "plain", _added("Artifacts/genes.txt")),
    Fault(
        "CKP3009", "a file listed twice", "plain", lambda _, manifest: manifest["files"].append(manifest["files"][0])
    ),
    Fault("CKP3010", "a withheld file", "plain", _withheld),
    Fault("CKP3003", "a withheld file that is here, another", "plain", lambda root, m: _withheld(root, m, here=True)),
    Fault("CKP3013", "a second manifest", "plain", lambda root, _: _put(root, "old/candle-checkpoint.json", b"{}")),
    Fault("CKP3013", "a second manifest, listed", "plain", _added("old/candle-checkpoint.json", b"{}")),
    Fault("CKP5002", "a Python file", "plain", _added("model.py")),
    Fault("CKP5002", "a shared library", "plain", _added("lib/op.so.txt", b"\x7fELF\x02")),
    Fault("CKP5002", "a program of Windows", "plain", _added("run.dat", b"MZ\x90")),
    Fault("CKP5002", "a script", "plain", _added("run", b"#!/bin/sh")),
    Fault("CKP5002", "a pickle by its name", "plain", _added("scaler.PKL")),
    Fault("CKP5002", "a pickle by its bytes", "plain", _added("scaler.bin", b"\x80\x04\x95")),
    Fault("CKP5002", "a topology that is code", "plain", _added("topology/net.py", role="topology")),
    Fault("CKP5002", "an archive of pickles", "plain", _added("scaler.joblib", b"\x78\x9c")),
)


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


def _tree(document: dict[str, Any]) -> Any:
    return document["tree"]["$dict"]


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
    Fault("CKP4010", "an array in a list", "sharded", _index(lambda i: i["weight_map"].update(steps=[]))),
    Fault("CKP4011", "an array not in the index", "sharded", _index(lambda i: i["weight_map"].pop("steps"))),
    Fault("CKP4011", "no map in the index", "sharded", _index(lambda i: i.pop("weight_map"))),
    Fault("CKP4011", "a map that is a list", "sharded", _index(lambda i: i.update(weight_map=[]))),
    Fault("CKP4011", "an index that is a list", "sharded", _index(lambda i: [i])),
    Fault("CKP4012", "another total size", "sharded", _index(lambda i: i["metadata"].update(total_size=1))),
    Fault(
        "CKP4012",
        "a total size with a fraction",
        "sharded",
        _index(lambda i: i["metadata"].update(total_size=float(i["metadata"]["total_size"]))),
    ),
    Fault("CKP4012", "no total size", "sharded", _index(lambda i: i["metadata"].clear())),
    Fault("CKP4012", "no metadata", "sharded", _index(lambda i: i.pop("metadata"))),
    Fault("CKP4012", "metadata that is a list", "sharded", _index(lambda i: i.update(metadata=[1]))),
    Fault(
        "CKP4030",
        "an index that is no JSON",
        "sharded",
        lambda r, m: _hidden(r, m, "model.safetensors.index.json", lambda d: d[:-3]),
    ),
    *(
        Fault(
            "CKP4030", f"{path} is no JSON", kind, lambda r, m, path=path: _hidden(r, m, path, lambda data: data[:-3])
        )  # type: ignore[misc]
        for kind, path in (("plain", "state.json"), ("plain", "original/0.extents.json"), ("inventory", "tensors.json"))
    ),
    *(
        Fault("CKP4030", f"{path} is a list", kind, lambda r, m, path=path: _hidden(r, m, path, lambda data: b"[]"))  # type: ignore[misc]
        for kind, path in (("plain", "state.json"), ("plain", "original/0.extents.json"), ("inventory", "tensors.json"))
    ),
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
        _side("original/0.extents.json", lambda d: d.update(sha256=OTHER)),
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


def sealed(_: Path, manifest: Manifest) -> None:
    """Seal a manifest."""
    seal(manifest)
