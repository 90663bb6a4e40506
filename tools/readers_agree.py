"""Three readers of the format look at the same checkpoints: this package, a reader in standard Python, one in Node.

    python -m tools.readers_agree FOLDER…        every checkpoint at or below the folders
    python -m tools.readers_agree --corpus       what the cache of the corpus holds, converted anew

The readers agree on a checkpoint if all take it, or all name the same requirement. The command ends with 1 if they do
not agree on one. Node and the packages of ``tests/foreign`` are needed (``make foreign``).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from candle_spec.conversion.convert import convert
from candle_spec.errors import CandleSpecError
from candle_spec.validation import find_checkpoints, validate
from tools.fetch_corpus import cached, records

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / "tests" / "conformance" / "reader.py"
NODE = ROOT / "tests" / "foreign" / "reader.mjs"


def ours(folder: Path) -> str:
    """Return the requirement that the first error of this package cites, or ``ok``."""
    errors = validate(folder).errors
    return errors[0].requirement or errors[0].code if errors else "ok"


def standard_python(folder: Path) -> str:
    """Return what the reader in standard Python says."""
    command = [sys.executable, "-I", "-S", str(PYTHON), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip().rpartition(": ")[2] if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def node(folder: Path) -> str:
    """Return what the reader in Node says; it looks for checkpoints, and one without a manifest is none."""
    done = subprocess.run(["node", str(NODE), str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    return str(json.loads(done.stdout).get("broken", "ok"))


READERS = (ours, standard_python, node)


def compare(folders: Sequence[Path]) -> int:
    """Print a line for each checkpoint on which they differ; return how many those are."""
    differ = 0
    for folder in folders:
        said = {reader.__name__: reader(folder) for reader in READERS}
        differ += len(set(said.values())) > 1
        print(f"{folder.name:<60} {said['ours'] if len(set(said.values())) == 1 else said}", flush=True)
    return differ


def corpus() -> tuple[int, int]:
    """Convert what is cached, one at a time; return how many were compared, and on how many they differ."""
    count = differ = 0
    for name, record in records(every=True).items():
        native = cached(record)
        if not native.exists():
            continue
        with tempfile.TemporaryDirectory() as scratch:
            made = Path(scratch) / name.replace("/", "-")
            try:
                convert(native, made)
            except CandleSpecError as error:
                print(f"{name:<60} not converted: {error.message}")
                continue
            count, differ = count + 1, differ + compare([made])
    return count, differ


def main(arguments: Sequence[str]) -> int:
    """Compare, print, return the exit code."""
    if arguments == ["--corpus"]:
        count, differ = corpus()
    else:
        folders = [found for argument in arguments for found in find_checkpoints(argument)]
        count, differ = len(folders), compare(folders)
    print(f"{count - differ} of {count} agree")
    return 1 if differ or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
