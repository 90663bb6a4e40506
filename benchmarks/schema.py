"""The schema check of a manifest of 2,000 tensors, against validators of documents of the same size."""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import Row, Subject, alternate, faster

# In every process: the median of some runs after a first one, without the time for imports and for compiling.
_MEDIAN = """
import statistics, time
def median(call, times):
    call()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)
"""

_OURS = """
import sys
from candle_spec.validation import validate
print(median(lambda: validate(sys.argv[1], max_level=2), 20))
"""

_REFERENCE = """
import json, sys
from candle_spec.manifest import check
document = json.load(open(sys.argv[1] + "/candle-checkpoint.json"))
print(median(lambda: check(document), 20))
print(median(lambda: check(document, engine="reference"), 2))
"""

# bioimageio.spec has no list as long as an inventory; its authors are the longest it takes: as many bytes of JSON.
_BIOIMAGEIO = """
import json, sys
from bioimageio.spec import ValidationContext, validate_format
axes = [{"type": "batch"}, {"type": "channel", "channel_names": ["c"]}]
ends = lambda name: [{"id": name, "axes": axes, "test_tensor": {"source": "t.npy"}}]
author = {"name": "Author Number", "affiliation": "Institute of Examples", "orcid": "0000-0002-1825-0097"}
document = {"type": "model", "format_version": "0.5.4", "name": "bench model", "description": "d", "license": "MIT"}
document |= {"cite": [{"text": "t", "doi": "10.1234/abc"}], "documentation": "README.md", "inputs": ends("x")}
document |= {"outputs": ends("y"), "weights": {"onnx": {"source": "w.onnx", "opset_version": 15}}}
document["authors"] = [author] * (int(sys.argv[1]) // len(json.dumps(author)))
context = ValidationContext(perform_io_checks=False, log_warnings=False)
assert validate_format(document, context=context).status == "valid-format"
print(median(lambda: validate_format(document, context=context), 5))
"""


def rows(folder: Path, rounds: int) -> list[Row]:
    """Measure the check itself, and the command against check-jsonschema where that is installed."""
    checkpoint = folder / "c.candle"
    checkpoint.mkdir()
    manifest = checkpoint / "candle-checkpoint.json"
    manifest.write_text(json.dumps(_document(2_000)), encoding="utf-8")
    jobs = [(_OURS, str(checkpoint)), (_REFERENCE, str(checkpoint))]
    if importlib.util.find_spec("bioimageio"):
        jobs.append((_BIOIMAGEIO, str(manifest.stat().st_size)))
    # All in each round, so that all see the same moods of the machine; medians over the rounds.
    runs = [[seconds for job in jobs for seconds in _seconds(*job)] for _ in range(rounds)]
    ours, fast, reference, *theirs_if_any = (statistics.median(each) for each in zip(*runs, strict=True))
    found = [_row("schema check of 2,000 tensors", fast, "jsonschema (Python)", reference, 20)]
    for theirs in theirs_if_any:
        found.append(_row("L0-L2 of 2,000 tensors", ours, "bioimageio.spec, as many bytes", theirs, 20))
        found.append(_row("schema check alone", fast, "bioimageio.spec, as many bytes", theirs, 20))
    if importlib.util.find_spec("check_jsonschema"):
        found.append(_command(folder, manifest, rounds))
    return found


def _seconds(code: str, argument: str) -> list[float]:
    done = subprocess.run([sys.executable, "-c", _MEDIAN + code, argument], capture_output=True, text=True, check=True)
    return [float(line) for line in done.stdout.split()]


def _row(what: str, ours: float, name: str, theirs: float, least: float) -> Row:
    ratio = theirs / ours
    against = f"{name}: {theirs * 1000:.0f} ms"
    return Row(what, f"{ours * 1000:.1f} ms", against, f"{ratio:.0f}x faster", f"≥ {least}x", ratio >= least)


def _command(folder: Path, manifest: Path, rounds: int) -> Row:
    """The whole command, against check-jsonschema with the same schema, all its parts in one file."""
    schema = folder / "checkpoint.schema.json"
    schema.write_text(json.dumps(_bundle()), encoding="utf-8")
    command = [sys.executable, "-m", "candle_spec", "validate", "-q", "--level", "L2", str(manifest.parent)]
    ours = Subject("validate", command)
    theirs = Subject(
        "check-jsonschema", [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema), str(manifest)]
    )
    alternate([ours, theirs], rounds)
    return faster("`validate --level L2`, the whole command", ours, theirs, 5)


def _bundle() -> dict[str, object]:
    """The manifest's schema with every schema that it refers to, as one document."""
    from candle_spec.manifest import CURRENT, collection, schema_id

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": schema_id("checkpoint"),
        "$defs": dict(collection.needed("checkpoint", CURRENT)),
    }


def _document(count: int) -> dict[str, object]:
    digest = "sha256:" + "0" * 64
    file = "model.safetensors"
    about = {"dtype": "F32", "shape": [4, 4], "digest": digest, "file": file}
    tensors = [{"group": "model", "name": f"l.{i}.weight", **about} for i in range(count)]
    group = {"id": "model", "kind": "model", "root": "", "files": [file], "tensor_count": count}
    group |= {"parameter_count": 16 * count, "size": 64 * count}
    record = {
        "path": "model.safetensors",
        "size": 1,
        "digest": digest,
        "media_type": "application/vnd.safetensors",
        "role": "weights",
    }
    return {
        "$schema": "https://w3id.org/candle-spec/schemas/checkpoint/1.0.0-rc.1",
        "schema_version": "1.0.0-rc.1",
        "name": "bench",
        "dates": {"created": "2026-11-24T00:00:00Z"},
        "model": {"framework": {"name": "pytorch"}},
        "files": [record],
        "weights": {
            "kind": "tensors",
            "format": "safetensors",
            "content_digest": digest,
            "values_digest": digest,
            "state_digest": digest,
            "groups": [group],
            "tensors": tensors,
        },
    }
