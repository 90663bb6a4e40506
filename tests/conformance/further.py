"""Further faults of requirements that say more than one thing: what a manifest says, and paths."""

from __future__ import annotations

from tests.conformance.made import (
    WEIGHTS,
    Fault,
    Made,
    at,
    evaluation,
    later,
    manifest_hash,
    sha,
    side,
    signature,
    text,
)

Row = tuple[str, str, Fault]

IDENTIFIERS = {
    "doi": "https://doi.org/10.5281/zenodo.1",
    "swhid": "swh:1:cnt:94a9ed024d3859793618152ea559a168bbcbb5e",
    "uuid": "urn:uuid:6f1c9a5e-5f0e-4d8e-9d2a-0f2f6f0a7c11",
    "purl": "npm/left-pad",
    "url": "example.org/model",
}
"""Values that have not the form of their scheme."""

UNSTORABLE = {
    "not-composed": "cafe\u0301.txt",
    "unassigned": "a\u0378.txt",
    "empty-part": "a//b.txt",
    "dot-part": "a/./b.txt",
    "ends-with-dot": "notes./b.txt",
    "ends-with-space": "notes .txt /b.txt",
    "too-long": "a" * 252 + ".txt",
    "control": "a\u0001b.txt",
    "sign": "what?.txt",
    "backslash": "a\\b.txt",
    "device-with-digit": "sub/com\u00b9.tar.txt",
    "device-of-consoles": "CONIN$",
}
"""Paths that some system cannot store."""


def withheld(*paths: str) -> Fault:
    """List files that are not here."""

    def fault(made: Made) -> None:
        for path in paths:
            made.withheld(path)

    return fault


def identifier(scheme: str, value: str) -> Fault:
    return at("identifiers", [{"scheme": scheme, "value": value}])


def present(made: Made, path: str, data: bytes, role: str, media_type: str = "application/json") -> None:
    """Put a file into the checkpoint and list it."""
    made.files[path] = data
    made.list_file(path, media_type, role)


def state_of_another_role(made: Made) -> None:
    present(made, "state.json", b"{}\n", "other")
    made.manifest["training_state"] = {"resume_grade": "inference-only", "parts": {}, "state_tree": "state.json"}


def weights_of_another_type(made: Made) -> None:
    record = made.manifest["files"][0]
    record["media_type"] = "application/octet-stream"
    record["digest"] = sha(made.files[WEIGHTS])
    del record["header"]


def header_of_a_text(made: Made) -> None:
    data = b"no weights here\n"
    present(made, "notes.txt", data, "other", "text/plain")
    made.manifest["files"][-1]["header"] = {"size": len(data), "digest": sha(data)}


def part_of_no_group(made: Made) -> None:
    part = {"status": "present", "group": "optimizer"}
    made.manifest["training_state"] = {"resume_grade": "fine-tunable", "parts": {"optimizer": part}}


def group_of_another_kind(made: Made) -> None:
    made.group["kind"] = "ema"


def state_tree_not_named(made: Made) -> None:
    side(made, "state.json", "state-tree", {"tree": None}, "state-tree")
    del made.manifest["training_state"]


def inventory_not_named(made: Made) -> None:
    side(made, "tensors.json", "tensors", {"tensors": made.tensors[:1]}, "tensor-inventory")
    del made.manifest["training_state"]


def another_header(made: Made) -> None:
    made.manifest["files"][0]["header"]["digest"] = sha(b"other")


def another_digest(made: Made) -> None:
    made.manifest["files"][0]["digest"] = sha(b"other")


def more_precision(made: Made) -> None:
    made.manifest["model"]["precision"] = ["I64"]


def proof(made: Made, **change: int) -> None:
    """Add a certificate that is right but for the proof."""
    record = {"path": "m.npz", "size": 7, "digest": sha(b"native\n")}
    made.manifest["conversion"] = {
        "tool": {"name": "conformance", "version": "1"},
        "native": {"format": "npz", "title": "NumPy archive", "files": [record], "digest": record["digest"]},
        "parts": [{"what": "model", "status": "kept"}],
        "proof": {"tensors": 2, "bytes": 32, **change},
        "restore": {"byte_exact": "not-kept", "cost": "the native file is not here"},
    }


def features(lines: bytes, count: int) -> Fault:
    """Add a feature list, with the digest of what it holds."""

    def fault(made: Made) -> None:
        present(made, "genes.txt", lines, "feature-list", "text/plain")
        stated = {"path": "genes.txt", "count": count, "digest": sha(lines.removesuffix(b"\n"))}
        made.manifest["inputs"] = [{"id": "expression", "kind": "tensor", "feature_list": stated}]

    return fault


