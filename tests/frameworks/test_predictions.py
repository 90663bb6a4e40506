"""Predictions of restored and rebuilt files equal the originals bit for bit, in the same framework."""

from __future__ import annotations

from pathlib import Path

import pytest

import candle_spec
from candle_spec.conversion.predictions import compare_predictions
from tests.helpers.corpus import cache


@pytest.mark.framework
@pytest.mark.slow
@pytest.mark.parametrize("name", ["oncomark", "spliceai1", "mmsplice-donor"])
def test_keras_models_predict_the_same(name: str, tmp_path: Path) -> None:
    """The byte-exact restore (no native file is given) and the rebuilt file, both loaded by Keras."""
    made = candle_spec.convert(cache.checkpoint(name), tmp_path / "model.candle")
    claim = compare_predictions(made)
    assert claim.holds is True, claim.detail
    assert "bit for bit" in claim.detail


@pytest.mark.framework
@pytest.mark.parametrize("name", ["resemblyzer", "lpips-alex", "deep-sort"])
def test_torch_loads_the_same(name: str, tmp_path: Path) -> None:
    made = candle_spec.convert(cache.checkpoint(name), tmp_path / "model.candle")
    claim = compare_predictions(made, cache.checkpoint(name))
    assert claim.holds is True, claim.detail


@pytest.mark.framework
@pytest.mark.parametrize("name", ["genomad-decision-forest"])
def test_payloads_predict_the_same(name: str, tmp_path: Path) -> None:
    made = candle_spec.convert(cache.checkpoint(name), tmp_path / "model.candle")
    claim = compare_predictions(made)
    assert claim.holds is True, claim.detail
    assert "bit for bit" in claim.detail


@pytest.mark.framework
def test_a_difference_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: another model in the place of the native one."""
    made = candle_spec.convert(cache.checkpoint("lpips-alex"), tmp_path / "model.candle")
    claim = compare_predictions(made, cache.checkpoint("lpips-squeeze"))
    assert claim.holds is False


@pytest.mark.corpus
def test_what_cannot_run_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = candle_spec.convert(cache.checkpoint("silero-vad"), tmp_path / "script.candle")
    claim = compare_predictions(made)
    assert claim.holds is None
    assert "code" in claim.detail
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    claim = compare_predictions(candle_spec.convert(cache.checkpoint("oncomark"), tmp_path / "model.candle"))
    assert claim.holds is None
    assert "no tensorflow" in claim.detail
