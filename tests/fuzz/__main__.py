"""``python -m tests.fuzz [--seconds N] [--seed N] [--only NAME]``: damaged input for every reader, for a bounded time.

Seeds are real files, made here. Each is cut, changed, repeated and spliced with others; a reader may accept it or raise
``CandleSpecError``. Anything else, or taking too long, ends the run and keeps the input that did it.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
import tempfile
import time
from pathlib import Path

from candle_spec.errors import CandleSpecError
from tests.fuzz.readers import READERS, seeds

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


def fuzz(name: str, seconds: float, seed: int, folder: Path, least: int = 0) -> int:
    """Feed one reader for some time, with ``least`` inputs however slow it is; return how many it took.

    Raises:
        AssertionError: It raised another error, or took too long; the input is kept beside.
    """
    chance = random.Random(seed)
    pool = seeds(name)
    READERS[name](pool[0], folder)  # what is imported at the first use counts for no input
    count = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end or count < least:
        data = damaged(chance, pool)
        started = time.process_time()  # a busy machine makes no reader slow
        try:
            READERS[name](data, folder)
        except CandleSpecError:
            pass
        except Exception as error:
            kept = Path(tempfile.gettempdir()) / f"candle-spec-fuzz-{name.replace(' ', '-')}-{seed}-{count}"
            kept.write_bytes(data)
            raise AssertionError(
                f"{name} raised {type(error).__name__}: {error}; the input is kept in {kept}"
            ) from error
        if time.process_time() - started > SLOWEST:
            raise AssertionError(
                f"{name} took {time.process_time() - started:.1f} s for {len(data)} bytes (seed {seed}, {count})"
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
            print(f"{name:<32} {count:>8} inputs, no surprise")
    return 0


if __name__ == "__main__":
    sys.exit(main())
