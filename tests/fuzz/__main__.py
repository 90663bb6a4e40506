"""``python -m tests.fuzz [--seconds N] [--seed N] [--only NAME]``: damaged input for every reader, for a bounded time.

Seeds are real files, made here. Each is cut, changed, repeated and spliced with others; a reader may accept it or raise
``CandleSpecError``. Anything else, or taking too long, ends the run and keeps the input that did it.
"""

from __future__ import annotations

import argparse
import io
import json
import pickle
import random
import struct
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from candle_spec.canonical import loads
from candle_spec.conversion.splice import read_extents
from candle_spec.errors import CandleSpecError
from candle_spec.manifest import load_document
from candle_spec.readers import inert_pickle
from candle_spec.readers.zip_archive import ZipArchive
from candle_spec.weights.safetensors import parse_header

ROOT = Path(__file__).parents[2]
SLOWEST = 5.0
INTERESTING = (
    b"\x00",
    b"\xff",
    b"\x80",
    b"{",
    b"[",
    b'"',
    b"..",
    b"/",
    b".",
    b"\xff\xff\xff\x7f",
    b"\xff" * 8,
    b"&a",
    b"*a",
)

Reader = Callable[[bytes, Path], object]


def read_zip(data: bytes, folder: Path) -> None:
    path = folder / "a.zip"
    path.write_bytes(data)
    archive = ZipArchive(path)
    for name in archive.entries:
        archive.read(name, 1 << 20)


READERS: dict[str, Reader] = {
    "safetensors": lambda data, _: parse_header(io.BytesIO(data), len(data), "fuzz"),
    "pickle": lambda data, _: inert_pickle.load(data, location="fuzz"),
    "json": lambda data, _: loads(data, location="fuzz"),
    "manifest": lambda data, _: load_document(data, "fuzz.json"),
    "yaml": lambda data, _: load_document(data, "fuzz.yaml"),
    "extents": lambda data, _: read_extents(data, "fuzz"),
    "zip": read_zip,
}


def seeds() -> dict[str, list[bytes]]:
    """Return real inputs for each reader."""
    example = ROOT / "tests" / "conformance" / "valid" / "minimal"
    manifest = (example / "candle-checkpoint.json").read_bytes()
    value = {"a": [1, 2.5, None, "x" * 9, (1,), {2}], 3: {"b": b"bytes"}, "c": complex(1, 2), "big": 2**80}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("m/data.pkl", b"x" * 50)
        archive.writestr(zipfile.ZipInfo("m/code.py"), b"y" * 500, zipfile.ZIP_DEFLATED)
    extents = {
        "native": "m",
        "size": 9,
        "sha256": "sha256:0",
        "residue": {"path": "r"},
        "extents": [{"offset": 0, "length": 4}],
    }
    yaml = b"name: &a uno\nlist: [1, 2.5, *a]\nmap:\n  deep: {x: 'y'}\n  text: |\n    lines\n"
    return {
        "safetensors": [(example / "model.safetensors").read_bytes(), struct.pack("<Q", 2) + b"{}"],
        "pickle": [pickle.dumps(value, protocol) for protocol in range(6)] + [pickle.dumps(Path("x"))],
        "json": [manifest, b'{"a": [1, 2, {"b": null}]}'],
        "manifest": [manifest],
        "yaml": [yaml, manifest],
        "extents": [json.dumps(extents).encode()],
        "zip": [buffer.getvalue()],
    }


def damaged(chance: random.Random, pool: list[bytes]) -> bytes:
    """Return a seed with some damage."""
    data = bytearray(chance.choice(pool))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(6)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[at : at + chance.randint(1, 20)]
        elif kind == 2:
            data[at:at] = chance.choice(INTERESTING) * chance.choice((1, 1, 1, 50, 3000))
        elif kind == 3:
            data[at:at] = data[at : at + chance.randint(1, 40)] * chance.randint(1, 30)
        elif kind == 4:
            other = chance.choice(pool)
            cut = chance.randrange(len(other) + 1)
            data[at:] = other[cut:]
        elif at + 8 <= len(data):
            data[at : at + 8] = struct.pack("<Q", chance.choice((0, 1, 2**31 - 1, 2**32, 2**63, 2**64 - 1)))
    return bytes(data)


def fuzz(name: str, seconds: float, seed: int, folder: Path) -> int:
    """Feed one reader for some time; return how many inputs it took.

    Raises:
        AssertionError: It raised another error, or took too long; the input is kept beside.
    """
    chance = random.Random(seed)
    pool = seeds()[name]
    count = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = damaged(chance, pool)
        started = time.monotonic()
        try:
            READERS[name](data, folder)
        except CandleSpecError:
            pass
        except Exception as error:
            kept = Path(tempfile.gettempdir()) / f"candle-spec-fuzz-{name}-{seed}-{count}"
            kept.write_bytes(data)
            raise AssertionError(
                f"{name} raised {type(error).__name__}: {error}; the input is kept in {kept}"
            ) from error
        if time.monotonic() - started > SLOWEST:
            raise AssertionError(
                f"{name} took {time.monotonic() - started:.1f} s for {len(data)} bytes (seed {seed}, {count})"
            )
        count += 1
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=sorted(READERS))
    given = parser.parse_args()
    names = [given.only] if given.only else sorted(READERS)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            count = fuzz(name, given.seconds / len(names), given.seed, Path(folder))
            print(f"{name:<12} {count:>8} inputs, no surprise")
    return 0


if __name__ == "__main__":
    sys.exit(main())
