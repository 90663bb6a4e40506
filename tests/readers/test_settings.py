"""Settings as texts: literals of strangers, read without evaluating and without remarks of Python."""

from __future__ import annotations

import warnings

import pytest

from candle_spec.errors import CorruptFileError
from candle_spec.readers.settings import literal, word


def test_no_remark_of_python_is_shown() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = literal(r"{'a': 'C:\data', 'b': <class 'numpy.float32'>}", "x")
        assert found == {"a": r"C:\data", "b": "numpy.float32"}
        assert word("1if") == "1if"
        with pytest.raises(CorruptFileError):
            literal("{1if 2}", "x")


@pytest.mark.parametrize("text", ["__import__('os').system('x')", "[].__class__", "lambda: 1", "f'{1}'"])
def test_nothing_is_evaluated(text: str) -> None:
    with pytest.raises(CorruptFileError):
        literal(f"{{'a': {text}}}", "x")
    assert word(text) == text
