"""Saves in the background: order, waiting, errors that are never lost, full disks, short memory."""

import errno
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

from candle_spec.checkpoint.contents import Contents, Framework, Group
from candle_spec.errors import InvalidInputError, WriteFailedError
from candle_spec.series.saves.arena import Arena
from candle_spec.series.saves.background import BackgroundWriter, is_full
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.weights.live import array_leaf
from candle_spec.weights.shards import plan_group


def state_of(epoch: int, weights: np.ndarray) -> TrainingState:
    contents = Contents(Framework("numpy"), [Group("model", "model")], [array_leaf(weights).named("model", "w")])
    return TrainingState(epoch, contents)


def plan(state: TrainingState):
    return [plan_group("model", state.contents.tensors, {})]


def full_disk() -> WriteFailedError:
    try:
        raise WriteFailedError("cannot write") from OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except WriteFailedError as error:
        return error


class Store:
    """A series that remembers what it was given, waits at a gate, and fails as told."""

    def __init__(self, *errors: Exception):
        self.saved: list[tuple[int, bytes]] = []
        self.threads: set[int] = set()
        self.errors = list(errors)
        self.gate = threading.Event()
        self.gate.set()

    def save(self, state: TrainingState, **how) -> int:
        assert self.gate.wait(20)
        self.threads.add(threading.get_ident())
        if self.errors:
            raise self.errors.pop(0)
        data = b"".join(b"".join(part.data.blocks()) for t in state.contents.tensors for part in t.parts.values())
        self.saved.append((state.epoch, data))
        return state.epoch


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has a priority of its own on Linux alone")
@pytest.mark.parametrize("background", [True, False])
def test_the_writer_stands_back_behind_the_training(background):
    class Watched(Store):
        def save(self, state, **how):
            self.behind = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            return super().save(state, **how)

    store, before = Watched(), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    with BackgroundWriter(store, plan, background=background) as writer:
        writer.submit(state_of(1, np.zeros(4, np.uint8))).result()
    assert (store.behind > before) == background
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_the_training_may_go_on_while_its_state_is_written():
    store, weights = Store(), np.zeros(4, np.uint8)
    store.gate.clear()
    with BackgroundWriter(store, plan) as writer:
        first = writer.submit(state_of(1, weights))
        assert not first.done()
        weights[:] = 9
        store.gate.set()
        assert first.result(20) == 1
    assert store.saved == [(1, bytes(4))]
    assert threading.get_ident() not in store.threads


def test_a_further_state_waits_for_its_turn():
    store = Store()
    store.gate.clear()
    writer = BackgroundWriter(store, plan, max_inflight=1)
    writer.submit(state_of(1, np.zeros(4)))
    second = threading.Thread(target=lambda: writer.submit(state_of(2, np.ones(4))))
    second.start()
    second.join(0.2)
    assert second.is_alive()
    store.gate.set()
    second.join(20)
    writer.close()
    assert [epoch for epoch, _ in store.saved] == [1, 2]


def test_two_in_flight_have_copies_of_their_own():
    store, weights = Store(), np.zeros(4, np.uint8)
    store.gate.clear()
    writer, saves = BackgroundWriter(store, plan, max_inflight=2), []
    for epoch in (1, 2):
        weights[:] = epoch
        saves.append(writer.submit(state_of(epoch, weights)))
    assert [save.done() for save in saves] == [False, False]
    store.gate.set()
    writer.close()
    assert store.saved == [(1, b"\1" * 4), (2, b"\2" * 4)]


def test_what_depends_on_a_save_comes_behind_it_and_not_behind_a_failed_one():
    store, done = Store(), []
    with BackgroundWriter(store, plan) as writer:
        writer.submit(state_of(1, np.zeros(4)), lambda saved: done.append((saved, len(store.saved))))
    assert done == [(1, 1)]
    broken = BackgroundWriter(Store(OSError(errno.EIO, "broken")), plan, on_error="warn")
    broken.submit(state_of(1, np.zeros(4)), done.append)
    with pytest.warns(RuntimeWarning, match="broken"):
        broken.close()
    assert done == [(1, 1)]


def test_an_error_comes_up_once_at_the_next_call():
    writer = BackgroundWriter(Store(OSError(errno.EIO, "broken")), plan)
    future = writer.submit(state_of(1, np.zeros(4)))
    assert isinstance(future.exception(20), OSError)
    with pytest.raises(OSError, match="broken"):
        writer.submit(state_of(2, np.zeros(4)))
    writer.submit(state_of(3, np.zeros(4))).result(20)
    writer.close()


