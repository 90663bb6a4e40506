"""One file comes in: whole and right, or not at all; what came so far is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from candle_spec.digests import digest_bytes
from candle_spec.errors import CorruptFileError, LimitExceededError, ServiceError
from candle_spec.remote.checks import HashCheck, Match
from candle_spec.remote.incoming import PARTIAL, Incoming, receive_file

DATA = bytes(range(256)) * 4


class Source:
    """A file that breaks off at the given places, one for each attempt, then comes whole."""

    def __init__(self, *breaks: int, data: bytes = DATA) -> None:
        self.data, self.breaks, self.starts = data, list(breaks), list[int]()

    @contextmanager
    def open(self, start: int) -> Iterator[Iterator[bytes]]:
        self.starts.append(start)
        yield self._blocks(start)

    def _blocks(self, start: int) -> Iterator[bytes]:
        end = self.breaks.pop(0) if self.breaks else len(self.data)
        yield self.data[start:end]
        if end < len(self.data):
            raise ServiceError("broken")

    def incoming(self, size: int | None = len(DATA), stated: str = hashlib.md5(DATA).hexdigest()) -> Incoming:
        def check() -> HashCheck:
            return HashCheck(hashlib.md5(), stated)

        return Incoming("there", size, check, self.open, attempts=3, wait=lambda attempt: None)


def test_it_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    source, came = Source(10, 500), list[int]()
    fetched = receive_file(source.incoming(), tmp_path / "m", progress=came.append)
    assert (tmp_path / "m").read_bytes() == DATA
    assert (fetched.size, fetched.match) == (len(DATA), Match.SAME)
    assert source.starts == [0, 10, 500]
    assert sum(came) == len(DATA)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_the_next_run_goes_on(tmp_path: Path) -> None:
    with pytest.raises(ServiceError):
        receive_file(Source(100, 100, 100, 100).incoming(), tmp_path / "m")
    assert (tmp_path / f".m{PARTIAL}").read_bytes() == DATA[:100]
    source = Source()
    receive_file(source.incoming(), tmp_path / "m")
    assert source.starts == [100]


def test_attempts_count_from_the_last_progress(tmp_path: Path) -> None:
    receive_file(Source(1, 1, 1, 2, 2, 2, 3).incoming(), tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == DATA


@pytest.mark.parametrize("size", [len(DATA), None])
def test_one_that_trickles_ends_and_goes_on_later(tmp_path: Path, size: int | None) -> None:
    slow = replace(Source(100, 200, 300).incoming(size), clock=count(step=600.0).__next__)
    with pytest.raises(ServiceError, match="trickles"):
        receive_file(slow, tmp_path / "m")
    kept = (tmp_path / f".m{PARTIAL}").stat().st_size
    assert 0 < kept < len(DATA)
    source = Source()
    receive_file(source.incoming(), tmp_path / "m")
    assert source.starts == [kept]
    assert (tmp_path / "m").read_bytes() == DATA


def test_what_was_kept_of_another_file_is_dropped(tmp_path: Path) -> None:
    (tmp_path / f".m{PARTIAL}").write_bytes(b"other")
    source = Source()
    receive_file(source.incoming(), tmp_path / "m")
    assert source.starts == [5, 0]


@pytest.mark.parametrize(
    ("make", "more", "error", "words"),
    [
        (lambda: Source().incoming(stated="0" * 32), {}, CorruptFileError, "its checksum is not"),
        (lambda: Source().incoming(), {"sha256": digest_bytes(b"")}, CorruptFileError, "sha256"),
        (lambda: Source().incoming(), {"size": 5}, CorruptFileError, "states 1024 bytes of a file that has 5"),
        (lambda: Source().incoming(size=None), {"size": 5}, LimitExceededError, "more than the 5 bytes"),
        (lambda: Source().incoming(size=1_000), {}, LimitExceededError, "more than the 1000 bytes"),
        (lambda: Source().incoming(size=2_000), {}, ServiceError, "ended early"),
    ],
)
def test_what_is_not_the_file(
    tmp_path: Path, make: Callable[[], Incoming], more: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        receive_file(make(), tmp_path / "m", **more)
    assert not (tmp_path / "m").exists()


def test_without_a_checksum_the_digest_decides(tmp_path: Path) -> None:
    fetched = receive_file(Source().incoming(stated=""), tmp_path / "m", sha256=digest_bytes(DATA))
    assert fetched.match is Match.UNVERIFIABLE
