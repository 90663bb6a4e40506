"""The compliance API: what finalize_parameters does, rule by rule, with the files that CANDLE programs have."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import numpy
import pytest

from candle_spec import candle
from candle_spec.candle import options
from candle_spec.errors import CorruptFileError, InvalidInputError, MissingPathError

DEFAULT = """[Global_Params]
model_name = 'nt3'
dense = [200,20]
epochs = 400          # the number of epochs
optimizer = 'sgd'
learning_rate = None
ckpt_restart_mode = 'off'
ckpt_save_interval = 0
ckpt_checksum = True
[Monitor_Params]
timeout=3600
"""


OWN = [
    {"name": "classes", "type": int, "default": 2},
    {"name": "noise", "type": candle.str2bool, "default": False, "help": "100% noise"},
    {"name": "towers", "action": "list-of-lists", "type": int, "help": "layers"},
    {"name": "kind", "abv": "k", "choices": ["a", "b"], "default": "a", "help": "kind"},
    {"name": "base_lr", "type": float, "help": "base"},
    {"name": "warmup_lr", "type": candle.str2bool, "default": False, "help": "warm up"},
]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that runs finalize_parameters with a command line."""
    monkeypatch.setenv("CANDLE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("CANDLE_OUTPUT_DIR", raising=False)
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "m.txt").write_text(DEFAULT)

    def run(*arguments: str, text: str | None = None, required: tuple[str, ...] = ()) -> dict:
        if text is not None:
            (tmp_path / "program" / "m.txt").write_text(text)
        monkeypatch.setattr(sys, "argv", ["program", *arguments])
        bmk = candle.Benchmark(
            str(tmp_path / "program"),
            "m.txt",
            "keras",
            prog="p",
            desc="d",
            additional_definitions=OWN,
            required=required,
        )
        return candle.finalize_parameters(bmk)

    return run


def test_the_default_file(program, tmp_path: Path) -> None:
    params = program()
    assert params["dense"] == [200, 20]
    assert (params["epochs"], params["learning_rate"], params["timeout"]) == (400, None, 3600)
    assert params["data_type"] is numpy.float32
    assert (params["rng_seed"], params["train_bool"], params["classes"]) == (7102, True, 2)
    assert params["data_dir"] == str(tmp_path / "data/nt3/Data")
    assert params["output_dir"] == str(tmp_path / "data/nt3/Output/EXP000/RUN000")
    assert "eval_bool" not in params
    assert "towers" not in params
    assert type(params) is dict


CKPT = {
    "ckpt_restart_mode": "auto", "ckpt_checksum": False, "ckpt_skip_epochs": 0, "ckpt_directory": None,
    "ckpt_save_best": True, "ckpt_save_best_metric": "val_loss", "ckpt_save_weights_only": False,
    "ckpt_save_interval": 0, "ckpt_keep_mode": "linear", "ckpt_keep_limit": 5,
}  # fmt: skip


def test_checkpoint_defaults_of_the_command_line(program) -> None:
    params = program(text="[Global_Params]\nmodel_name='x'\n")
    assert {name: value for name, value in params.items() if name.startswith("ckpt_")} == CKPT
    given = program("--ckpt_keep_mode", "all", "--ckpt_save_seconds", "10m", "--ckpt_save_best", "no")
    assert (given["ckpt_keep_mode"], given["ckpt_save_seconds"], given["ckpt_save_best"]) == ("all", "10m", False)


