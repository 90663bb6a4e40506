"""What workflows read from a run, and their recipes: every block of Python in docs/supervisor.md is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from candle_spec.candle import supervisor
from candle_spec.candle.workflow_run import run_identity
from candle_spec.errors import MissingPathError


@pytest.mark.framework
@pytest.mark.filterwarnings("ignore:this process has trained")
def test_the_recipes(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (root / "docs/supervisor.md").read_text(), re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert (tmp_path / "EXP001/run/RUN000/result.txt").is_file()


@pytest.mark.parametrize(
    ("value", "text"),
    [(9.1e-05, "0.000091"), (1e20, "100000000000000000000"), (0.5, "0.5"), (float("nan"), "NaN"), (-3, "-3.0")],
)
def test_numbers_without_exponent(value: float, text: str) -> None:
    assert supervisor.plain(value) == text


def test_result_and_marker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = {"instance_directory": str(tmp_path), "epochs": 10}
    supervisor.finish(params, 9.1e-05, epochs=10)
    assert (tmp_path / "result.txt").read_text() == "0.000091\n"
    assert not supervisor.is_stopped(params)
    supervisor.finish(params, float("nan"), epochs=7, name="val_corr")
    assert (tmp_path / "stop.marker").read_text() == "early stopping: 7/10\n"
    assert supervisor.is_stopped(params)
    assert capsys.readouterr().out.splitlines() == [
        "IMPROVE_RESULT val_loss:\t0.000091",
        "IMPROVE_RESULT val_corr:\tNaN",
    ]


def test_who_a_run_is() -> None:
    params = {"model_name": "uno", "experiment_id": "EXP7", "run_id": "RUN001"}
    run = run_identity(params, {"EXPID": "other", "RUNID": "other"})
    assert (run.name, run.experiment, run.node) == ("uno.EXP7.RUN001", "EXP7", "RUN001")
    assert run_identity({}, {"EXPID": "E", "RUNID": "R"}).lineage() == {"node": "R", "experiment": "E"}
    assert run_identity({"node": "1.2.3", **params}, {}).node == "1.2.3"


def test_an_id_that_is_nowhere(tmp_path: Path) -> None:
    with pytest.raises(MissingPathError, match="there is no checkpoint"):
        supervisor.find_checkpoint(tmp_path, "sha256:00")
