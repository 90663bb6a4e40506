"""Every framework: trained, killed with SIGKILL in the middle, started again; the end is that of a whole training."""

import signal

import pytest

import candle_spec
from candle_spec.series.series import Series
from tests.helpers.trainings.killer import BATCHES, EPOCHS
from tests.helpers.trainings.processes import result, run

pytestmark = pytest.mark.framework

ROUNDS = {"lightgbm", "xgboost"}
"""Where a round of boosting is the unit, and not a pass over batches."""

KINDS = {
    "pytorch": "exactly-resumable",
    "keras": "exactly-resumable",  # trained by the callback's own fit, which sees that nothing is shuffled
    "tf_keras": "fine-tunable",  # operations of TensorFlow keep random states of their own
    "jax": "fine-tunable",  # no loader was given
    "lightning": "exactly-resumable",
    "transformers": "exactly-resumable",
    "lightgbm": "fine-tunable",  # sampling begins anew; the program does not sample
    "xgboost": "fine-tunable",
}


@pytest.mark.parametrize("framework", KINDS)
def test_killed_and_started_again_it_ends_as_if_nothing_had_happened(framework, tmp_path):
    pytest.importorskip({"pytorch": "torch"}.get(framework, framework))
    folder = tmp_path / "run" / "ckpts"
    folder.parent.mkdir()
    killed = run(framework, folder, 3 * BATCHES - 1)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
    with Series.create_or_open(folder) as series:
        saved = series.entries()
        assert saved
        assert all(entry.complete for entry in saved)
        # The save under way may have its name already, and not be the last one yet: the training goes on before it.
        last = series.last()
        assert last is not None
        reached = last.epoch
        assert saved[-1].epoch - reached <= 1
    again = run(framework, folder, 0)
    words = result(again)
    assert f"restarting from epoch {reached} " in again.stderr
    finished, trained, whole, all_of_it = words[0], int(words[1]), words[2], int(words[3])
    total = EPOCHS * BATCHES if framework in ROUNDS else EPOCHS
    assert (trained, all_of_it) == (total - reached, total)
    assert finished == whole
    check_series(folder, total, framework)


def check_series(folder, total, framework):
    series = Series.read(folder)
    last = series.last()
    assert last is not None
    assert last.epoch == total
    assert series.verify() == []
    assert len(series.entries()) <= 6
    assert any("loss" in name or "rmse" in name or "l2" in name for name in last.metrics)
    report = candle_spec.validate(last.path)
    assert not report.errors, [problem.message for problem in report.errors]
    assert candle_spec.load(last.path).manifest["training_state"]["resume_grade"] == KINDS[framework]
