"""Frequency, best and keep policies: tables of CANDLE's own behaviour, then properties."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_spec.errors import InvalidInputError
from candle_spec.series.policy.best import best, direction
from candle_spec.series.policy.decisions import (
    History,
    Moment,
    SavePolicy,
    advance,
    history,
    improves,
    save_reason,
    wall_time_reached,
)
from candle_spec.series.policy.retention import KeepPolicy, keep

NAN, INF = math.nan, math.inf


@dataclass(frozen=True)
class Entry:
    epoch: int
    metrics: dict[str, float] = field(default_factory=dict)
    step: int | None = None
    run_id: str = "a"
    superseded: bool = False
    pinned: bool = False
    tags: tuple[str, ...] = ()


def series(values: list[float], metric: str = "val_loss") -> list[Entry]:
    return [Entry(epoch, {metric: value}) for epoch, value in enumerate(values, 1)]


def epochs(entries) -> list[int]:
    return [entry.epoch for entry in entries]


def saved_epochs(policy: SavePolicy, losses: list[float], epochs: int | None = None) -> list[int]:
    """Run a training and return the epochs that it saved."""
    past, saved = history([], policy), []
    for epoch, loss in enumerate(losses, 1):
        moment = Moment(epoch, metrics={policy.metric: loss}, is_final=epoch == (epochs or len(losses)))
        reason = save_reason(policy, moment, past)
        past = advance(policy, moment, past, saved=bool(reason))
        saved += [epoch] * bool(reason)
    return saved


FLAT = [1.0] * 12


@pytest.mark.parametrize(
    ("policy", "losses", "expected"),
    [
        (SavePolicy(), FLAT, list(range(1, 13))),
        (SavePolicy(every_epochs=0), FLAT, []),
        (SavePolicy(every_epochs=0), [3.0, 2.0, 1.0], []),  # not even the best or the final one
        (SavePolicy(every_epochs=5, save_best=False), FLAT, [5, 10, 12]),
        (SavePolicy(every_epochs=5, save_best=False, on_end=False), FLAT, [5, 10]),
        (SavePolicy(every_epochs=5), FLAT, [1, 5, 10, 12]),  # the first value is an improvement
        (SavePolicy(every_epochs=100), [3, 2, 2, 1, 5], [1, 2, 4, 5]),
        (SavePolicy(every_epochs=1, skip_epochs=4, save_best=False), FLAT, list(range(4, 13))),
        (SavePolicy(every_epochs=100, skip_epochs=3), [1, 2, 9, 8, 10], [3, 4, 5]),  # epochs 1 and 2 are not tracked
        (SavePolicy(every_epochs=1, skip_epochs=50), FLAT, []),
        (SavePolicy(every_epochs=100), [NAN, NAN, 4.0, NAN, 3.0, NAN], [3, 5, 6]),
        (SavePolicy(every_epochs=100, metric="val_accuracy"), [0.1, 0.5, 0.4, 0.6, 0.2], [1, 2, 4, 5]),
        (SavePolicy(every_epochs=100, metric="score", mode="max"), [0.1, 0.5, 0.4], [1, 2, 3]),
        (SavePolicy(every_epochs=100, min_delta=0.5), [3.0, 2.8, 2.4, 2.3], [1, 3, 4]),
        (SavePolicy(every_epochs=0, best_only=True), [3.0, 4.0, 2.0, 5.0], [1, 3]),
        (SavePolicy(every_epochs=100, best_value=2.5), [3.0, 2.0, 4.0], [2, 3]),
        (SavePolicy(every_epochs=100), [-INF, 1.0, -INF], [1, 3]),
    ],
)
def test_which_epochs_are_saved(policy: SavePolicy, losses: list[float], expected: list[int]) -> None:
    assert saved_epochs(policy, losses) == expected


@pytest.mark.parametrize(
    ("moment", "past", "expected"),
    [
        (Moment(3, step=250, epoch_end=False), History(epoch=2, step=200), ""),
        (Moment(3, step=300, epoch_end=False), History(epoch=2, step=200), "every 100 steps"),
        (Moment(3, step=250, seconds=601, epoch_end=False), History(step=200, seconds=1), "every 600 seconds"),
        (Moment(3, step=250, epoch_end=False, stop_reason="SIGTERM"), History(epoch=3, step=200), "SIGTERM"),
        (Moment(3, step=250, epoch_end=False, stop_reason="SIGTERM"), History(epoch=3, step=250), ""),
        (Moment(3, epoch_end=False, stop_reason="train end"), History(epoch=3), ""),
        (Moment(3, epoch_end=False, stop_reason="early stop"), History(epoch=2), "early stop"),
    ],
)
def test_between_epochs(moment: Moment, past: History, expected: str) -> None:
    policy = SavePolicy(every_epochs=10, every_steps=100, every_seconds=600, save_best=False)
    assert save_reason(policy, moment, past) == expected


def test_a_stop_is_saved_among_skipped_epochs_and_never_when_disabled() -> None:
    stop = Moment(2, stop_reason="SIGTERM")
    assert save_reason(SavePolicy(skip_epochs=50), stop, History()) == "SIGTERM"
    assert save_reason(SavePolicy(every_epochs=0), stop, History()) == ""
    assert save_reason(SavePolicy(on_end=False, every_epochs=5), stop, History()) == ""


def test_interval_0_leaves_another_frequency_alone() -> None:
    policy = SavePolicy(every_epochs=0, every_seconds=60, save_best=False)
    assert policy.enabled
    assert save_reason(policy, Moment(1, seconds=10), History()) == ""
    assert save_reason(policy, Moment(1, seconds=61), History()) == "every 60 seconds"
    assert save_reason(policy, Moment(9, seconds=10, is_final=True), History()) == "final epoch"


def test_wall_time() -> None:
    policy = SavePolicy(every_epochs=100, save_best=False, wall_seconds=3600, wall_margin=100)
    assert not wall_time_reached(policy, Moment(1, seconds=3499))
    assert wall_time_reached(policy, Moment(1, seconds=3500))
    assert save_reason(policy, Moment(1, seconds=3500), History()) == "wall-time limit"
    assert not wall_time_reached(SavePolicy(), Moment(1, seconds=1e9))


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(1, [3, 7]), (2, [3, 6, 7]), (3, [3, 5, 6, 7]), (5, [3, 4, 5, 6, 7]), (9, [1, 2, 3, 4, 5, 6, 7])],
)
def test_linear_is_candles_rule(limit: int, expected: list[int]) -> None:
    entries = series([9, 8, 1, 5, 5, 5, 5])
    plan = keep(entries, KeepPolicy(limit=limit))
    assert epochs(plan.keep) == expected
    assert sorted(epochs((*plan.keep, *plan.remove))) == list(range(1, 8))
    assert plan.why[3, None] == "best val_loss"
    assert plan.reason(entries[6]) == "newest"


def test_linear_while_always_improving() -> None:
    assert epochs(keep(series([5, 4, 3, 2, 1]), KeepPolicy(limit=2)).keep) == [4, 5]


@pytest.mark.parametrize(
    ("count", "limit", "expected"),
    [(16, 5, [8, 12, 14, 15, 16]), (16, 1, [16]), (16, 3, [14, 15, 16]), (13, 5, [1, 8, 10, 12, 13]), (2, 5, [1, 2])],
)
def test_exponential(count: int, limit: int, expected: list[int]) -> None:
    policy = KeepPolicy(mode="exponential", limit=limit, keep_best=False)
    assert epochs(keep(series([1.0] * count), policy).keep) == expected


def test_exponential_counts_in_intervals() -> None:
    entries = [Entry(epoch) for epoch in range(500, 8001, 500)]
    policy = KeepPolicy(mode="exponential", limit=5, unit=500)
    assert epochs(keep(entries, policy).keep) == [4000, 6000, 7000, 7500, 8000]


def test_all_keeps_all() -> None:
    assert keep(series(FLAT), KeepPolicy(mode="all", limit=1)).remove == ()


def test_pins_tags_other_runs_and_multiples_stay() -> None:
    entries = [Entry(1, pinned=True), Entry(2, tags=("paper",)), Entry(3, run_id="b"), *map(Entry, range(4, 13))]
    plan = keep(entries, KeepPolicy(limit=1, every=5), run_id="a")
    assert epochs(plan.keep) == [1, 2, 3, 5, 10, 12]
    assert [plan.reason(entry) for entry in plan.keep[:4]] == [
        "pinned",
        "tagged paper",
        "of another run",
        "every 5 epochs",
    ]


def test_superseded_go_first_and_are_never_best() -> None:
    entries = [Entry(1, {"val_loss": 5}), Entry(2, {"val_loss": 4}), Entry(3, {"val_loss": 1}, superseded=True)]
    assert epochs(keep(entries, KeepPolicy(limit=2)).keep) == [1, 2]
    assert epochs(keep(entries, KeepPolicy(limit=3)).keep) == [1, 2, 3]
    assert best(entries, "val_loss").epoch == 2
    assert history(entries, SavePolicy()) == History(4, 2, None)


@pytest.mark.parametrize(
    ("values", "metric", "kwargs", "expected"),
    [
        ([3, 1, 2], "val_loss", {}, 2),
        ([3, 1, 2], "val_accuracy", {}, 1),
        ([3, 1, 1], "val_loss", {}, 2),
        ([3, 1, 1], "val_loss", {"ties": "newest"}, 3),
        ([NAN, 1, NAN], "val_loss", {}, 2),
        ([NAN, NAN], "val_loss", {}, None),
        ([INF, INF], "val_loss", {}, 1),
        ([1, -INF, NAN], "val_loss", {}, 2),
        ([1, INF], "r2", {}, 2),
        ([3, 2.9, 1], "val_loss", {"min_delta": 0.5}, 3),
        ([3, 2.9, 2.8], "val_loss", {"min_delta": 0.5}, 1),
        ([3, 1, 2], "thing", {"mode": "max"}, 1),
        ([], "val_loss", {}, None),
    ],
)
def test_best(values: list[float], metric: str, kwargs: dict, expected: int | None) -> None:
    found = best(series(values, metric), metric, **kwargs)
    assert (found.epoch if found else None) == expected


def test_a_missing_metric_is_never_best() -> None:
    assert best([Entry(1), Entry(2, {"val_loss": 9.0}), Entry(3)], "val_loss").epoch == 2
    assert not improves(SavePolicy(), Moment(1), History())


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("loss", "min"),
        ("val_loss", "min"),
        ("accuracy", "max"),
        ("val_accuracy", "max"),
        ("val_acc", "max"),
        ("lr", "min"),
        ("learning_rate", "min"),
        ("val_sparse_categorical_accuracy", "max"),
        ("mean_squared_error", "min"),
        ("val/r2", "max"),
        ("eval_r2", "max"),
        ("test-auc", "max"),
        ("val_auc_2", "max"),
        ("pcc", "max"),
        ("scc", "max"),
        ("val_corr", "max"),
        ("aupr", "max"),
        ("kl_loss", "min"),
        ("output_1_accuracy", "max"),
        ("mae", "min"),
        ("wibble", ""),
    ],
)
def test_directions(metric: str, expected: str) -> None:
    assert direction(metric) == expected


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="sideways"):
        best(series([1.0]), "x", "sideways")  # type: ignore[arg-type]


losses = st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=40)
modes = st.sampled_from(["linear", "exponential", "all"])


@given(losses, modes, st.integers(1, 8), st.sampled_from([0, 3]))
def test_pruning_after_each_save_is_pruning_at_the_end(values: list[float], mode: str, limit: int, every: int) -> None:
    policy = KeepPolicy(mode=mode, limit=limit, every=every)
    entries, alive = series(values), []
    for entry in entries:
        alive = [*alive, entry]
        alive = list(keep(alive, policy).keep)
    assert tuple(alive) == keep(entries, policy).keep


@given(losses, modes, st.integers(1, 8), st.randoms())
def test_newest_and_best_stay_and_the_limit_holds(values: list[float], mode: str, limit: int, random) -> None:
    entries = series(values)
    shuffled = list(entries)
    random.shuffle(shuffled)
    plan = keep(shuffled, KeepPolicy(mode=mode, limit=limit))
    assert plan == keep(entries, KeepPolicy(mode=mode, limit=limit))
    assert entries[-1] in plan.keep
    winner = best(entries, "val_loss")
    assert winner is None or winner in plan.keep
    if mode != "all":
        assert len(plan.keep) <= limit + 1
    assert keep(plan.keep, KeepPolicy(mode=mode, limit=limit)).remove == ()


@given(st.sets(st.integers(1, 200), min_size=1), st.integers(1, 8))
def test_exponential_on_irregular_epochs(saved: set[int], limit: int) -> None:
    plan = keep([Entry(epoch) for epoch in saved], KeepPolicy(mode="exponential", limit=limit))
    assert max(saved) in epochs(plan.keep)
    assert len(plan.keep) <= limit


@given(losses, st.integers(1, 39), st.sampled_from(["oldest", "newest"]), st.integers(0, 5))
def test_a_restart_changes_no_decision(values: list[float], cut: int, ties: str, skip: int) -> None:
    """What is saved after a restart, with the past read from the entries, is what is saved without it."""
    policy = SavePolicy(every_epochs=100, ties=ties, skip_epochs=skip)
    past, saved, restarted = History(), [], History()
    for epoch, value in enumerate(values, 1):
        moment = Moment(epoch, metrics={"val_loss": value})
        if epoch == cut:
            restarted = history(saved, policy)
            assert (restarted.best, restarted.epoch) == (past.best, past.epoch)
        reason = save_reason(policy, moment, past)
        if epoch >= cut:
            assert save_reason(policy, moment, restarted) == reason
            restarted = advance(policy, moment, restarted, saved=bool(reason))
        past = advance(policy, moment, past, saved=bool(reason))
        saved += [Entry(epoch, {"val_loss": value})] * bool(reason)


@given(losses, st.sampled_from(["oldest", "newest"]), st.booleans())
def test_best_is_best(values: list[float], ties: str, up: bool) -> None:
    winner = best(series(values), "val_loss", "max" if up else "min", ties=ties)
    numbers = [value for value in values if not math.isnan(value)]
    assert (winner is None) == (not numbers)
    if winner is not None:
        value = max(numbers) if up else min(numbers)
        same = [epoch for epoch, other in enumerate(values, 1) if other == value]
        assert winner.epoch == (same[0] if ties == "oldest" else same[-1])


def test_the_best_by_steps_of_history_is_that_of_best() -> None:
    for values in itertools.product([1.0, 2.0, NAN], repeat=4):
        entries = series(list(values))
        found = best(entries, "val_loss")
        assert history(entries, SavePolicy()).best == (found.metrics["val_loss"] if found else None)


def test_saves_within_an_epoch_are_told_apart() -> None:
    entries = [Entry(4, step=800), Entry(4, step=900), Entry(4, step=1000), Entry(3, step=600)]
    plan = keep(entries, KeepPolicy(limit=2))
    assert [(entry.epoch, entry.step) for entry in plan.keep] == [(4, 900), (4, 1000)]
    assert [(entry.epoch, entry.step) for entry in plan.remove] == [(3, 600), (4, 800)]
