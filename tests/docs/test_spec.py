"""spec.md says what is true: its test vectors, its worked example."""

from __future__ import annotations

import re
from pathlib import Path

from candle_spec import digests

ROOT = Path(__file__).parents[2]
SPEC = (ROOT / "spec.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "tests" / "conformance" / "valid" / "minimal"


def vectors() -> dict[str, tuple[str, str]]:
    rows = re.findall(r"^\| ([^|]+) \|([^|]*)\| (sha256:[0-9a-f]{64}) \|$", SPEC, re.MULTILINE)
    return {what.strip(): (given.strip(), digest) for what, given, digest in rows}


def test_vectors() -> None:
    found = vectors()
    w, b = (bytes.fromhex(found[name][0]) for name in ("F32 [2,2]", "I64 [2]"))
    pairs = bytes.fromhex(next(given for what, (given, _) in found.items() if what.startswith("encoded")))
    parts = {"values": ("F64", [1, 2], digests.digest_bytes(pairs))}
    rows = [
        ("w", "F32", [2, 2], digests.digest_bytes(w)),
        ("tied", "F32", [2, 2], digests.digest_bytes(w)),
        ("b", "I64", [2], digests.digest_bytes(b)),
    ]
    payload = [("booster", "text/plain", 3, digests.digest_bytes(b"abc"))]
    computed = {
        "bytes": digests.digest_bytes(b""),
        "F32 [2,2]": digests.digest_bytes(w),
        "I64 [2]": digests.digest_bytes(b),
        "JSON": digests.digest_json({"b": 1, "a": [1.5, "é", None]}),
        "encoded": digests.digest_encoded("complex_pairs", {}, parts),
        "content": digests.content_digest(rows),
        "values": digests.values_digest(rows),
        "state": digests.content_digest([(f"model/{name}", *rest) for name, *rest in rows]),
        "files": digests.digest_file_list(
            [("b.h5", 3, digests.digest_bytes(b"abc")), ("a.json", 0, digests.digest_bytes(b""))]
        ),
        "payload": digests.payload_digest(payload),
        "mixed:": digests.payload_digest(payload, rows),
    }
    assert len(found) == len(computed)
    for what, (_, digest) in found.items():
        key = what if what in computed else what.split()[0]
        assert computed[key] == digest, what


def test_the_worked_example_is_the_real_one() -> None:
    manifest = (EXAMPLE / "candle-checkpoint.json").read_text(encoding="utf-8")
    assert f"```json\n{manifest}```" in SPEC
    weights = (EXAMPLE / "model.safetensors").read_bytes()
    dump = "\n".join(weights[i : i + 32].hex(" ", 4) for i in range(0, len(weights), 32))
    assert f"```\n{dump}\n```" in SPEC