@pytest.mark.parametrize(
    ("arguments", "name", "expected"),
    [
        (("--epochs", "3"), "epochs", 3),
        (("-e", "3"), "epochs", 3),
        (("-z", "16"), "batch_size", 16),
        (("-lr", "0.5"), "learning_rate", 0.5),
        (("-a", "tanh"), "activation", "tanh"),
        (("-d", "f64"), "data_type", numpy.float64),
        (("-r", "11"), "rng_seed", 11),
        (("-v", "True"), "verbose", True),
        (("-l", "x.log"), "logfile", "x.log"),
        (("-p", "t"), "profiling", True),
        (("-s", "save/"), "save_path", "save/"),
        (("-k", "b"), "kind", "b"),
        (("--dense", "1", "2", "3"), "dense", [1, 2, 3]),
        (("--gpus", "0", "1"), "gpus", [0, 1]),
        (("--conv", "8", "3", "1"), "conv", [8, 3, 1]),
        (("--towers", "1,2,3:4,5"), "towers", [[1, 2, 3], [4, 5]]),
        (("--towers", "[[1,2],[3]]".replace("],[", "]:[")), "towers", [[1, 2], [3]]),
        (("--ckpt_checksum", "False"), "ckpt_checksum", False),
        (("--noise", "YES"), "noise", True),
        (("--timeout", "7"), "timeout", 7),
    ],
)
def test_the_command_line_wins(program, arguments: tuple[str, ...], name: str, expected: object) -> None:
    assert program(*arguments)[name] == expected


def test_every_common_option_is_there() -> None:
    names = """config_file data_type rng_seed train_bool eval_bool timeout gpus profiling save_path model_name home_dir
        train_data val_data test_data output_dir data_url experiment_id run_id verbose logfile scaling shuffle lstm_size
        feature_subsample dense conv locally_connected activation out_activation recurrent_dropout dropout pool
        batch_normalization loss optimizer metrics epochs batch_size learning_rate early_stop momentum initialization
        val_split train_steps val_steps test_steps train_samples val_samples clr_flag clr_mode clr_base_lr clr_max_lr
        clr_gamma"""
    defined = {row["name"] for row in options.common_definitions()}
    assert set(names.split()) | CKPT.keys() <= defined


def test_precedence(program, tmp_path: Path) -> None:
    assert program()["classes"] == 2
    assert program(text=DEFAULT + "classes = 5\n")["classes"] == 5
    assert program("--classes", "7")["classes"] == 7
    # A value of the file is not lost to a default, and one given on the command line is not lost to the file.
    assert program(text=DEFAULT + "ckpt_keep_limit = 9\n")["ckpt_keep_limit"] == 9
    assert program("--ckpt_keep_limit", "5")["ckpt_keep_limit"] == 5


def test_config_file_rules(program, tmp_path: Path) -> None:
    other = DEFAULT.replace("epochs = 400", "epochs = 7")
    (tmp_path / "program" / "near.txt").write_text(other)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "far.txt").write_text(other)
    for given in (str(tmp_path / "program" / "near.txt"), "./near.txt", "far.txt"):
        assert program("--config_file", given)["epochs"] == 7
    for given in ("near.txt", "./far.txt", "/nowhere.txt"):
        with pytest.raises(MissingPathError, match="no such file"):
            program("--config_file", given)


def test_unknown_keys_warn_and_stay(program) -> None:
    with pytest.warns(RuntimeWarning, match=r"not defined in CANDLE: \['cell_features', 'mystery'\]"):
        params = program(text=DEFAULT + "mystery = [1]\ncell_features = 'x'\n")
    assert params["mystery"] == [1]


def test_required_keys(program) -> None:
    assert program(required=("epochs", "dense"))
    with pytest.raises(InvalidInputError, match="not set: conv, loss"):
        program(required=("loss", "epochs", "conv"))


def test_conflicting_flags(program) -> None:
    with pytest.raises(InvalidInputError, match="clr_flag and warmup_lr"):
        program("--clr_flag", "True", "--warmup_lr", "True")
    assert program("--clr_flag", "True")["clr_flag"] is True


