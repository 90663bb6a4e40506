"""What the client computes of a file is what the archive computes, whatever the size of its parts."""

from __future__ import annotations

import tempfile
from pathlib import Path

import hypothesis.strategies as st

from candle_spec.modac.checksums import Digesting, compare, etag, md5_file
from candle_spec.modac.settings import Settings
from candle_spec.standin import archive
from candle_spec.standin.facts import limit
from tests.helpers.standin import made

BLOCKS = st.lists(st.binary(max_size=40), max_size=8)


@made.given(100, BLOCKS, st.integers(1, 50), BLOCKS)
def test_of_any_bytes(blocks: list[bytes], part: int, others: list[bytes]) -> None:
    data, other = b"".join(blocks), b"".join(others)
    with tempfile.TemporaryDirectory() as folder:
        path, another = Path(folder) / "x", Path(folder) / "y"
        path.write_bytes(data)
        another.write_bytes(other)
        stated = archive.etag(path, part)
        assert etag(blocks, part_size=part) == stated
        assert compare(path, stated, part_size=part) == "same"
        assert md5_file(path) == archive.md5(path)
        if data != other:
            expected = "unverifiable" if "-" in stated else "different"
            assert compare(another, stated, part_size=part) == expected
            assert compare(another, archive.md5(path), part_size=part) == "different"
    digesting = Digesting(part)
    for count, block in enumerate(blocks, 1):
        digesting.update(block)
        assert digesting.size == len(b"".join(blocks[:count]))
    assert digesting.md5 == md5_of(data)
    assert digesting.compare(stated) == "same"


def md5_of(data: bytes) -> str:
    """The stand-in's MD5 of bytes."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return archive.md5(Path(file.name))


def test_the_size_of_a_part_of_the_archive() -> None:
    """Of a file that is one byte larger than one part, and of one that is as large."""
    assert Settings().part_size == limit("part_bytes")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        for size in (limit("part_bytes"), limit("part_bytes") + 1):
            path.touch()
            with path.open("r+b") as file:
                file.truncate(size)
            stated = archive.etag(path, limit("part_bytes"))
            assert compare(path, stated) == "same"
            assert stated.endswith("-2") is (size > limit("part_bytes"))
    digesting, block = Digesting(), bytes(1 << 20)
    for _ in range(51):
        digesting.update(block)
    assert etag([block] * 51) == digesting.etag
    assert digesting.etag.endswith("-2")
