"""What the threads of a writer leave undone, the caller does; what another process has, nobody takes from it."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

from candle_spec.atomic import Fs
from candle_spec.series.saves.crew_writer import _Told
from candle_spec.series.saves.file_writer import FileWriter


class Held:
    """Bytes that say which thread reads them, and may wait for a word before."""

    def __init__(self, data: bytes, ready: threading.Event | None = None) -> None:
        self.size = len(data)
        self._data, self._ready = data, ready
        self.begun = threading.Event()
        self.reader = ""

    def blocks(self) -> Any:
        self.reader = threading.current_thread().name
        self.begun.set()
        if self._ready is not None:
            assert self._ready.wait(30)
        yield self._data


def planned(parts: dict[str, Held]) -> Any:
    return SimpleNamespace(parts={key: SimpleNamespace(part=SimpleNamespace(data=data)) for key, data in parts.items()})


def test_the_caller_takes_the_digests_that_no_thread_has_begun() -> None:
    go = threading.Event()
    parts = {"first": Held(b"1", go), "second": Held(b"2"), "third": Held(b"3")}
    with FileWriter(Fs(), {}, direct=False, jobs=2) as writer:
        running = {key: writer.digest(data) for key, data in parts.items()}
        assert parts["first"].begun.wait(30)
        threading.Timer(0.2, go.set).start()
        digests = writer.finished(running, planned(parts))
    assert digests == {key: "sha256:" + hashlib.sha256(data._data).hexdigest() for key, data in parts.items()}
    here = threading.current_thread().name
    assert [data.reader for data in parts.values()][1:] == [here, here]
    assert parts["first"].reader != here


def test_a_digest_of_another_process_is_asked_for_and_not_taken() -> None:
    class Other:
        def ask(self) -> None:
            told.set_result("sha256:theirs")

    told: Future[str] = _Told(Other(), Held(b""))  # type: ignore[arg-type]
    writer = FileWriter(Fs(), {}, direct=False, jobs=1)
    assert writer.finished({"theirs": told}, planned({"theirs": Held(b"ours")})) == {"theirs": "sha256:theirs"}


def test_without_threads_all_is_done_at_once() -> None:
    data = Held(b"x")
    writer = FileWriter(Fs(), {}, direct=False, jobs=1)
    assert writer.digest(data).done()
    assert data.reader == threading.current_thread().name