def test_output_directories(program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = program("--experiment_id", "EXP7", "--run_id", "R1")
    assert first["output_dir"] == str(tmp_path / "data/nt3/Output/EXP7/R1")
    with pytest.warns(RuntimeWarning, match="already exists"):
        program("--experiment_id", "EXP7", "--run_id", "R1")
    absolute = program("--output_dir", str(tmp_path / "o"))["output_dir"]
    assert absolute == str(tmp_path / "o/EXP000/RUN000")
    monkeypatch.setenv("CANDLE_OUTPUT_DIR", str(tmp_path / "elsewhere"))
    moved = program("--output_dir", "Results")
    assert moved["output_dir"] == str(tmp_path / "elsewhere/nt3/Results/EXP000/RUN000")
    assert moved["data_dir"] == str(tmp_path / "data/nt3/Data")


def test_final_params(program, capsys: pytest.CaptureFixture[str]) -> None:
    params = program()
    text = Path(params["output_dir"], "final_params.txt").read_text()
    assert "'data_type': <class 'numpy.float32'>" in text
    assert "'ckpt_save_interval': 0" in text
    assert text in capsys.readouterr().out
    keys = [line.split("'")[1] for line in text.splitlines()]
    assert keys == sorted(params)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("[Global_Params]\nepochs=1\n", InvalidInputError, "model_name is not set"),
        ("no ini", CorruptFileError, "not a file of hyperparameters"),
        ("[A]\nmodel_name='x'\nepochs=1\nepochs=2\n", CorruptFileError, "already exists"),
        ("[A]\nmodel_name='x'\nepochs='many'\n", InvalidInputError, "epochs is 'many'"),
    ],
)
def test_faulty_files(program, text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        program(text=text)


def test_choices(program, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program("--kind", "c")
    assert "invalid choice" in capsys.readouterr().err
    with pytest.warns(RuntimeWarning, match="kind is 'c'"):
        assert program(text=DEFAULT + "kind = 'c'\n")["kind"] == "c"


def test_no_data_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CANDLE_DATA_DIR", raising=False)
    with pytest.raises(InvalidInputError, match="CANDLE_DATA_DIR is not set"):
        candle.Benchmark(".", "m.txt", "keras")


def test_no_default_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANDLE_DATA_DIR", str(tmp_path))
    with pytest.raises(MissingPathError, match="does not exist"):
        candle.Benchmark(str(tmp_path), "m.txt", "keras")


def test_a_class_of_its_own_and_the_functional_form(program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(candle.Benchmark):
        def set_locals(self) -> None:
            self.required = {"epochs"}
            self.additional_definitions = OWN

    monkeypatch.setattr(sys, "argv", ["program", "--classes", "3"])
    params = candle.finalize_parameters(Own(str(tmp_path / "program"), "m.txt", "keras"))
    assert params["classes"] == 3
    again = candle.create_params(str(tmp_path / "program"), "m.txt", "keras", "p", "d", OWN, ["epochs"])
    assert again == params


@pytest.mark.parametrize("word", ["yes", "TRUE", "t", "Y", "1"])
def test_true(word: str) -> None:
    assert candle.str2bool(word) is True


@pytest.mark.parametrize("word", ["no", "False", "F", "n", "0"])
def test_false(word: str) -> None:
    assert candle.str2bool(word) is False


def test_other_words_are_no_truth_values() -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        candle.str2bool("maybe")


def test_bare_flags_are_refused() -> None:
    with pytest.raises(ValueError, match="str2bool"):
        candle.parse_from_dictlist([{"name": "x", "action": "store_true"}], argparse.ArgumentParser())


def test_argument_struct() -> None:
    args = candle.ArgumentStruct(epochs=3)
    assert (args.epochs, args["epochs"]) == (3, 3)


def test_a_second_logger_call_repeats_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("candle-test")
    for _ in range(3):
        candle.set_up_logger(str(tmp_path / "a" / "x.log"), logger)
    logger.info("once")
    assert capsys.readouterr().out.count("once") == 1
    assert (tmp_path / "a" / "x.log").read_text().count("once") == 1
