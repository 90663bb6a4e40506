"""The loop: it goes on where it stopped, and ends as its program, a signal or a break say."""

import os
import signal

import pytest

from candle_spec.series.series import Series
from tests.helpers.trainings.counter import loop


def epochs_of(folder):
    return [entry.epoch for entry in Series.read(folder).entries()]


def test_the_loop_goes_on_where_it_stopped(tmp_path):
    folder = tmp_path / "ckpts"
    adapter, first = loop(folder)
    seen = []
    with pytest.raises(RuntimeError, match="crash"), first:
        for epoch in first.epochs(5):
            seen.append(epoch)
            if epoch == 3:
                raise RuntimeError("crash")
            adapter.weights += 1
            first.log(val_loss=1.0)
    adapter, second = loop(folder)
    with second:
        for epoch in second.epochs(5):
            seen.append(epoch)
            adapter.weights += 1
            second.log(val_loss=1.0)
    assert seen == [0, 1, 2, 3, 3, 4]
    assert adapter.weights.tolist() == [5.0] * 4
    assert epochs_of(folder)[-1] == 5
    _, third = loop(folder)
    with third:
        assert list(third.epochs(5)) == []


def test_a_break_behind_the_metrics_is_an_early_stop(tmp_path):
    folder = tmp_path / "ckpts"
    _, found = loop(folder, ckpt_save_interval=100)
    with found:
        for epoch in found.epochs(9):
            found.log(val_loss=float("nan"))
            if epoch == 2:
                break
    assert epochs_of(folder) == [3]


def test_stop_ends_the_loop_after_the_epoch(tmp_path):
    folder = tmp_path / "ckpts"
    _, found = loop(folder, ckpt_save_interval=100)
    with found:
        for _ in found.epochs(9):
            found.stop()
    assert epochs_of(folder) == [1]


def test_a_signal_leaves_an_open_epoch_out(tmp_path):
    folder = tmp_path / "ckpts"
    _, found = loop(folder)
    with found:
        for epoch in found.epochs(9):
            for batch in range(4):
                if (epoch, batch) == (2, 1):
                    os.kill(os.getpid(), signal.SIGTERM)
                if not found.step():
                    break
            found.log(val_loss=1.0)
    assert found.stop_reason == "SIGTERM"
    assert epochs_of(folder) == [1, 2]


def test_an_epoch_that_goes_on_after_the_signal_counts(tmp_path):
    folder = tmp_path / "ckpts"
    _, found = loop(folder)
    with found:
        for epoch in found.epochs(9):
            for batch in range(4):
                if (epoch, batch) == (1, 1):
                    os.kill(os.getpid(), signal.SIGTERM)
                found.step()
    assert epochs_of(folder) == [1, 2]
