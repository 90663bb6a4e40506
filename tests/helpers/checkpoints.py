"""Small complete checkpoints, made through the real conversion from a native format that exists only here.

A native file of the format is a line ``TINYNET1``, a line of JSON that names its tensors, and their bytes. It has what
the real ones have: tensors in extents, aliases, several groups, a dtype that is stored encoded, a state tree, side
files.
"""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.conversion.contract import (
    Card,
    Detection,
    EmbeddedCode,
    Field,
    Group,
    InertPickle,
    Native,
    NativeFormat,
    Part,
    SideFile,
    Source,
)
from candle_spec.conversion.convert import Converted, Options, convert
from candle_spec.digests import digest_bytes, digest_json
from candle_spec.errors import CorruptFileError
from candle_spec.weights import state_tree
from candle_spec.weights.dtypes import item_size
from candle_spec.weights.sources import Encoding, FileBytes, TensorSource, plain
from candle_spec.weights.sources import Part as StoredArray

MAGIC = b"TINYNET1\n"


@dataclass
class Tiny:
    """A native model: rows of tensors, and what else is in the file.

    Attributes:
        tensors: Name, dtype and shape of each; ``C128`` is stored encoded, a name as dtype makes an alias of it.
        groups: Id of the group of each tensor whose name starts with ``<id>/``; the others are of ``model``.
        pickles: Names that a pickle in it would import.
        code: What program code it brings.
    """

    tensors: list[tuple[str, str, list[int]]] = field(
        default_factory=lambda: [
            ("dense/kernel", "F32", [6, 4]),
            ("dense/bias", "F32", [4]),
            ("head/kernel", "F32", [4, 8]),
            ("steps", "I64", []),
        ]
    )
    groups: list[str] = field(default_factory=lambda: ["model"])
    pickles: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)

    def write(self, path: Path) -> Path:
        """Write the native file; every byte of its tensors is another one than its neighbours'."""
        about = json.dumps(vars(self)).encode() + b"\n"
        data = bytearray()
        for number, (_, dtype, shape) in enumerate(self.tensors):
            if dtype.isupper():
                data += b"".join(struct.pack("<f", number * 100 + n / 7) for n in range(_bytes(dtype, shape) // 4))
        path.write_bytes(MAGIC + about + bytes(data))
        return path


def _bytes(dtype: str, shape: list[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count * (16 if dtype == "C128" else item_size(dtype))


class TinyConverter:
    """Reads the native format of these tests, and can make a fresh file of it."""

    name = "tinynet"
    title = "TinyNet"
    suffixes = (".tiny",)
    card = Card("TinyNet", "everything", "nothing", "byte for byte")

    def detect(self, source: Source) -> Detection | None:
        with source.files[0].path.open("rb") as file:
            return Detection(90, self.title) if file.read(len(MAGIC)) == MAGIC else None

    def read(self, source: Source) -> Native:
        native = source.files[0]
        data = native.path.read_bytes()
        line, newline, _ = data[len(MAGIC) :].partition(b"\n")
        if not newline:
            raise CorruptFileError("the file ends in its first lines", location=native.name)
        about = json.loads(line)
        found = Native(_FORMAT, source, weights_metadata={"format": "np"})
        found.groups = [Group(name, name.partition(".")[0], "") for name in about["groups"]]
        found.tensors = list(_tensors(about, native.path, len(MAGIC) + len(line) + 1))
        rows = ((state_tree.encode_scalar(t.name), state_tree.tensor(t.group, t.name)) for t in found.tensors)
        found.state = state_tree.mapping(rows)
        found.side_files = [
            SideFile("topology/config.json", b'{"layers": ["dense", "head"]}\n', "application/json", "topology"),
            SideFile("artifacts/genes.txt", b"TP53\nBRCA1\nEGFR\n", "text/plain", "feature-list"),
        ]
        found.fields = [
            Field("/name", native.path.stem, "path", native.name),
            Field("/model/architecture", "tiny", "file", native.name),
            Field("/model/topology", [{"kind": "keras-config", "path": "topology/config.json"}], "file", native.name),
        ]
        found.parts = [Part(group.kind, "kept") for group in found.groups]
        found.parts.append(Part("weather", "absent", "the native file holds none"))
        if about["pickles"]:
            names = tuple(about["pickles"])
            found.pickles = [InertPickle(native.name, "data.pkl", names, names)]
        found.embedded_code = [EmbeddedCode("torchscript", said) for said in about["code"]]
        return found

    def rebuild(
        self,
        *,
        manifest: Mapping[str, Any],
        state: Any,
        read_file: Callable[[str], bytes],
        tensor: Callable[..., Any],
        target: Path,
    ) -> None:
        rows = [(entry["name"], entry["dtype"], entry["shape"]) for entry in manifest["weights"]["tensors"]]
        arrays = [tensor(entry["group"], entry["name"]).tobytes() for entry in manifest["weights"]["tensors"]]
        about = json.dumps(vars(Tiny(rows))).encode() + b"\n"
        target.write_bytes(MAGIC + about + b"".join(arrays))


_FORMAT = NativeFormat("tinynet", "1", "TinyNet file", "tinynet", "1.0", evidence=("the first line is TINYNET1",))


def _tensors(about: dict[str, Any], path: Path, offset: int) -> Iterator[TensorSource]:
    shapes: dict[str, tuple[str, str, tuple[int, ...]]] = {}
    for full, dtype, shape in about["tensors"]:
        group, _, name = full.partition("/")
        group, name = (group, name) if group in about["groups"] and name else (about["groups"][0], full)
        if not dtype.isupper():  # the name of the tensor that it is tied with
            target_group, target_dtype, target_shape = shapes[dtype]
            yield TensorSource(group, name, target_dtype, target_shape, {}, alias_of=(target_group, dtype))
            continue
        shapes[name] = group, dtype, tuple(shape)
        data = FileBytes(path, offset, _bytes(dtype, shape))
        offset += data.size
        if dtype == "C128":
            parts = {"values": StoredArray("F64", (*shape, 2), data)}
            yield TensorSource(group, name, dtype, tuple(shape), parts, Encoding("complex_pairs"))
        else:
            yield plain(group, name, dtype, tuple(shape), data, role="parameter", attributes={"trainable": True})


@contextlib.contextmanager
def only_tiny() -> Iterator[None]:
    """Let the native format of these tests be the only known one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("candle_spec.conversion.registry.converters", lambda: (TinyConverter(),))
        yield


ALIAS = Tiny([("embedding", "F32", [5, 8]), ("head", "embedding", []), ("bias", "F32", [8])])
ENCODED = Tiny([("phase", "C128", [3, 4]), ("gain", "F32", [16]), ("twin", "F32", [16])])
GROUPS = Tiny(
    [
        ("kernel", "F32", [4, 8]),
        ("bias", "F32", [8]),
        ("optimizer/kernel.m", "F32", [4, 8]),
        ("optimizer/t", "I64", []),
    ],
    ["model", "optimizer"],
)
TOWERS = Tiny(
    [("model.drug/kernel", "F32", [4, 8]), ("model.cell/kernel", "F32", [4, 8]), ("rng/state", "U8", [16])],
    ["model.drug", "model.cell", "rng"],
)

PEOPLE: dict[str, Any] = {
    "/title": "A tiny model of drug response",
    "/description": "Made for tests.",
    "/creators": [{"name": "Josiah Carberry", "orcid": "0000-0002-1825-0097"}],
    "/identifiers": [{"scheme": "doi", "value": "10.5072/tiny.1"}],
    "/license": {"weights": "Apache-2.0"},
    "/dates/trained": "2026-01-02",
    "/dates/published": "2026-02-03",
    "/evaluations": [
        {
            "metric": {"id": "auc-roc", "name": "AUC", "direction": "maximize"},
            "value": 0.9,
            "interval": {"lower": 0.85, "upper": 0.95, "level": 0.95},
            "split": "test",
        }
    ],
    "/inputs": [
        {
            "id": "expression",
            "kind": "tensor",
            "dtype": "F32",
            "axes": [{"name": "batch", "size": None}, {"name": "feature", "size": 3}],
            "feature_list": {"path": "artifacts/genes.txt", "count": 3},
        }
    ],
}
"""What a person would add to a manifest."""

KINDS = ("plain", "alias", "encoded", "groups", "towers", "sharded", "inventory", "described", "pickled")


def make(kind: str, folder: Path) -> Converted:
    """Make one checkpoint at ``folder / kind``.

    Args:
        kind: One of :data:`KINDS`.
        folder: Where to; the native file lies beside the checkpoint.
    """
    tiny, options = {
        "alias": (ALIAS, Options()),
        "encoded": (ENCODED, Options()),
        "groups": (GROUPS, Options()),
        "towers": (TOWERS, Options()),
        "sharded": (Tiny(), Options(shard_bytes=120)),
        "described": (Tiny(), Options(values=PEOPLE)),
        "pickled": (Tiny(pickles=["posix.system"], code=["TorchScript source of model.py"]), Options()),
    }.get(kind, (Tiny(), Options()))
    native = tiny.write(folder / f"{kind}.tiny")
    with only_tiny(), pytest.MonkeyPatch.context() as patch:
        if kind == "inventory":  # a file of its own is for thousands of tensors; here for any number
            patch.setattr("candle_spec.checkpoint.manifest_builder.INLINE_TENSORS", 1)
        return convert(native, folder / kind, options)


def read_manifest(checkpoint: Path) -> dict[str, Any]:
    """Return the manifest of a checkpoint."""
    manifest: dict[str, Any] = json.loads((checkpoint / MANIFEST).read_bytes())
    return manifest


def write_manifest(checkpoint: Path, manifest: Mapping[str, Any], *, pretty: bool = True) -> None:
    """Write a manifest, as the package does or (where it may break the schema) as plain JSON."""
    data = manifest_file.dump(dict(manifest)) if pretty else json.dumps(manifest).encode()
    (checkpoint / MANIFEST).write_bytes(data)


def residues(checkpoint: Path) -> dict[str, int]:
    """Return the size of the residue of each native file, by its name."""
    originals = read_manifest(checkpoint)["conversion"]["restore"]["originals"]
    documents = [json.loads((checkpoint / original["extents"]).read_bytes()) for original in originals]
    return {document["native"]: document["residue"]["size"] for document in documents}


def relist(checkpoint: Path, manifest: dict[str, Any], path: str) -> None:
    """Bring size and digest of a listed file up to date, as somebody would who hides a change."""
    data = (checkpoint / path).read_bytes()
    for record in manifest["files"]:
        if record["path"] == path:
            record.update(size=len(data), digest=digest_bytes(data))
            if "header" in record:
                first = data[: 8 + int.from_bytes(data[:8], "little")]
                record["header"] = {"size": max(8, len(first)), "digest": digest_bytes(first)}


def seal(manifest: dict[str, Any]) -> None:
    """Put the right digest into a manifest."""
    manifest.pop("manifest_digest", None)
    manifest["manifest_digest"] = digest_json(manifest)
