"""A checkpoint in memory that is valid, and what changes it: what the folders of the suite are made of."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from candle_spec.canonical import pretty
from candle_spec.checkpoint.identity import identity
from candle_spec.checkpoint.manifest_file import dump
from candle_spec.digests import digest_json
from candle_spec.weights.safetensors import layout

W = struct.pack("<4f", 1, 2, 3, 4)
B = struct.pack("<2q", -1, 7)
WEIGHTS = "model.safetensors"
VERSION = "1.0.0-rc.1"
SCHEMAS = "https://w3id.org/candle-spec/schemas/"


def sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Made:
    """A checkpoint in memory: its files, its manifest, the manifest's text where it is not made from it."""

    def __init__(self) -> None:
        head, _ = layout([("w", "F32", (2, 2)), ("b", "I64", (2,))], {"format": "pt"})
        self.files: dict[str, bytes] = {WEIGHTS: head + B + W}
        self.links: dict[str, str] = {}
        self.text: bytes | None = None
        self.no_manifest = False
        tensors = [
            {"group": "model", "name": "w", "dtype": "F32", "shape": [2, 2], "digest": sha(W), "file": WEIGHTS},
            {
                "group": "model",
                "name": "tied",
                "dtype": "F32",
                "shape": [2, 2],
                "digest": sha(W),
                "alias_of": ["model", "w"],
            },
            {"group": "model", "name": "b", "dtype": "I64", "shape": [2], "digest": sha(B), "file": WEIGHTS},
        ]
        group = {"id": "model", "kind": "model", "root": "", "files": [WEIGHTS]}
        group |= {"tensor_count": 3, "parameter_count": 6, "size": 32}
        self.manifest: dict[str, Any] = {
            "$schema": f"{SCHEMAS}checkpoint/{VERSION}",
            "schema_version": VERSION,
            "name": "minimal",
            "dates": {"created": "2026-11-24T00:00:00Z"},
            "model": {"framework": {"name": "unknown"}, "parameter_count": 6},
            "files": [],
            "weights": {
                "kind": "tensors",
                "format": "safetensors",
                **identity(tensors),
                "groups": [group],
                "tensors": tensors,
            },
        }
        self.list_file(WEIGHTS, "application/vnd.safetensors", "weights")

    @property
    def tensors(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.manifest["weights"]["tensors"]
        return found

    @property
    def group(self) -> dict[str, Any]:
        found: dict[str, Any] = self.manifest["weights"]["groups"][0]
        return found

    def list_file(self, path: str, media_type: str, role: str) -> None:
        """List a file, or bring its size and digest up to date."""
        data = self.files[path]
        self.manifest["files"] = [record for record in self.manifest["files"] if record["path"] != path]
        record: dict[str, Any] = {"path": path, "size": len(data), "digest": sha(data)}
        if role == "weights":
            first = data[: 8 + struct.unpack("<Q", data[:8])[0]]
            record = {"path": path, "size": len(data), "header": {"size": len(first), "digest": sha(first)}}
        self.manifest["files"].append({**record, "media_type": media_type, "role": role})

    def weights(self, data: bytes) -> None:
        """Replace the weights file, listed as it then is."""
        self.files[WEIGHTS] = data
        self.list_file(WEIGHTS, "application/vnd.safetensors", "weights")

    def header(
        self, change: Callable[[dict[str, Any]], Any], *, raw: Callable[[bytes], bytes] = lambda text: text
    ) -> None:
        """Change the header of the weights file, by its JSON or by its text."""
        data = self.files[WEIGHTS]
        length = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8 : 8 + length])
        change(header)
        text = raw(json.dumps(header, separators=(",", ":")).encode())
        self.weights(struct.pack("<Q", len(text)) + text + data[8 + length :])

    def identify(self) -> None:
        """Bring the digests of the inventory up to date."""
        self.manifest["weights"] |= identity(self.tensors)

    def withheld(self, path: str) -> None:
        """List a file that is not here on purpose."""
        record = {"path": path, "size": 1, "digest": sha(b"x"), "media_type": "text/plain", "role": "other"}
        self.manifest["files"].append({**record, "withheld": {"reason": "conformance"}})

    def write(self, folder: Path) -> None:
        for path, data in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        for path, target in self.links.items():
            (folder / path).symlink_to(target)
        if not self.no_manifest:
            (folder / "candle-checkpoint.json").write_bytes(self.text if self.text is not None else dump(self.manifest))


