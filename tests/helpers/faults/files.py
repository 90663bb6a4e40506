"""Faults of the files of a checkpoint, and of what its manifest says of them."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from candle_spec.digests import digest_bytes

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


def edit(root: Path, path: str, change: Callable[[bytes], bytes]) -> None:
    """Change the bytes of a file."""
    (root / path).write_bytes(change((root / path).read_bytes()))


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
        Fault("CKP3002", f"{path} is cut off", kind, lambda root, _: edit(root, path, lambda data: data[:-1])),
        Fault("CKP3002", f"{path} is empty", kind, lambda root, _: edit(root, path, lambda data: b"")),
        Fault("CKP3002", f"{path} has grown", kind, lambda root, _: edit(root, path, lambda data: data + b"\n")),
        Fault("CKP3006", f"{path} is a link", kind, lambda root, _: _linked(root, path)),
        Fault("CKP3006", f"{path} is a pipe", kind, lambda root, _: _fifo(root, path)),
        *(Fault("CKP3003", f"{path} has another byte {place}/7", kind, _flip(path, place)) for place in range(8)),
        Fault("CKP3011", f"{path} is a pointer of Git LFS", kind, lambda root, m: _lfs(root, m, path)),
        Fault("CKP3003", f"{path} is a pointer to another", kind, lambda root, m: _lfs(root, m, path, digest=OTHER)),
        Fault("CKP3002", f"{path} is half a pointer", kind, lambda root, _: _put(root, path, _LFS)),
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

    def do(root: Path, manifest: Manifest) -> None:
        """A weights file gets its own digest first: without one, its arrays tell the change (CKP4024)."""
        _state_digest(root, manifest, path)
        edit(root, path, change)

    return do


def _state_digest(root: Path, manifest: Manifest, path: str) -> None:
    record_of(manifest, path).setdefault("digest", digest_bytes((root / path).read_bytes()))


def record_of(manifest: Manifest, path: str) -> dict[str, Any]:
    """Return the line of ``files`` for a path."""
    return next(record for record in manifest["files"] if record["path"] == path)


def _lfs(root: Path, manifest: Manifest, path: str, digest: str = "") -> None:
    record = record_of(manifest, path)
    _state_digest(root, manifest, path)
    _put(root, path, _LFS + f"oid {digest or record['digest']}\nsize {record['size']}\n".encode())


def _undigested(root: Path, manifest: Manifest) -> None:
    _lfs(root, manifest, "model.safetensors")
    del record_of(manifest, "model.safetensors")["digest"]


def _listed_as(path: str) -> Callable[[Path, Manifest], None]:
    return lambda _, manifest: record_of(manifest, "artifacts/genes.txt").update(path=path)


def _added(path: str, data: bytes = b"x", role: str = "other") -> Callable[[Path, Manifest], None]:
    """Put a file into the folder and list it."""

    def do(root: Path, manifest: Manifest) -> None:
        _put(root, path, data)
        size, digest = len(data), digest_bytes(data)
        record = {"path": path, "size": size, "digest": digest, "media_type": "text/plain", "role": role}
        manifest["files"].append(record)

    return do


def _linked_folder(root: Path, _: Manifest) -> None:
    outside = root.with_name(root.name + "-outside")
    shutil.move(root / "original", outside)
    (root / "original").symlink_to(outside, target_is_directory=True)


def _withheld(root: Path, manifest: Manifest, *, here: bool = False) -> None:
    record_of(manifest, "artifacts/genes.txt")["withheld"] = {"reason": "controlled access"}
    if here:
        edit(root, "artifacts/genes.txt", lambda data: data[:-2] + b"!\n")
    else:
        (root / "artifacts/genes.txt").unlink()


UNPORTABLE = (
    "",
    "a//b",
    "./a",
    "a/.",
    "a/",
    "ab:c",
    "a?b",
    "a\\b",
    "CON",
    "aux.txt",
    "lpt1.a.b",
    "dot.",
    "space ",
    "x" * 256,
)
ROLES = ("weights", "training-state", "residue", "extents", "payload", "x-own")

LEAVING = ("../genes.txt", "artifacts/../genes.txt", "..", "/etc/passwd", "C:/genes.txt", "\\genes.txt", "c:genes.txt")


def _zipped(name: str, data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, data)
    return packed.getvalue()


class _Call:
    def __reduce__(self) -> Any:
        return print, ("hello",)


FOLDER_FAULTS: tuple[Fault, ...] = (
    *(Fault("CKP3005", f"the path {path}", "plain", _listed_as(path)) for path in LEAVING),
    *(Fault("CKP3008", f"the path {path[:20]!r}", "plain", _listed_as(path)) for path in UNPORTABLE if path),
    *(
        Fault("CKP3012", f"{name} is listed", "plain", _added(name) if name.endswith("sig") else _listed_as(name))
        for name in ("candle-checkpoint.json", "candle-checkpoint.sig", "Candle-Checkpoint.json")
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
    Fault("CKP3015", "a pointer without a digest to compare", "plain", _undigested),
    Fault("CKP3003", "a withheld file that is here, another", "plain", lambda root, m: _withheld(root, m, here=True)),
    Fault("CKP3013", "a second manifest", "plain", lambda root, _: _put(root, "old/candle-checkpoint.json", b"{}")),
    Fault("CKP3013", "a second manifest, listed", "plain", _added("old/candle-checkpoint.json", b"{}")),
    *(Fault("CKP5002", f"a pickle that claims to be {r}", "plain", _added("a.pkl", b"\x80\x04\x95", r)) for r in ROLES),
    Fault("CKP5002", "a Python file", "plain", _added("model.py")),
    Fault("CKP5002", "a shared library", "plain", _added("lib/op.so.txt", b"\x7fELF\x02")),
    Fault("CKP5002", "a program of Windows", "plain", _added("run.dat", b"MZ\x90")),
    Fault("CKP5002", "a script", "plain", _added("run", b"#!/bin/sh")),
    Fault("CKP5002", "a pickle by its name", "plain", _added("scaler.PKL")),
    *(
        Fault("CKP5002", f"a pickle of {what}, protocol {number}", "plain", _added("scaler.bin", data))
        for number in range(6)
        for what, data in (("values", pickle.dumps([1, "a"], number)), ("a call", pickle.dumps(_Call(), number)))
    ),
    Fault("CKP5002", "a pickle before other bytes", "plain", _added("scaler.bin", pickle.dumps(_Call(), 0) + b"\xff")),
    Fault("CKP5002", "a large pickle", "plain", _added("scaler.bin", pickle.dumps(b"x" * 100_000, 4))),
    *(
        Fault("CKP5002", f"code called {name}", "plain", _added(name))
        for name in (
            "fit.R",
            "fit.ipynb",
            "fit.jl",
            "add.cu",
            "add.wasm",
            "Dockerfile",
            "a/Dockerfile.gpu",
            "Makefile",
        )
    ),
    Fault("CKP5002", "Python source by another name", "plain", _added("notes", b"import os\n\nos.system('true')\n")),
    Fault("CKP5002", "a pickle in a zip", "plain", _added("scaler.zip", _zipped("data.pkl", pickle.dumps([1])))),
    Fault("CKP5002", "a compressed pickle", "plain", _added("scaler.gz", gzip.compress(pickle.dumps({"mean": 1})))),
    Fault("CKP5002", "a program of the web", "plain", _added("add.bin", b"\0asm\1\0\0\0")),
    Fault("CKP5002", "a topology that is code", "plain", _added("topology/net.py", role="topology")),
    Fault("CKP5002", "an archive of pickles", "plain", _added("scaler.joblib", b"\x78\x9c")),
)
