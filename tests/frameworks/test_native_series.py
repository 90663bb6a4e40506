"""The checkpoints of one training, as each framework leaves them, become one series."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.convert import Options
from candle_spec.conversion.native_series.convert import convert_series
from candle_spec.conversion.native_series.rows import ConvertedSeries
from candle_spec.conversion.restore import restore
from candle_spec.errors import InvalidInputError, OutputExistsError
from candle_spec.series.candle_files import ckpt_info
from candle_spec.series.series import Series
from candle_spec.series.store import StoreSettings
from tests.helpers.calls import run
from tests.helpers.native import folders

MAKERS: dict[str, Callable[[Path], Path]] = {
    "torch": folders.numbered_torch,
    "candle": folders.candle,
    "keras": folders.keras,
    "lightning": folders.lightning,
    "trainer": folders.trainer,
    "tensorflow_2": folders.tensorflow_2,
    "tensorflow_1": folders.tensorflow_1,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ConvertedSeries]:
    """Give the conversion of a framework's folder, made once."""
    root, known = tmp_path_factory.mktemp("series"), {}

    def convert(name: str) -> ConvertedSeries:
        if name not in known:
            source = MAKERS[name](root / name)
            known[name] = convert_series(source, root / f"{name}.series", settings=StoreSettings(min_copies=1))
        return known[name]

    return convert


@pytest.mark.parametrize("name", MAKERS)
def test_each_comes_back_byte_for_byte(name: str, made: Callable[[str], ConvertedSeries], tmp_path: Path) -> None:
    series = made(name)
    assert not series.refused
    for number, row in enumerate(series.rows):
        files = restore(series.path / "epochs" / row.folder, tmp_path / str(number))
        natives = Checkpoint(series.path / "epochs" / row.folder).document["conversion"]["native"]["files"]
        assert sorted(file.digest for file in files) == sorted(native["digest"] for native in natives)
        beside = [row.member.path] if row.member.path.is_file() else list(row.member.path.iterdir())
        for native in beside:
            assert any(file.path.read_bytes() == native.read_bytes() for file in files)


@pytest.mark.parametrize("name", MAKERS)
def test_what_did_not_change_is_shared(name: str, made: Callable[[str], ConvertedSeries]) -> None:
    series = made(name)
    frozen = {"trainer": 4 * 256 * 16, "tensorflow_1": 4 * 64 * 64, "tensorflow_2": 4 * 64 * 64}.get(name, 4 * 8 * 512)
    shared = [row.saved.shared_bytes for row in series.rows if row.saved is not None]
    assert all(size >= frozen for size in shared[1:])
    assert Series.read(series.path).verify() == []


@pytest.mark.parametrize(
    ("name", "positions", "last", "best"),
    [
        ("torch", [(1, None), (2, None), (3, None), (4, None)], "004", ""),
        ("candle", [(1, None), (2, None), (3, None), (4, None)], "004", "002"),
        ("keras", [(1, None), (2, None), (3, None)], "003", "003"),
        ("lightning", [(1, 2), (2, 4), (3, 6)], "003", None),
        ("trainer", [(0, 1), (1, 2), (1, 3), (2, 4)], "002", None),
        ("tensorflow_2", [(0, 100), (0, 200), (0, 1000)], "000-s00001000", ""),
        ("tensorflow_1", [(0, 100), (0, 200), (0, 1000)], "000-s00001000", ""),
    ],
)
def test_order_last_and_best(
    name: str,
    positions: list[tuple[int, int | None]],
    last: str,
    best: str | None,
    made: Callable[[str], ConvertedSeries],
) -> None:
    converted = made(name)
    series = Series.read(converted.path)
    assert [(entry.epoch, entry.step) for entry in series.entries()] == positions
    newest, winner = series.last(), series.best()
    assert newest is not None
    assert newest.name == converted.last == last
    assert (winner.name if winner else "") == converted.best
    assert best is None or converted.best == best


def test_what_was_saved_inside_an_epoch_is_named_by_its_step(made: Callable[[str], ConvertedSeries]) -> None:
    def names(name: str) -> list[str]:
        return [row.folder for row in made(name).rows]

    assert names("trainer") == ["000-s00000001", "001", "001-s00000003", "002"]
    assert names("tensorflow_1") == ["000-s00000100", "000-s00000200", "000-s00001000"]


def test_metrics_come_from_names_notes_logs_and_history(made: Callable[[str], ConvertedSeries]) -> None:
    def metrics(name: str) -> list[dict[str, float]]:
        return [dict(entry.metrics) for entry in Series.read(made(name).path).entries()]

    assert metrics("candle")[:2] == [{"val_loss": 0.9}, {"val_loss": 0.4}]
    assert metrics("candle")[2:] == [{}, {}]  # the note gives only the best value so far
    keras = metrics("keras")
    assert [set(found) for found in keras] == [{"loss", "val_loss"}] * 3
    assert [round(found["val_loss"], 2) for found in keras] == [
        float(row.member.path.name.split("-")[1].removesuffix(".weights.h5")) for row in made("keras").rows
    ]
    assert all(math.isfinite(found["val_loss"]) for found in metrics("lightning"))
    assert all({"eval_loss", "loss", "learning_rate"} <= set(found) for found in metrics("trainer"))
    assert all("eval_runtime" not in found for found in metrics("trainer"))


