"""CANDLE's checkpoint folders of all layouts, with the run around them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import candle_spec
from candle_spec.conversion.convert import Options, convert
from candle_spec.converters.candle_checkpoint import CONVERTER
from candle_spec.errors import CandleSpecError, InvalidInputError, MissingPartError, UnsafeContentError
from candle_spec.testing.contract import ConverterContract
from tests.helpers.native.candle_folders import make

FINAL_PARAMS = """{'activation': 'relu',
 'batch_size': 20,
 'ckpt_directory': None,
 'data_type': <class 'numpy.float32'>,
 'dense': [200, 20],
 'epochs': 400,
 'learning_rate': 0.001,
 'loss': 'categorical_crossentropy',
 'model_name': 'nt3',
 'optimizer': 'sgd'}
"""
DEFAULT_MODEL = """[Global_Params]
model_name = 'nt3'
dense = [200,20]
epochs = 400          # eval strips this
optimizer = 'sgd'
learning_rate = None
ckpt_checksum = True
danger = __import__('os').system('touch PWNED')
[Monitor_Params]
timeout=3600
"""
PARAMETERS = """[Global Params]
model_name='nt3'
dense=[200, 20]
data_type='f32'
instance_directory='/scratch/EXP001/run/RUN000'
[Monitor Params]
timeout=3600.0
"""


class TestCandleCheckpoint(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=["torch", "keras"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return make(tmp_path / "save" / "ckpt-good", framework=request.param)


def manifest(native: Path, folder: Path, **options: Any) -> dict[str, Any]:
    return convert(native, folder / "made.candle", Options(**options)).manifest


def value_of(document: dict[str, Any], pointer: str) -> tuple[Any, str]:
    from candle_spec import pointer as json_pointer

    (source,) = [entry["detail"] for entry in document["field_sources"] if entry["pointer"] == pointer]
    return json_pointer.get(document, pointer), source


def test_the_note_fills_the_manifest(tmp_path: Path) -> None:
    made = manifest(make(tmp_path / "ckpts" / "epochs" / "003", framework="keras"), tmp_path)
    assert value_of(made, "/training_state/epoch") == (3, "ckpt-info.json: epoch")
    assert value_of(made, "/dates/trained") == ("2023-06-30", "ckpt-info.json: timestamp")
    assert made["conversion"]["native"]["format"] == "keras"
    assert {file["path"] for file in made["conversion"]["native"]["files"]} == {"ckpt-info.json", "model.h5"}


@pytest.mark.parametrize(
    ("name", "text"),
    [("final_params.txt", FINAL_PARAMS), ("nt3_default_model.txt", DEFAULT_MODEL), ("parameters.txt", PARAMETERS)],
)
def test_settings_around_it(tmp_path: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "EXP000" / "RUN000"
    native = make(run / "ckpts" / "epochs" / "003")
    (run / name).write_text(text)
    made = manifest(native, tmp_path, context=run)
    found, source = value_of(made, "/training/hyperparameters")
    assert source == name
    assert found["dense"] == [200, 20]
    assert found["model_name"] == made["name"] == "nt3"
    assert "learning_rate" not in found or found["learning_rate"] == 0.001
    assert found.get("data_type") in (None, "numpy.float32", "f32")
    if name != "parameters.txt":
        assert made["training"]["epochs"] == 400
        assert made["training"]["optimizer"] == {"name": "sgd"}
    assert not (tmp_path / "PWNED").exists()


def test_without_context_nothing_around_it_is_read(tmp_path: Path) -> None:
    run = tmp_path / "RUN000"
    native = make(run / "ckpts" / "epochs" / "003")
    (run / "final_params.txt").write_text(FINAL_PARAMS)
    made = manifest(native, tmp_path)
    assert "hyperparameters" not in made.get("training", {})
    part = next(part for part in made["conversion"]["parts"] if part["what"] == "hyperparameters")
    assert "--context" in part["reason"]


@pytest.mark.parametrize("place", ["ckpts", "save/ckpts", "output/save/ckpts"])
def test_one_epoch_of_several(tmp_path: Path, place: str) -> None:
    run = tmp_path / "RUN000"
    for epoch in (1, 2, 10):
        make(run / place / "epochs" / f"{epoch:03d}", epoch)
    (run / place / "best").symlink_to(run / place / "epochs" / "002")
    (run / place / "last").symlink_to(run / place / "epochs" / "010")
    with pytest.raises(InvalidInputError, match=r"3 checkpoints of one run.*best -> 002.*last -> 010"):
        convert(run, tmp_path / "x.candle")
    made = manifest(run / place / "best", tmp_path)
    assert made["training_state"]["epoch"] == 2


def test_links_that_lead_nowhere_after_a_move(tmp_path: Path) -> None:
    make(tmp_path / "old" / "epochs" / "001", 1)
    (tmp_path / "old" / "best").symlink_to(tmp_path / "old" / "epochs" / "001")
    shutil.move(tmp_path / "old", tmp_path / "new")
    made = manifest(tmp_path / "new", tmp_path)
    assert made["training_state"]["epoch"] == 1
    assert [p["what"] for p in made["conversion"]["parts"] if p["status"] == "dropped"] == ["links"]


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    native = make(tmp_path / "ckpts" / "001")
    (tmp_path / "secret").write_text("x")
    (native / "notes.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(UnsafeContentError):
        convert(native, tmp_path / "x.candle")


def test_a_whole_run_one_by_one(tmp_path: Path) -> None:
    from candle_spec.conversion import batch

    run = tmp_path / "RUN000"
    for epoch in (1, 2):
        make(run / "ckpts" / "epochs" / f"{epoch:03d}", epoch)
    (run / "final_params.txt").write_text(FINAL_PARAMS)
    _, jobs, others = batch.plan(run)
    rows = sorted(batch.run(jobs, tmp_path / "out", Options(), run), key=lambda row: row.source)
    assert [(row.source, row.state) for row in rows] == [
        ("ckpts/epochs/001", "converted"),
        ("ckpts/epochs/002", "converted"),
    ]
    assert others == 1
    names = [candle_spec.load(tmp_path / "out" / row.output).document["name"] for row in rows]
    assert names == ["nt3", "nt3 (ckpts/epochs/002)"]


def test_a_wrong_checksum_is_a_warning(tmp_path: Path) -> None:
    made = convert(make(tmp_path / "ckpt", checksum="1"), tmp_path / "x.candle")
    assert [problem.code for problem in made.report if "CRC-32" in problem.message] == ["CKP4032"]
    quiet = convert(make(tmp_path / "ckpt2", checksum="__DISABLED__"), tmp_path / "y.candle")
    assert not [problem for problem in quiet.report if problem.code == "CKP4032"]


def test_a_note_without_its_model(tmp_path: Path) -> None:
    native = make(tmp_path / "ckpts" / "001")
    (native / "model.h5").rename(native / "other.h5")
    with pytest.raises(MissingPartError, match=r"model\.h5"):
        convert(native, tmp_path / "x.candle")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"epoch": ' + "9" * 5000 + "}", '{"model_file": "../../x"}', "\x00"])
def test_bad_notes(tmp_path: Path, text: str) -> None:
    native = make(tmp_path / "ckpts" / "001")
    (native / "ckpt-info.json").write_text(text)
    with pytest.raises(CandleSpecError):
        convert(native, tmp_path / "x.candle")


@pytest.mark.parametrize("text", ["", "(" * 5000, "{'a': " * 300, "x" * (2 << 20), "\udcff", "[1"])
def test_bad_settings_are_clear_errors(tmp_path: Path, text: str) -> None:
    native = make(tmp_path / "ckpts" / "001")
    (native / "final_params.txt").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CandleSpecError, match="final_params"):
        convert(native, tmp_path / "x.candle")
