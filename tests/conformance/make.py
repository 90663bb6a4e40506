"""Makes the conformance folders: valid checkpoints, and for each requirement one that breaks it alone.

    python tests/conformance/make.py

The folders are checked in; a test makes them anew and compares. To add a requirement: a function here, named after its
id, that changes the valid checkpoint.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from candle_spec.canonical import pretty  # noqa: E402
from candle_spec.checkpoint.identity import identity  # noqa: E402
from candle_spec.checkpoint.manifest_file import dump, manifest_digest  # noqa: E402
from candle_spec.digests import digest_json  # noqa: E402
from candle_spec.weights.safetensors import layout  # noqa: E402

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


def cs_006(made: Made) -> None:
    made.manifest["extensions"] = {"urn:example:deep": json.loads("[" * 300 + "]" * 300)}
    made.text = json.dumps(made.manifest).encode()


def cs_035(made: Made) -> None:
    made.links["notes.txt"] = WEIGHTS


def cs_049(made: Made) -> None:
    two_shards(made)
    del made.files["model.safetensors.index.json"], made.group["index"]
    made.manifest["files"] = [row for row in made.manifest["files"] if row["role"] != "index"]


def cs_061(made: Made) -> None:
    two_shards(made, weight_map={"b": "model-00002-of-00002.safetensors"})


def cs_066(made: Made) -> None:
    made.tensors[1]["alias_of"] = ["model", "nowhere"]


def cs_071(made: Made) -> None:
    """An encoded tensor without the part that its encoding needs."""
    pairs = struct.pack("<2d", 0.5, -1)
    made.weights(layout([("c::other", "F64", (1, 2))], {"format": "pt"})[0] + pairs)
    part = {"key": "c::other", "dtype": "F64", "shape": [1, 2], "digest": sha(pairs), "file": WEIGHTS}
    from candle_spec.digests import digest_encoded

    digest = digest_encoded("complex_pairs", {}, {"other": ("F64", [1, 2], sha(pairs))})
    encoding = {"name": "complex_pairs", "params": {}, "parts": {"other": part}}
    made.tensors[:] = [
        {"group": "model", "name": "c", "dtype": "C128", "shape": [1], "digest": digest, "encoding": encoding}
    ]
    made.group.update(tensor_count=1, parameter_count=1, size=16)
    made.manifest["model"]["parameter_count"] = 1
    made.identify()


def cs_072(made: Made) -> None:
    made.tensors.append(copy.deepcopy(made.tensors[1]))
    made.group["tensor_count"] = 4
    made.identify()


def cs_074(made: Made) -> None:
    side(
        made, "state.json", "state-tree", {"tree": {"$dict": [["w", {"$tensor": ["model", "nowhere"]}]]}}, "state-tree"
    )


def cs_077(made: Made) -> None:
    made.manifest["conversion"] = {
        "tool": {"name": "conformance", "version": "1"},
        "native": {
            "format": "npz",
            "title": "NumPy archive",
            "files": [{"path": "m.npz", "size": 7, "digest": sha(b"native\n")}],
            "digest": sha(b"other"),
        },
        "parts": [{"what": "model", "status": "kept"}],
        "proof": {"tensors": 2, "bytes": 32},
        "restore": {"byte_exact": "not-kept", "cost": "the native file is not here"},
    }


def cs_078(made: Made) -> None:
    made.files["genes.txt"] = b"BRCA1\nTP53\n"
    made.list_file("genes.txt", "text/plain", "feature-list")
    features = {"path": "genes.txt", "count": 2, "digest": sha(b"TP53\nBRCA1")}
    made.manifest["inputs"] = [{"id": "expression", "kind": "tensor", "feature_list": features}]


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


def cs_081(made: Made) -> None:
    made.files["run.py"] = b'print("hello")\n'
    made.list_file("run.py", "text/x-python", "other")


def grow(made: Made) -> None:
    made.manifest["files"][0]["size"] += 1


def flip(made: Made) -> None:
    """Change a byte of a file that is no weights file, so that only its digest tells."""
    made.files["notes.txt"] = b"one"
    made.list_file("notes.txt", "text/plain", "document")
    made.files["notes.txt"] = b"two"


def swapped(made: Made) -> None:
    """Other bytes in the tensor, listed as they are: only the tensor's digest tells."""
    made.weights(made.files[WEIGHTS][:-4] + struct.pack("<f", 5))