@pytest.mark.parametrize("name", ["candle", "trainer", "torch"])
def test_every_epoch_has_the_note_that_candles_tools_read(name: str, made: Callable[[str], ConvertedSeries]) -> None:
    entries = Series.read(made(name).path).entries()
    notes = [ckpt_info.read(entry.path / ckpt_info.NAME) for entry in entries]
    assert [(note.epoch, note.extra["state_digest"]) for note in notes] == [(e.epoch, e.state_digest) for e in entries]
    assert all((entry.path / note.model_file).is_file() for entry, note in zip(entries, notes, strict=True))
    assert [dict(note.metrics) for note in notes] == [dict(entry.metrics) for entry in entries]
    if name == "candle":  # what its own notes said of the training; their checksum was one of the native file
        assert [note.best_metric_last for note in notes] == [0.9, 0.4, 0.4, 0.4]
        assert {note.save_best_metric for note in notes} == {"val_loss"}
        assert {note.checksum for note in notes} == {ckpt_info.DISABLED}


def test_lightnings_best_is_the_lowest(made: Callable[[str], ConvertedSeries]) -> None:
    entries = Series.read(made("lightning").path).entries()
    assert made("lightning").best == min(entries, key=lambda entry: entry.metrics["val_loss"]).name
    assert made("lightning").found.passed_over == []  # last.ckpt is of the same moment as the newest


def test_the_trainers_best_is_the_one_it_names(made: Callable[[str], ConvertedSeries]) -> None:
    import json

    series = made("trainer")
    newest = series.rows[-1].member.path / "trainer_state.json"
    named = Path(json.loads(newest.read_bytes())["best_model_checkpoint"]).name
    assert next(row.folder for row in series.rows if row.member.name == named) == series.best


@pytest.mark.parametrize("layout", ["", "ckpts", "save/ckpts"])
def test_every_layout_of_candle(layout: str, tmp_path: Path) -> None:
    source = folders.candle(tmp_path / "out", layout, deleted=1)
    moved = shutil.move(source, tmp_path / "moved")  # its absolute links lead nowhere now
    series = convert_series(moved, tmp_path / "series")
    assert [row.folder for row in series.rows] == ["002", "003", "004"]
    assert (series.last, series.best) == ("004", "002")
    assert [(Path(name).name, "deleted" in why) for name, why in series.found.passed_over] == [("001", True)]


def test_steps_in_words_and_copies_called_best(tmp_path: Path) -> None:
    source = folders.numbered_torch(tmp_path / "steps", "ckpt-step={}.pt", 1000)
    shutil.copy(source / "ckpt-step=2000.pt", source / "model_best.pt")
    (source / "model_last.pt").write_bytes((source / "ckpt-step=4000.pt").read_bytes()[:-1])
    series = convert_series(source, tmp_path / "series")
    assert [row.member.step for row in series.rows] == [1000, 2000, 3000, 4000]
    assert series.best == "000-s00002000"
    assert [name for name, _ in series.found.passed_over] == ["model_last.pt"]


def test_a_damaged_one_is_passed_over_and_a_second_run_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = folders.numbered_torch(tmp_path / "run")
    whole = (source / "model_002.pt").read_bytes()
    (source / "model_002.pt").write_bytes(whole[: len(whole) // 2])
    assert run("convert", "--series", source, tmp_path / "series") == 1
    assert "model_002.pt  refused" in capsys.readouterr().out
    (source / "model_002.pt").write_bytes(whole)
    assert run("convert", "--series", source, tmp_path / "series") == 0
    assert capsys.readouterr().out.count("was there already") == 3
    assert [entry.epoch for entry in Series.read(tmp_path / "series").entries()] == [1, 2, 3, 4]


def test_without_original(tmp_path: Path) -> None:
    source = folders.numbered_torch(tmp_path / "run")
    series = convert_series(source, tmp_path / "series", Options(without_original=True))
    for row in series.rows:
        manifest = Checkpoint(series.path / "epochs" / row.folder).document
        assert manifest["conversion"]["restore"]["byte_exact"] == "not-kept"


def test_what_is_refused(tmp_path: Path) -> None:
    source = folders.numbered_torch(tmp_path / "run")
    with pytest.raises(InvalidInputError, match="in the source"):
        convert_series(source, source / "series")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(OutputExistsError):
        convert_series(source, tmp_path / "mine")
    for path in sorted(source.iterdir()):
        shutil.copy(path, source / path.name.replace("model", "optimizer"))
    with pytest.raises(InvalidInputError, match="several kinds"):
        convert_series(source, tmp_path / "series")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError, match="no series"):
        convert_series(tmp_path / "empty", tmp_path / "series")
    assert not (tmp_path / "series").exists()


def test_whoever_names_the_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = folders.candle(tmp_path / "ckpts")
    assert run("convert", source, tmp_path / "out") != 0
    assert f"candle-spec convert --series {source} OUT" in capsys.readouterr().err
