"""Compare the wheel built from the tree with the one built from the sdist, and with the tree itself."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def contents(path: str) -> dict[str, bytes]:
    """Return the wheel's files, without the record of their digests."""
    with zipfile.ZipFile(path) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("RECORD")}


def code() -> set[str]:
    """Return what the wheel must hold: every Python file of the tree, by its name there."""
    tops = {"candle_spec": "candle_spec", "candle_spec/converters": "converters", "candle_spec/schemas": "schemas"}
    return {
        f"{name}/{path.relative_to(ROOT / folder).as_posix()}"
        for name, folder in tops.items()
        for path in (ROOT / folder).rglob("*.py")
    }


def main() -> int:
    first, second = contents(sys.argv[1]), contents(sys.argv[2])
    different = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
    for name in different:
        print(f"differs between tree and sdist: {name}")
    missing = sorted(code() - first.keys())
    for name in missing:
        print(f"not in the wheel: {name}")
    print(f"{len(first)} files in the wheel")
    return 1 if different or missing else 0


if __name__ == "__main__":
    sys.exit(main())
