"""``python -m benchmarks [--size MB] [--rounds N] [--only WORD] [--sizes SIZE,…]``: prints tables in Markdown."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import conversion, engines, families, gate, machine, readiness, saves, schema, startup, tensors
from benchmarks.measure import Row, table

NOT_YET = Row("NaN and Inf in the same read as the digests", "not looked for yet", "", "", "≤ 1.25x", False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2_000, help="size of the large files in MB")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; every line is a median over them")
    parser.add_argument("--only", default="", help="one of the parts: startup, gate, tensors, …")
    parser.add_argument("--sizes", default=",".join(engines.SIZES), help="sizes of the states that engines save")
    parser.add_argument("--folder", type=Path, help="where the files are made (default: a temporary folder)")
    given = parser.parse_args()
    rows: list[Row] = []
    peers = ""
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        if given.only in ("", "startup"):
            rows += startup.rows(folder, given.rounds)
        if given.only in ("", "readiness"):
            rows += readiness.rows(folder, given.rounds)
        if given.only in ("", "schema"):
            rows += schema.rows(folder, given.rounds)
        if given.only in ("", "conversion"):
            rows += conversion.rows(folder, 500, given.rounds)
            rows += conversion.rows(folder, given.size, given.rounds)
            rows.append(NOT_YET)
        if given.only in ("", "tensors"):
            rows += tensors.rows(folder, given.rounds)
        if given.only in ("", "gate"):
            rows += gate.rows(folder, given.rounds)
        if given.only in ("", "saves"):
            rows += saves.rows(folder, given.rounds)
        if given.only in ("", "families"):
            rows += families.rows(folder, given.size, max(1, given.rounds // 2))
        if given.only in ("", "engines"):
            found, peers = engines.rows(folder, given.sizes.split(","), given.rounds)
            rows += found
    print(machine.describe())
    print()
    print(table(rows))
    if peers:
        print()
        print(peers)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