def test_an_error_comes_up_at_the_close():
    writer = BackgroundWriter(Store(OSError(errno.EIO, "broken")), plan)
    writer.submit(state_of(1, np.zeros(4)))
    with pytest.raises(OSError, match="broken"):
        writer.close()
    writer.close()


def test_on_error_warn_goes_on():
    store = Store(OSError(errno.EIO, "broken"))
    writer = BackgroundWriter(store, plan, on_error="warn")
    writer.submit(state_of(1, np.zeros(4))).exception(20)
    with pytest.warns(RuntimeWarning, match="not saved: .*broken"):
        writer.submit(state_of(2, np.zeros(4)))
    writer.close()
    assert [epoch for epoch, _ in store.saved] == [2]


@pytest.mark.parametrize("background", [True, False])
def test_a_full_disk_is_pruned_and_tried_once_more(background):
    store, pruned = Store(full_disk()), []
    with BackgroundWriter(store, plan, background=background, make_space=lambda: pruned.append(1) or 7) as writer:
        writer.submit(state_of(1, np.zeros(4)))
    assert [epoch for epoch, _ in store.saved] == [1]
    assert pruned == [1]


def test_a_disk_that_stays_full_is_an_error_unless_it_only_warns():
    writer = BackgroundWriter(Store(full_disk(), full_disk()), plan, make_space=lambda: 7)
    writer.submit(state_of(1, np.zeros(4)))
    with pytest.raises(WriteFailedError):
        writer.close()
    warned = BackgroundWriter(Store(full_disk()), plan, on_full="warn")
    warned.submit(state_of(1, np.zeros(4)))
    with pytest.warns(RuntimeWarning, match="cannot write"):
        warned.close()


def test_nothing_to_prune_is_tried_no_second_time():
    store = Store(full_disk())
    writer = BackgroundWriter(store, plan, make_space=lambda: 0)
    writer.submit(state_of(1, np.zeros(4)))
    with pytest.raises(WriteFailedError):
        writer.close()
    assert store.saved == []


def test_short_memory_saves_at_once_and_says_so():
    store = Store()
    writer = BackgroundWriter(store, plan, arena=lambda: Arena(available=lambda: 0))
    with pytest.warns(RuntimeWarning, match="the training waits: a copy of the state takes .* free"):
        assert writer.submit(state_of(1, np.zeros(4))).done()
    assert store.threads == {threading.get_ident()}
    writer.close()


def test_a_synchronous_writer_raises_at_once():
    writer = BackgroundWriter(Store(OSError(errno.EIO, "broken")), plan, background=False)
    with pytest.raises(OSError, match="broken"):
        writer.submit(state_of(1, np.zeros(4)))
    writer.close()


def test_work_behind_the_saves():
    store, seen = Store(), []
    with BackgroundWriter(store, plan) as writer:
        writer.submit(state_of(1, np.zeros(4)))
        writer.run(lambda: seen.append(list(store.saved)))
    assert len(seen[0]) == 1


def test_settings_are_checked():
    for wrong in ({"on_error": "ignore"}, {"on_full": "stop"}, {"max_inflight": 0}):
        with pytest.raises(InvalidInputError):
            BackgroundWriter(Store(), plan, **wrong)


def test_a_closed_writer_takes_nothing():
    writer = BackgroundWriter(Store(), plan)
    writer.close()
    with pytest.raises(InvalidInputError):
        writer.submit(state_of(1, np.zeros(4)))


def test_a_full_disk_is_known_behind_other_errors():
    assert is_full(full_disk())
    assert not is_full(OSError(errno.EIO, "broken"))


AT_EXIT = """
import sys, time
sys.path.insert(0, {root!r})
import numpy as np
from tests.series import test_background as t
class Slow(t.Store):
    def save(self, state, **how):
        time.sleep(0.2)
        print("saved", state.epoch, flush=True)
        if state.epoch == 2:
            raise OSError(5, "broken")
writer = t.BackgroundWriter(Slow(), t.plan, max_inflight=2)
writer.submit(t.state_of(1, np.zeros(4)))
writer.submit(t.state_of(2, np.zeros(4)))
"""


def test_a_process_that_just_ends_finishes_its_saves_and_says_what_failed():
    code = AT_EXIT.format(root=os.getcwd())
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout == "saved 1\nsaved 2\n"
    assert "a checkpoint was not saved" in run.stderr


def test_no_warning_without_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with BackgroundWriter(Store(), plan) as writer:
            writer.submit(state_of(1, np.zeros(4)))
