"""Prove the migration over the corpus: an older package converts, this one migrates, and nothing but the form changed.

    git worktree add ../older fa91fda         the last package of 1.0.0-dev.1
    python -m tools.migration_proof ../older              what the cache of the corpus holds
    python -m tools.migration_proof ../older onnx lpips   those whose id or framework holds a word

A row is sound when the migrated checkpoint is valid (L0 to L5), has the content, values and state digest that the older
package gave it, and brings every native file back byte for byte. (The content digest of a payload with tensors of the
model beside it covers these now: it is another.) What the current converters find otherwise in the
native file (other roots, scales as floats) is a matter of converting it again, and no fault of a migration: the last
column says where. The command ends with 1 if a row is not sound.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.conversion.convert import convert
from candle_spec.conversion.migration.migrate import migrate
from candle_spec.conversion.restore import restore
from candle_spec.digests import digest_file
from candle_spec.errors import CandleSpecError
from candle_spec.validation import validate
from tools.fetch_corpus import cached, records

IDENTITY = ("content_digest", "values_digest", "state_digest")
_OLDER = "import sys; from candle_spec.conversion.convert import convert; convert(sys.argv[1], sys.argv[2])"


@dataclass
class Row:
    """One line of the table."""

    id: str
    fault: str = ""
    tensors: int = 0
    seconds: float = 0.0
    copied: int = 0
    again: str = ""

    def __str__(self) -> str:
        figures = f"{self.tensors:>6} {self.copied:>12,} {self.seconds:>7.2f} s"
        return f"{self.id:<56} {figures}  {self.fault or 'sound':<8} {self.again}".rstrip()


def main(arguments: Sequence[str]) -> int:
    """Print the table; return the exit code."""
    older, *wanted = arguments
    chosen = {
        name: record
        for name, record in records(every=True).items()
        if cached(record).exists() and (not wanted or any(word in f"{name} {record['framework']}" for word in wanted))
    }
    print(f"{'checkpoint':<55} {'tensors':>6} {'bytes copied':>12} {'migration':>9}  verdict  converted again")
    rows = []
    for name, record in chosen.items():
        with tempfile.TemporaryDirectory() as folder:
            row = _proved(name, cached(record), Path(folder), Path(older).resolve())
        print(row, flush=True)
        rows.append(row)
    sound = sum(not row.fault for row in rows)
    again = sum(bool(row.again) for row in rows)
    print(f"{sound} of {len(rows)} sound; {again} get another identity by converting again")
    return 0 if rows and sound == len(rows) else 1


def _proved(name: str, native: Path, folder: Path, older: Path) -> Row:
    row = Row(name)
    try:
        row.fault = _fault(row, native, folder, older)
    except CandleSpecError as error:
        row.fault = str(error)
    return row


def _fault(row: Row, native: Path, folder: Path, older: Path) -> str:
    """Convert, migrate, compare; return what is wrong."""
    path = folder / "model.candle"
    command = [sys.executable, "-c", _OLDER, str(native), str(path)]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(older)}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        return f"the older package did not convert it: {done.stderr.strip().splitlines()[-1]}"
    before = _manifest(path)
    began = time.perf_counter()
    made = migrate(path)
    row.seconds, row.copied = time.perf_counter() - began, made.copied
    after = _manifest(path)
    row.tensors = after.get("conversion", {}).get("proof", {}).get("tensors", 0)
    if errors := validate(path).errors:
        return f"not valid: {errors[0].code} {errors[0].message}"
    same = IDENTITY[1:] if _is_mixed(after) else IDENTITY
    if moved := [key for key in same if before["weights"].get(key) != after["weights"].get(key)]:
        return f"changed: {', '.join(moved)}"
    new = _manifest(convert(native, folder / "again.candle").path)
    moved = [key.removesuffix("_digest") for key in IDENTITY if new["weights"].get(key) != after["weights"].get(key)]
    row.again = ", ".join(moved)
    return _other_bytes(path, before, folder / "native")


def _is_mixed(manifest: dict[str, Any]) -> bool:
    """Whether a payload has tensors of the model beside it, which its content digest did not cover before."""
    weights = manifest["weights"]
    return weights["kind"] == "payload" and any(group["kind"] == "model" for group in weights.get("groups", []))


def _other_bytes(path: Path, before: dict[str, Any], target: Path) -> str:
    """Return which native files do not come back as the older package saw them."""
    stated = {file["path"]: file["sha256"] for file in before["conversion"]["native"]["files"]}
    restored = restore(path, target)
    if len(restored) == 1:
        return "" if digest_file(restored[0].path) in stated.values() else f"{restored[0].path.name} differs"
    differing = [name for name, digest in stated.items() if digest_file(target.joinpath(*name.split("/"))) != digest]
    return f"{', '.join(differing)} differ" if differing else ""


def _manifest(path: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((path / MANIFEST).read_bytes())
    return manifest


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