def nothing(header: dict[str, Any]) -> None:
    """Leave the header's JSON as it is."""


def two_shards(made: Made, **change: Any) -> None:
    """Lay the group out as two shards with an index; ``change`` replaces members of the index."""
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    made.files.clear()
    made.manifest["files"] = []
    for name, key, dtype, shape, data in ((names[0], "w", "F32", (2, 2), W), (names[1], "b", "I64", (2,), B)):
        made.files[name] = layout([(key, dtype, shape)], {"format": "pt"})[0] + data
        made.list_file(name, "application/vnd.safetensors", "weights")
    index = {"metadata": {"total_size": 32}, "weight_map": {"b": names[1], "w": names[0]}} | change
    made.files["model.safetensors.index.json"] = pretty(index)
    made.list_file("model.safetensors.index.json", "application/json", "index")
    made.group.update(files=names, index="model.safetensors.index.json")
    made.tensors[0]["file"], made.tensors[2]["file"] = names


def side(made: Made, path: str, schema: str, members: dict[str, Any], role: str) -> None:
    document = {"$schema": f"{SCHEMAS}{schema}/{VERSION}", "schema_version": VERSION, **members}
    made.files[path] = pretty(document)
    made.list_file(path, "application/json", role)
    made.manifest["training_state"] = {"resume_grade": "inference-only", "parts": {}, "state_tree": path}


def evaluation(made: Made, **change: Any) -> None:
    metric = {"id": "auc-roc", "direction": "maximize"} | change.pop("metric", {})
    made.manifest["evaluations"] = [{"metric": metric, "value": 0.9, **change}]


Fault = Callable[[Made], Any]


def text(old: bytes, new: bytes) -> Fault:
    """Change the manifest's text."""

    def fault(made: Made) -> None:
        before = dump(made.manifest)
        made.text = before.replace(old, new, 1)
        assert made.text != before

    return fault


def at(*path: Any) -> Fault:
    """Set a member of the manifest: keys, then the value."""

    def fault(made: Made) -> None:
        *keys, last, value = path
        target: Any = made.manifest
        for key in keys:
            target = target[key]
        target[last] = value

    return fault


def entry(name: str, **change: Any) -> Fault:
    """Change an entry of the weights file's header."""
    return lambda made: made.header(lambda header: header[name].update(change))


def digest_of(name: str) -> Fault:
    return at("weights", name, sha(b"other"))


def later(made: Made, **change: Any) -> None:
    """Put an evaluation beside the checkpoint; ``change`` replaces members, the digest included."""
    metric = {"id": "auc-roc", "direction": "maximize"}
    document = {
        "$schema": f"{SCHEMAS}evaluation/{VERSION}",
        "schema_version": VERSION,
        "content_digest": made.manifest["weights"]["content_digest"],
        "created": "2026-12-01T00:00:00Z",
        "evaluations": [{"metric": metric, "value": 0.9, "dataset": "external cohort"}],
    } | {key: value for key, value in change.items() if key != "digest"}
    made.files["evaluations/0.json"] = pretty({**document, "digest": change.get("digest", digest_json(document))})


def signature(made: Made, digest: str, **change: Any) -> None:
    """Sign the manifest, as far as form goes: no key has made these bytes."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "manifest", "digest": {"sha256": sha(bytes.fromhex(digest)).removeprefix("sha256:")}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False},
            "resources": [{"name": ".", "algorithm": "sha256", "digest": digest}],
        },
    }
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    envelope = {"payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": [{"sig": "AAAA"}]}
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "none"}},
        "dsseEnvelope": envelope | change,
    }
    made.files["candle-checkpoint.sig"] = pretty(bundle)


def manifest_hash(made: Made) -> str:
    return sha(dump(made.manifest)).removeprefix("sha256:")
