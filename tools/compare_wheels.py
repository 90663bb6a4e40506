"""Compare two wheels file by file: the one built from the tree and the one built from the sdist."""

from __future__ import annotations

import sys
import zipfile


def contents(path: str) -> dict[str, bytes]:
    """Return the wheel's files, without the record of their digests."""
    with zipfile.ZipFile(path) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("RECORD")}


def main() -> int:
    first, second = contents(sys.argv[1]), contents(sys.argv[2])
    different = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
    for name in different:
        print(f"differs between tree and sdist: {name}")
    print(f"{len(first)} files in the wheel")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
