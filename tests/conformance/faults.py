"""For each requirement on a checkpoint, a fault that breaks it and nothing else."""

from __future__ import annotations

import copy
import json
import struct

from candle_spec.digests import digest_encoded
from candle_spec.weights.safetensors import layout
from tests.conformance.made import (
    SCHEMAS,
    WEIGHTS,
    Fault,
    Made,
    at,
    digest_of,
    entry,
    evaluation,
    later,
    manifest_hash,
    nothing,
    sha,
    side,
    signature,
    text,
    two_shards,
)


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
