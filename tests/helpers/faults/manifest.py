"""Faults of a manifest: of its text, of its version, and of values that a schema takes but that are not true."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from candle_spec import pointer
from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.layout import MANIFEST
from tests.helpers.checkpoints import relist, seal
from tests.helpers.faults.files import OTHER, Fault, Manifest


def _text(change: Callable[[bytes], bytes]) -> Callable[[Path, Manifest], None]:
    """Change the manifest's bytes."""
    return lambda root, manifest: _put(root, change(manifest_file.dump(manifest)))


def _put(root: Path, data: bytes) -> None:
    (root / MANIFEST).write_bytes(data)


def _set(at: str, value: Any) -> Callable[[Path, Manifest], None]:
    return lambda _, manifest: pointer.put(manifest, at, value)


def _after_seal(at: str, value: Any) -> Callable[[Path, Manifest], None]:
    def do(_: Path, manifest: Manifest) -> None:
        seal(manifest)
        pointer.put(manifest, at, value)

    return do


def _identifier(scheme: str, value: str) -> Callable[[Path, Manifest], None]:
    return _set("/identifiers", [{"scheme": scheme, "value": value}])


def _orcid(text: str) -> Callable[[Path, Manifest], None]:
    return _set("/creators/0/orcid", text)


def _metric(value: Any, direction: str = "maximize") -> Callable[[Path, Manifest], None]:
    metric = {"id": "auc-roc", "name": "AUC", "direction": direction}
    return _set("/evaluations", [{"metric": metric, "value": value, "split": "test"}])


def _source(at: str, value_digest: str) -> Callable[[Path, Manifest], None]:
    entry = {"pointer": at, "source": "user", "value_digest": value_digest}
    return lambda _, manifest: manifest["field_sources"].append(entry)


def _latin_features(root: Path, manifest: Manifest) -> None:
    lines = b"BRCA1\nTP53\nN\xe92\n"
    (root / "artifacts/genes.txt").write_bytes(lines)
    manifest["inputs"][0]["feature_list"].pop("digest", None)
    relist(root, manifest, "artifacts/genes.txt")


def _original_twice(_: Path, manifest: Manifest) -> None:
    originals = manifest["conversion"]["restore"]["originals"]
    originals.append(dict(originals[0]))


def _deep(data: bytes) -> bytes:
    return data.replace(b"{", b'{"x":' + b"[" * 300 + b"]" * 300 + b",", 1)


TEXT_FAULTS: tuple[Fault, ...] = (
    Fault("CKP0001", "not UTF-8", "plain", _text(lambda data: data.replace(b"TinyNet", b"Tiny\xff", 1))),
    Fault("CKP0001", "UTF-16", "plain", _text(lambda data: b"\xff\xfe" + data.decode().encode("utf-16-le"))),
    Fault("CKP0002", "empty", "plain", _text(lambda data: b"")),
    Fault("CKP0002", "cut off", "plain", _text(lambda data: data[:-10])),
    Fault("CKP0002", "a web page", "plain", _text(lambda data: b"<!DOCTYPE html><title>404</title>")),
    Fault("CKP0002", "a comment", "plain", _text(lambda data: b"// ours\n" + data)),
    Fault("CKP0002", "a line feed in a text", "plain", _text(lambda data: data.replace(b"TinyNet", b"Tiny\nNet", 1))),
    Fault("CKP0003", "a key twice", "plain", _text(lambda data: data.replace(b"{", b'{"name": "x",', 1))),
    Fault("CKP0003", "a key twice, below", "plain", _text(lambda d: d.replace(b'"size":', b'"size": 1, "size":', 1))),
    Fault("CKP0004", "300 lists deep", "plain", _text(_deep)),
    Fault("CKP0004", "a million lists deep", "plain", _text(lambda data: b"[" * 1_000_000)),
    Fault("CKP0004", "5,000 digits", "plain", _text(lambda data: data.replace(b"{", b'{"x":' + b"9" * 5000 + b",", 1))),
    Fault("CKP0005", "a byte-order mark", "plain", _text(lambda data: b"\xef\xbb\xbf" + data)),
    Fault("CKP0006", "NaN", "plain", _text(lambda data: data.replace(b"{", b'{"x": NaN,', 1))),
    Fault("CKP0006", "Infinity", "plain", _text(lambda data: data.replace(b"{", b'{"x": -Infinity,', 1))),
    Fault("CKP0006", "1e999", "plain", _text(lambda data: data.replace(b"{", b'{"x": 1e999,', 1))),
    Fault("CKP0008", "no manifest", "plain", lambda root, _: (root / MANIFEST).unlink()),
    Fault("CKP1003", "a list", "plain", _text(lambda data: b"[" + data + b"]")),
    Fault("CKP1003", "null", "plain", _text(lambda data: b"null")),
    Fault("CKP0006", "half a surrogate pair", "plain", _text(lambda data: data.replace(b"TinyNet", b"\\ud800", 1))),
    Fault("CKP1003", "2^53", "plain", _text(lambda data: data.replace(b'"size": ', b'"size": 9007199254740992', 1))),
    Fault("CKP1011", "a version of tomorrow", "plain", _set("/schema_version", "9.0.0")),
    Fault(
        "CKP1012",
        "the schema of another version",
        "plain",
        _set("/$schema", "https://w3id.org/candle-spec/schemas/checkpoint/1.0.0"),
    ),
    Fault("CKP1020", "an extension of others", "plain", _set("/extensions", {"https://example.org/x": {"a": 1}})),
    Fault("CKP1020", "a profile of others", "plain", _set("/conforms_to", ["https://example.org/profile"])),
)

_UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
_NAMED = {
    "/weights/groups/0/files/0": "ghost.safetensors",
    "/weights/groups/0/index": "ghost.json",
    "/weights/tensors/0/file": "ghost.safetensors",
    "/training_state/state_tree": "ghost.json",
    "/model/topology/0/path": "ghost.json",
    "/model/implementation": {"source": {"path": "ghost.py"}, "callable": "make"},
    "/conversion/restore/originals/0/residue": "ghost.gz",
    "/conversion/restore/originals/0/extents": "ghost.json",
    "/inputs/0/feature_list/path": "ghost.txt",
    "/inputs/0/preprocessing": [{"name": "scale", "artifact": "ghost.json"}],
    "/verification": {"vectors": [{"inputs": "ghost.safetensors", "outputs": "ghost2.safetensors"}]},
    "/training_state/parts/rng": {"status": "present", "group": "ghost"},
}
"""Every place of a manifest that names a file or a group."""

SEMANTIC_FAULTS: tuple[Fault, ...] = (
    Fault("CKP2025", "a state tree that nothing names", "plain", lambda _, m: m["training_state"].pop("state_tree")),
    Fault("CKP2001", "a check digit of an ORCID iD", "described", _orcid("0000-0002-1825-0098")),
    Fault("CKP2001", "an X that is no check digit", "described", _orcid("0000-0002-1825-009X")),
    Fault("CKP2001", "two digits of an ORCID iD exchanged", "described", _orcid("0000-0002-1852-0097")),
    Fault(
        "CKP2001",
        "a ROR",
        "described",
        _set("/creators/0/affiliation", [{"name": "X", "ror": "https://ror.org/0abcdil01"}]),
    ),
    Fault("CKP2001", "a DOI", "described", _identifier("doi", "11.5072/x")),
    Fault("CKP2001", "a DOI without suffix", "described", _identifier("doi", "10.5072/")),
    Fault("CKP2001", "a DOI with an address", "described", _identifier("doi", "https://doi.org/10.5072/x")),
    Fault("CKP2001", "a DOI with its scheme", "described", _identifier("doi", "doi:10.5072/x")),
    Fault("CKP2001", "a UUID as a URN", "described", _identifier("uuid", f"urn:uuid:{_UUID}")),
    Fault("CKP2001", "a SWHID", "described", _identifier("swhid", "swh:1:cnt:12")),
    Fault("CKP2001", "a UUID", "described", _identifier("uuid", _UUID[:-1])),
    *(
        Fault("CKP2003", f"the text {text!r}", "described", _set("/description", text))
        for text in ("TBD", "n/a.", "<todo>")
    ),
    Fault("CKP2003", "a title that says nothing", "described", _set("/title", "Untitled...".replace("Untitled", ""))),
    *(
        Fault("CKP2004", f"the day {day}", "described", _set("/dates/trained", day))
        for day in ("2026-02-30", "2025-02-29", "2026-04-31T00:00:00Z", "0000-01-01", "2016-12-31T12:34:60Z")
    ),
    Fault("CKP2005", "an interval above its value", "described", _set("/evaluations/0/interval/lower", 0.91)),
    Fault("CKP2005", "an interval below its value", "described", _set("/evaluations/0/interval/upper", 0.89)),
    Fault("CKP2006", "trained in the future", "described", _set("/dates/trained", "2999-01-01")),
    Fault("CKP2006", "published before it was trained", "described", _set("/dates/published", "2025-12-31")),
    Fault("CKP2005", "an interval around no number", "described", _set("/evaluations/0/value", {"$float": "nan"})),
    Fault("CKP2007", "an area that is no number", "described", _metric({"$float": "nan"})),
    Fault("CKP2007", "an area without an end", "described", _metric({"$float": "inf"})),
    Fault("CKP2030", "a licence that nobody has", "described", _set("/license/weights", "Apache-3.0")),
    Fault("CKP2030", "a licence expression cut off", "described", _set("/license/weights", "(MIT AND")),
    Fault("CKP2030", "a sentence as a licence", "described", _set("/license/code", "Not A Licence ((")),
    Fault("CKP2030", "an exception that is none", "described", _set("/license/data", "MIT WITH Apache-2.0")),
    Fault("CKP2030", "a licence of one file", "described", _set("/files/0/license", "Apache 2")),
    Fault("CKP2007", "an area of 1.2", "described", _metric(1.2)),
    Fault("CKP2007", "an area of 93 percent", "described", _metric(93)),
    Fault("CKP2007", "an area below 0", "described", _metric(-0.001)),
    Fault("CKP2008", "an area to minimize", "described", _metric(0.9, "minimize")),
    Fault("CKP2011", "too good a grade", "plain", _set("/training_state/resume_grade", "exactly-resumable")),
    Fault("CKP2011", "too bad a grade", "groups", _set("/training_state/resume_grade", "inference-only")),
    Fault("CKP2012", "another digest of the native files", "plain", _set("/conversion/native/digest", OTHER)),
    Fault("CKP2012", "an original of nothing", "plain", _set("/conversion/restore/originals/0/native", "ghost.tiny")),
    Fault("CKP2012", "an original twice", "plain", _original_twice),
    Fault("CKP2013", "more features than an axis has", "described", _set("/inputs/0/feature_list/count", 4)),
    Fault("CKP4033", "a tensor less in the proof", "plain", _set("/conversion/proof/tensors", 3)),
    Fault("CKP4033", "a byte more in the proof", "alias", _set("/conversion/proof/bytes", 193)),
    Fault("CKP4034", "another number of features", "described", _set("/inputs/0/feature_list/count", 4)),
    Fault("CKP4034", "features that are no text", "described", _latin_features),
    Fault("CKP4034", "other features", "described", _set("/inputs/0/feature_list/digest", OTHER)),
    Fault("CKP2020", "a title after the seal", "described", _after_seal("/title", "Another")),
    Fault("CKP2020", "a name after the seal", "plain", _after_seal("/name", "plaim")),
    Fault("CKP2020", "another seal", "plain", _set("/manifest_digest", OTHER)),
    Fault("CKP2021", "a source of nothing", "plain", _source("/nothing", OTHER)),
    Fault("CKP2021", "a source of the 100th file", "plain", _source("/files/100", OTHER)),
    Fault("CKP2022", "a stale source", "plain", _set("/name", "renamed")),
    *(Fault("CKP2023", f"{at} names nothing", "described", _set(at, value)) for at, value in _NAMED.items()),
    Fault(
        "CKP2024", "a group twice", "plain", lambda _, m: m["weights"]["groups"].append(dict(m["weights"]["groups"][0]))
    ),
    Fault("CKP5001", "a pickle of foreign code", "pickled", lambda *_: None),
    Fault("CKP5003", "program code", "pickled", lambda *_: None),
    *(
        Fault("CKP5020", f"the text {text[:12]}", "described", _set("/description", text))
        for text in (
            "trained in /home/jcarberry/uno",
            "see C:\\Users\\jcarberry",
            "ask jcarberry@brown.edu",
            "token hf_" + "a" * 34,
            "ghp_" + "b" * 36,
            "AKIAIOSFODNN7EXAMPLE",
        )
    ),
)

JSON_VALUES: tuple[Any, ...] = (None, True, 0, -1, 1.5, "", "x", [], {}, [[]], {"x": None}, "a" * 300, 1 << 53)
"""What may stand anywhere in a faulty document."""


def mutated(manifest: Manifest, choose: Callable[[int], int]) -> Manifest:
    """Return a manifest with one value replaced or removed, chosen by numbers below a bound."""
    copy: Manifest = json.loads(json.dumps(manifest))
    target: Any = copy
    while True:
        keys = list(target) if isinstance(target, dict) else list(range(len(target)))
        key = keys[choose(len(keys))]
        if not (isinstance(target[key], (dict, list)) and target[key] and choose(4)):
            break
        target = target[key]
    if choose(3):
        target[key] = JSON_VALUES[choose(len(JSON_VALUES))]
    else:
        del target[key]
    return copy
