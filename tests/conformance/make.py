"""Makes the conformance folders: valid checkpoints, and for each requirement ones that break it alone.

    python tests/conformance/make.py

The folders are checked in; a test makes them anew and compares. To add a requirement: a fault in ``faults.py`` that
changes the valid checkpoint; where it says MUST more than once, the others in ``further*.py``.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from candle_spec.canonical import pretty  # noqa: E402
from candle_spec.checkpoint.manifest_file import manifest_digest  # noqa: E402
from candle_spec.errors import CandleSpecError  # noqa: E402
from candle_spec.validation import validate  # noqa: E402
from tests.conformance import reader  # noqa: E402
from tests.conformance.decode import decoded, written  # noqa: E402
from tests.conformance.faults import FAULTS  # noqa: E402
from tests.conformance.further import FURTHER  # noqa: E402
from tests.conformance.further_encodings import FURTHER_ENCODINGS  # noqa: E402
from tests.conformance.further_files import FURTHER_FILES  # noqa: E402
from tests.conformance.made import VERSION, Made, later, two_shards  # noqa: E402
from tests.conformance.plain import canonical, sha_json  # noqa: E402


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
    first = [(requirement, *row) for requirement, row in FAULTS.items()]
    for requirement, slug, fault in (*first, *FURTHER, *FURTHER_ENCODINGS, *FURTHER_FILES):
        folder = target / "invalid" / f"{requirement}-{slug}"
        folder.mkdir(parents=True)
        made = Made()
        fault(made)
        made.write(folder)
    expectations(target)


def expected(folder: Path) -> dict[str, Any]:
    """Return what a reader finds in a valid checkpoint: its digests, those of native files, and of values."""
    manifest = json.loads((folder / "candle-checkpoint.json").read_bytes())
    conversion = manifest.get("conversion", {"restore": {}, "native": {"files": []}})
    digests = {record["path"]: record["digest"] for record in conversion["native"]["files"]}
    originals = [row for row in conversion["restore"].get("originals", []) if (folder / row["residue"]).is_file()]
    found = {name: manifest["weights"][name] for name in ("content_digest", "values_digest", "state_digest")}
    natives = {row["native"]: digests[row["native"]] for row in originals}
    return {**found, "natives": natives, "values": values(folder, manifest["weights"])}


def values(folder: Path, weights: dict[str, Any]) -> dict[str, str]:
    """Return digests of the values of encoded tensors, as JSON of the form that spec.md shows them in."""
    inventory = [json.loads((folder / path).read_bytes()) for path in weights.get("inventory", [])]
    tensors = [tensor for side in [weights, *inventory] for tensor in side.get("tensors", []) if "encoding" in tensor]
    found = {}
    for tensor in tensors:
        encoding, parts = tensor["encoding"], {}
        for name, part in encoding["parts"].items():
            parts[name] = reader.header((folder / part["file"]).read_bytes())[part["key"]]
        shown = decoded(encoding["name"], tensor["dtype"], tensor["shape"], encoding.get("params", {}), parts)
        found[canonical([tensor["group"], tensor["name"]])] = sha_json(written(shown))
    return found


def broken(folder: Path) -> dict[str, str]:
    """Return the requirement that a checkpoint breaks, and the code of the check that finds it."""
    try:
        codes = sorted({problem.code for problem in validate(folder).errors})
    except CandleSpecError as error:
        codes = [error.code]
    return {"requirement": folder.name[:6], "code": " ".join(codes)}


def expectations(target: Path) -> None:
    """Write what is to be said of each folder, those of ``tests/kept`` included, for readers in other languages."""
    kept = HERE.parent / "kept" / VERSION
    manifests = [*(target / "valid").rglob("candle-checkpoint.json"), *kept.rglob("candle-checkpoint.json")]
    valid = {}
    for folder in sorted(path.parent for path in manifests):
        inside = folder.is_relative_to(target)
        name = folder.relative_to(target if inside else HERE.parent).as_posix()
        valid[name if inside else f"../{name}"] = expected(folder)
    invalid = {f"invalid/{path.name}": broken(path) for path in sorted((target / "invalid").iterdir())}
    document = {"version": VERSION, "valid": dict(sorted(valid.items())), "invalid": invalid}
    (target / "expectations.json").write_bytes(pretty(document))


if __name__ == "__main__":
    make(HERE)