def program(path: str, data: bytes) -> Fault:
    return lambda made: present(made, path, data, "other", "application/octet-stream")


def nobodys_signature(made: Made) -> None:
    signature(made, manifest_hash(made), signatures=[])


def not_a_number(made: Made) -> None:
    interval = {"lower": 0, "upper": 1, "level": 0.95}
    evaluation(made, value={"$float": "nan"}, metric={"id": "loss", "direction": "minimize"}, interval=interval)


def not_resumable(made: Made) -> None:
    parts = {"optimizer": {"status": "absent", "reason": "none was saved"}}
    made.manifest["training_state"] = {"resume_grade": "exactly-resumable", "parts": parts}


FURTHER: list[Row] = [
    ("CS-003", "not-utf-8", text(b"minimal", b"minim\xff")),
    ("CS-004", "not-an-object", text(b"{", b"[{")),
    ("CS-007", "infinite", text(b'"parameter_count": 6', b'"parameter_count": 1e999')),
    ("CS-007", "half-a-pair", text(b'"minimal"', b'"minimal\\ud800"')),
    ("CS-010", "missing-member-within", lambda m: m.manifest["dates"].pop("created")),
    ("CS-011", "unknown-member-within", lambda m: m.group.update(colour="blue")),
    ("CS-012", "integer-too-large", text(b'"parameter_count": 6', b'"parameter_count": 9007199254740993')),
    ("CS-020", "ror-check-digits", at("funding", [{"funder": "Somebody", "funder_ror": "https://ror.org/05dxps056"}])),
    *(("CS-020", scheme, identifier(scheme, value)) for scheme, value in IDENTIFIERS.items()),
    ("CS-021", "second-60-at-noon", at("dates", "created", "2026-11-24T12:34:60Z")),
    ("CS-021", "year-0", at("dates", "created", "0000-11-24T00:00:00Z")),
    (
        "CS-022",
        "not-a-number",
        lambda m: evaluation(
            m,
            value={"$float": "nan"},
            metric={"id": "loss", "direction": "minimize"},
            interval={"lower": 0, "upper": 1, "level": 0.95},
        ),
    ),
    ("CS-023", "infinite", lambda m: evaluation(m, value={"$float": "inf"})),
    (
        "CS-025",
        "not-resumable",
        at(
            "training_state",
            {"resume_grade": "exactly-resumable", "parts": {"optimizer": {"status": "absent", "reason": "-"}}},
        ),
    ),
    ("CS-028", "state-of-another-role", state_of_another_role),
    ("CS-028", "weights-of-another-type", weights_of_another_type),
    ("CS-028", "header-of-a-text", header_of_a_text),
    ("CS-028", "part-of-no-group", part_of_no_group),
    ("CS-028", "state-tree-not-named", state_tree_not_named),
    ("CS-028", "inventory-not-named", inventory_not_named),
    ("CS-029", "group-of-another-kind", group_of_another_kind),
    ("CS-032", "header-changed", another_header),
    ("CS-032", "digest-beside-header", another_digest),
    ("CS-034", "path-from-the-root", withheld("/etc/secret.txt")),
    ("CS-036", "case-folding", withheld("straße.txt", "STRASSE.txt")),
    *(("CS-037", slug, withheld(path)) for slug, path in UNSTORABLE.items()),
    ("CS-040", "manifest-in-capitals", withheld("CANDLE-CHECKPOINT.JSON")),
    ("CS-077", "proof-of-more", lambda m: proof(m, tensors=3)),
    ("CS-077", "proof-of-fewer-bytes", lambda m: proof(m, bytes=16)),
    ("CS-078", "not-utf-8", features(b"BRCA1\nTP\xff3\n", 2)),
    ("CS-078", "another-count", features(b"BRCA1\nTP53\n", 3)),
    ("CS-079", "precision-lacks-one", more_precision),
    ("CS-081", "script-by-its-start", program("run", b"#!/bin/cat\n")),
    ("CS-081", "pickle-by-its-opcodes", program("data.bin", b"\x80\x02cos\nsystem\nq\x00.")),
    ("CS-081", "pickle-of-protocol-0", program("words.txt", b"(lp0\nI1\naI2\na.")),
    ("CS-087", "open-parenthesis", at("license", {"weights": "(MIT OR Apache-2.0"})),
    ("CS-087", "mixed-case-operator", at("license", {"weights": "MIT Or Apache-2.0"})),
    ("CS-043", "evaluation-of-another-form", lambda m: later(m, created=7)),
    ("CS-084", "signature-of-nobody", nobodys_signature),
]
"""Requirement, a name for the fault, the fault."""