FAULTS: dict[str, tuple[str, Fault]] = {
    "CS-001": ("no-manifest", lambda m: setattr(m, "no_manifest", True)),
    "CS-002": ("second-manifest", lambda m: m.files.update({"more/candle-checkpoint.json": b"{}\n"})),
    "CS-003": ("byte-order-mark", text(b"{", b"\xef\xbb\xbf{")),
    "CS-004": ("not-json", text(b'"minimal",', b'"minimal"')),
    "CS-005": ("duplicate-key", text(b'"name": "minimal",', b'"name": "first", "name": "minimal",')),
    "CS-006": ("too-deep", cs_006),
    "CS-007": ("nan", text(b'"parameter_count": 6', b'"parameter_count": NaN')),
    "CS-010": ("missing-member", lambda m: m.manifest.pop("name")),
    "CS-011": ("unknown-member", at("colour", "blue")),
    "CS-012": ("wrong-type", at("name", 7)),
    "CS-013": (
        "unknown-version",
        lambda m: m.manifest.update({"$schema": f"{SCHEMAS}checkpoint/2.0.0", "schema_version": "2.0.0"}),
    ),
    "CS-015": ("schema-disagrees", at("$schema", f"{SCHEMAS}checkpoint/1.0.0-dev.2")),
    "CS-019": ("feature-of-others", at("requires", ["https://example.org/features/slices"])),
    "CS-020": ("orcid-check-digit", at("creators", [{"name": "Carberry, Josiah", "orcid": "0000-0002-1825-0098"}])),
    "CS-021": ("no-such-day", at("dates", "created", "2026-02-30T00:00:00Z")),
    "CS-022": ("interval-without-value", lambda m: evaluation(m, interval={"lower": 0.1, "upper": 0.2, "level": 0.95})),
    "CS-023": ("metric-out-of-range", lambda m: evaluation(m, value=1.5)),
    "CS-024": ("metric-direction", lambda m: evaluation(m, metric={"direction": "minimize"})),
    "CS-025": (
        "resume-grade",
        at(
            "training_state",
            {"resume_grade": "fine-tunable", "parts": {"optimizer": {"status": "absent", "reason": "-"}}},
        ),
    ),
    "CS-026": ("changed-after-seal", at("manifest_digest", sha(b"other"))),
    "CS-027": (
        "source-of-nothing",
        at("field_sources", [{"pointer": "/title", "source": "file", "value_digest": sha(b"")}]),
    ),
    "CS-028": (
        "path-not-listed",
        at("training_state", {"resume_grade": "inference-only", "parts": {}, "state_tree": "state.json"}),
    ),
    "CS-029": ("group-twice", lambda m: m.manifest["weights"]["groups"].append(copy.deepcopy(m.group))),
    "CS-030": ("file-missing", lambda m: m.withheld("notes.txt") or m.manifest["files"][-1].pop("withheld")),
    "CS-031": ("file-size", grow),
    "CS-032": ("file-changed", flip),
    "CS-033": ("file-unlisted", lambda m: m.files.update({"notes.txt": b"hello\n"})),
    "CS-034": ("path-leaves", lambda m: m.withheld("../secret.txt")),
    "CS-035": ("link", cs_035),
    "CS-036": ("case-collision", lambda m: m.withheld("Notes.txt") or m.withheld("notes.txt")),
    "CS-037": ("device-name", lambda m: m.withheld("aux.txt")),
    "CS-038": ("listed-twice", lambda m: m.withheld("notes.txt") or m.withheld("notes.txt")),
    "CS-040": ("reserved-listed", lambda m: m.withheld("candle-checkpoint.sig")),
    "CS-043": ("evaluation-without-values", lambda m: later(m, evaluations=[])),
    "CS-044": ("evaluation-changed", lambda m: later(m, digest=sha(b"other"))),
    "CS-045": ("evaluation-of-another-model", lambda m: later(m, content_digest=sha(b"other"))),
    "CS-049": ("shards-without-index", cs_049),
    "CS-050": ("header-too-long-for-file", lambda m: m.weights(struct.pack("<Q", 999) + m.files[WEIGHTS][8:])),
    "CS-051": ("header-no-object", lambda m: m.header(nothing, raw=lambda t: b"[" + t[1:-1] + b"]")),
    "CS-052": ("key-twice", lambda m: m.header(nothing, raw=lambda t: t.replace(b'"w":', b'"b":'))),
    "CS-053": (
        "hole",
        lambda m: m.header(lambda h: h["w"].update(data_offsets=[20, 36]) or h["b"].update(data_offsets=[0, 16])),
    ),
    "CS-054": ("size-and-shape", entry("w", shape=[2, 3])),
    "CS-055": ("trailing-bytes", lambda m: m.weights(m.files[WEIGHTS] + b"\0")),
    "CS-056": ("unknown-dtype", entry("w", dtype="F99")),
    "CS-057": ("metadata-not-strings", lambda m: m.header(lambda h: h["__metadata__"].update(format=1))),
    "CS-058": ("header-over-limit", lambda m: m.weights(struct.pack("<Q", 100_000_001) + m.files[WEIGHTS][8:])),
    "CS-060": (
        "index-maps-elsewhere",
        lambda m: two_shards(
            m, weight_map={k: f"model-0000{n}-of-00002.safetensors" for k, n in (("b", 2), ("w", 1), ("x", 1))}
        ),
    ),
    "CS-061": ("index-lacks-key", cs_061),
    "CS-062": ("total-size", lambda m: two_shards(m, metadata={"total_size": 33})),
    "CS-063": ("key-not-in-file", lambda m: m.tensors[0].update(key="elsewhere") or m.tensors[2].update(key="b")),
    "CS-064": ("parameter-count", at("model", "parameter_count", 7)),
    "CS-065": ("dtype-claim", lambda m: m.tensors[2].update(dtype="U64") or m.identify()),
    "CS-066": ("alias-of-nothing", cs_066),
    "CS-067": ("tensor-changed", swapped),
    "CS-068": ("content-digest", digest_of("content_digest")),
    "CS-069": ("values-digest", digest_of("values_digest")),
    "CS-070": ("tensor-count", lambda m: m.group.update(tensor_count=4)),
    "CS-071": ("encoding-parts", cs_071),
    "CS-072": ("name-twice", cs_072),
    "CS-073": ("state-tree-tag", lambda m: side(m, "state.json", "state-tree", {"tree": {"$wrong": 1}}, "state-tree")),
    "CS-074": ("state-names-nothing", cs_074),
    "CS-077": ("certificate-of-other-files", cs_077),
    "CS-078": ("features-in-another-order", cs_078),
    "CS-079": ("precision-of-nothing", at("model", "precision", ["F64"])),
    "CS-081": ("undeclared-code", cs_081),
    "CS-084": ("signature-of-another-type", lambda m: signature(m, manifest_hash(m), payloadType="text/plain")),
    "CS-085": ("signature-of-another-manifest", lambda m: signature(m, "0" * 64)),
    "CS-087": ("no-licence", at("license", {"weights": "Apache-3.0"})),
}


