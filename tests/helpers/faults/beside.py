"""Faults of what lies beside a manifest unlisted: later evaluations, signatures."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from candle_spec.checkpoint.later_evaluations import new_document, own_digest
from tests.helpers.faults.files import OTHER, Fault, Manifest

SIGNATURE = "candle-checkpoint.sig"
ROW = {"metric": {"id": "auc-roc", "direction": "maximize"}, "value": 0.9}


def bundle(data: bytes) -> dict[str, Any]:
    """Return a bundle of the form of a signature of ``data``, which no key made."""
    digest = hashlib.sha256(data)
    subject = hashlib.sha256(digest.digest()).hexdigest()
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": ""}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": {
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [{"name": "x", "digest": {"sha256": subject}}],
                "predicateType": "https://model_signing/signature/v1.0",
                "predicate": {
                    "serialization": {"method": "files", "hash_type": "sha256", "ignore_paths": [".git"]},
                    "resources": [{"name": ".", "algorithm": "sha256", "digest": digest.hexdigest()}],
                },
            },
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": "MEUCIQDQ", "keyid": ""}],
        },
    }


def write_bundle(path: Path, made: dict[str, Any]) -> None:
    """Write a bundle whose payload is still JSON."""
    envelope = made["dsseEnvelope"]
    if not isinstance(envelope.get("payload"), str):
        envelope["payload"] = base64.b64encode(json.dumps(envelope["payload"]).encode()).decode()
    path.write_text(json.dumps(made))


def sign(root: Path, change: Callable[[dict[str, Any]], Any] = lambda made: None, path: str = SIGNATURE) -> None:
    """Put the form of a signature beside a document of a checkpoint."""
    target = root / path
    made = bundle(target.with_suffix(".json").read_bytes())
    change(made)
    write_bundle(target, made)


def evaluate(root: Path, manifest: Manifest, change: Callable[[dict[str, Any]], Any] = lambda document: None) -> Path:
    """Put a later evaluation beside a checkpoint, with a digest of its own after ``change``."""
    document = new_document(manifest["weights"]["content_digest"], [ROW])
    change(document)
    target = root / "evaluations" / "0.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps({**document, "digest": own_digest(document)}))
    return target


def _signed(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path, Manifest], None]:
    return lambda root, _: sign(root, change)


def _statement(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path, Manifest], None]:
    return lambda root, _: sign(root, lambda made: change(made["dsseEnvelope"]["payload"]))


def _evaluated(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path, Manifest], None]:
    return lambda root, manifest: evaluate(root, manifest, change) and None


def _text(path: str, data: bytes) -> Callable[[Path, Manifest], None]:
    def do(root: Path, _: Manifest) -> None:
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(data)

    return do


def _edited(root: Path, manifest: Manifest) -> None:
    path = evaluate(root, manifest)
    path.write_text(path.read_text().replace("0.9", "0.99"))


def _signed_evaluation(root: Path, manifest: Manifest) -> None:
    evaluate(root, manifest)
    sign(root, path="evaluations/0.sig")
    _edited(root, manifest)


def _signed_nothing(root: Path, manifest: Manifest) -> None:
    path = evaluate(root, manifest)
    sign(root, path="evaluations/0.sig")
    path.unlink()


def _other_manifest(root: Path, manifest: Manifest) -> None:
    sign(root)
    manifest["description"] = "Changed since."


BESIDE_FAULTS: tuple[Fault, ...] = (
    Fault("CKP4040", "an evaluation that is no JSON", "plain", _text("evaluations/0.json", b"{")),
    Fault("CKP4040", "an evaluation that is a list", "plain", _text("evaluations/7.json", b"[]")),
    Fault("CKP4040", "an evaluation 300 lists deep", "plain", _text("evaluations/0.json", b"[" * 300 + b"]" * 300)),
    Fault("CKP4040", "an evaluation of nothing", "plain", _evaluated(lambda d: d.update(evaluations=[]))),
    Fault("CKP4040", "an evaluation with a member of one's own", "plain", _evaluated(lambda d: d.update(colour="b"))),
    Fault("CKP4040", "an evaluation of tomorrow", "plain", _evaluated(lambda d: d.update(schema_version="9.0.0"))),
    Fault("CKP4041", "an evaluation that was improved", "plain", _edited),
    Fault("CKP4042", "an evaluation of another model", "plain", _evaluated(lambda d: d.update(content_digest=OTHER))),
    Fault("CKP2007", "a later area of 1.2", "plain", _evaluated(lambda d: d["evaluations"][0].update(value=1.2))),
    Fault("CKP2004", "a later 30 February", "plain", _evaluated(lambda d: d.update(created="2026-02-30T00:00:00Z"))),
    Fault(
        "CKP2001",
        "an ORCID iD of who evaluated",
        "plain",
        _evaluated(lambda d: d.update(creators=[{"name": "Carberry, Josiah", "orcid": "0000-0002-1825-0098"}])),
    ),
    Fault("CKP3004", "an evaluation of another name", "plain", _text("evaluations/00.json", b"{}")),
    Fault("CKP8001", "a signature that is no JSON", "plain", _text(SIGNATURE, b"x")),
    Fault("CKP8001", "a signature 300 lists deep", "plain", _text(SIGNATURE, b"[" * 300 + b"]" * 300)),
    Fault("CKP8001", "a signature of 5 MB", "plain", _text(SIGNATURE, b" " * 5_000_000)),
    Fault("CKP8001", "a signature of another type", "plain", _signed(lambda b: b.update(mediaType="text/plain"))),
    Fault("CKP8001", "no signature in it", "plain", _signed(lambda b: b["dsseEnvelope"].update(signatures=[]))),
    Fault("CKP8001", "two in one", "plain", _signed(lambda b: b["dsseEnvelope"]["signatures"].append({"sig": "AA=="}))),
    Fault("CKP8001", "a payload that is no base64", "plain", _signed(lambda b: b["dsseEnvelope"].update(payload="A"))),
    Fault("CKP8001", "a payload of nothing", "plain", _signed(lambda b: b["dsseEnvelope"].update(payload="AAAA"))),
    Fault("CKP8001", "another predicate", "plain", _statement(lambda s: s.update(predicateType="https://slsa.dev"))),
    Fault("CKP8001", "two resources", "plain", _statement(lambda s: s["predicate"].update(resources=[1, 2]))),
    Fault("CKP8001", "another file", "plain", _statement(lambda s: s["predicate"]["resources"][0].update(name="a"))),
    Fault(
        "CKP8001", "another subject", "plain", _statement(lambda s: s["subject"][0].update(digest={"sha256": "0" * 64}))
    ),
    Fault("CKP8002", "a manifest that was changed after it was signed", "plain", _other_manifest),
    Fault("CKP8002", "an evaluation that was changed after it was signed", "plain", _signed_evaluation),
    Fault("CKP8002", "a signature of no evaluation", "plain", _signed_nothing),
)
