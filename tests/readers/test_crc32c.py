"""CRC-32C: known values, any length, any cutting into blocks."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_spec.readers.crc32c import MULTIPLE, Crc32c, crc32c, masked


def slow(data: bytes) -> int:
    """The definition, bit by bit."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_values_of_rfc_3720(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected


def test_the_multiple_is_one() -> None:
    rest = sum(1 << exponent for exponent in MULTIPLE)
    polynomial = 0x11EDC6F41
    while rest.bit_length() > 32:
        rest ^= polynomial << (rest.bit_length() - 33)
    assert rest == 0


@pytest.mark.parametrize("size", [1, 3, 4, 511, 512, 513, 4255, 4256, 4257, 68095, 68096, 68352, 99_999])
def test_every_length(size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert crc32c(data) == slow(data)


@given(st.lists(st.integers(0, 3000), max_size=8), st.randoms(use_true_random=False))
def test_any_blocks(sizes: list[int], chance: random.Random) -> None:
    blocks = [chance.randbytes(size) for size in sizes]
    state = Crc32c()
    for block in blocks:
        state.update(memoryview(block))
    assert state.value() == slow(b"".join(blocks))


def test_masks_as_leveldb_does() -> None:
    # Masking twice is not masking once: that is what it is for.
    assert masked(0) == 0xA282EAD8
    assert masked(crc32c(b"foo")) != crc32c(b"foo")
    assert masked(0xFFFFFFFF) == 0xA282EAD7


def test_it_runs_at_the_speed_of_memory() -> None:
    data = bytes(64 << 20)
    start = time.process_time()
    crc32c(data)
    assert time.process_time() - start < 5