def make(target: Path) -> None:
    """Make all folders below ``target``."""
    for kind in ("valid", "invalid"):
        shutil.rmtree(target / kind, ignore_errors=True)
    valid = target / "valid" / "minimal"
    valid.mkdir(parents=True)
    Made().write(valid)
    sealed = target / "valid" / "sealed-shards"
    sealed.mkdir()
    shards = Made()
    two_shards(shards)
    shards.manifest["manifest_digest"] = manifest_digest(shards.manifest)
    shards.write(sealed)
    evaluated = target / "valid" / "later-evaluation"
    evaluated.mkdir()
    measured = Made()
    later(measured)
    measured.write(evaluated)
    for requirement, (slug, fault) in FAULTS.items():
        folder = target / "invalid" / f"{requirement}-{slug}"
        folder.mkdir(parents=True)
        made = Made()
        fault(made)
        made.write(folder)
    expectations(target)


def expected(folder: Path) -> dict[str, Any]:
    """Return what a reader finds in a valid checkpoint: its digests, and those of the native files it gives back."""
    manifest = json.loads((folder / "candle-checkpoint.json").read_bytes())
    conversion = manifest.get("conversion", {"restore": {}, "native": {"files": []}})
    digests = {record["path"]: record["digest"] for record in conversion["native"]["files"]}
    originals = [row for row in conversion["restore"].get("originals", []) if (folder / row["residue"]).is_file()]
    found = {name: manifest["weights"][name] for name in ("content_digest", "values_digest", "state_digest")}
    return {**found, "natives": {row["native"]: digests[row["native"]] for row in originals}}


def expectations(target: Path) -> None:
    """Write what is to be said of each folder, those of ``tests/kept`` included, for readers in other languages."""
    kept = HERE.parent / "kept" / VERSION
    manifests = [*(target / "valid").rglob("candle-checkpoint.json"), *kept.rglob("candle-checkpoint.json")]
    valid = {}
    for folder in sorted(path.parent for path in manifests):
        inside = folder.is_relative_to(target)
        name = folder.relative_to(target if inside else HERE.parent).as_posix()
        valid[name if inside else f"../{name}"] = expected(folder)
    invalid = {f"invalid/{path.name}": path.name[:6] for path in sorted((target / "invalid").iterdir())}
    (target / "expectations.json").write_bytes(pretty({"version": VERSION, "valid": valid, "invalid": invalid}))


if __name__ == "__main__":
    make(HERE)
