"""Files of hyperparameters: values are read and never run, and Supervisor's are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_spec.candle import model_file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'x'", "x"), ('"x"', "x"), ("x", "x"), ("adam  # best", "adam"), ("[1, 2]  # two", [1, 2]), ("None", None),
        ("True", True), ("1e-3", 1e-3), ("50%", "50%"), ("'a#b'", "a#b"), ("(1, 2)", (1, 2)), ("", ""),
        ("<class 'numpy.float32'>", "numpy.float32"), ("print(1)", "print(1)"),
    ],
)  # fmt: skip
def test_values_are_read_and_never_run(text: str, expected: object) -> None:
    assert model_file.value(text) == expected


def test_first_occurrence_over_sections_and_colons(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("[A]\nEpochs: 3\n[B]\nepochs = 4\nloss: 'mse'\n")
    assert model_file.read(tmp_path / "m") == {"epochs": 3, "loss": "mse"}
