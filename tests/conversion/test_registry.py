"""Choosing a converter: what is said of a folder that is no checkpoint by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from candle_spec.conversion.registry import detect
from candle_spec.conversion.source import resolve_source
from candle_spec.errors import ForeignContentError


def test_a_folder_of_several_things_says_what_could_be_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", a=np.ones(3))
    np.save(tmp_path / "scaler.npy", np.ones(3))
    (tmp_path / "config.yaml").write_text("lr: 0.1\n")
    (tmp_path / "empty.pt").touch()
    with pytest.raises(ForeignContentError, match=r"files in it are: scaler\.npy, weights\.npz") as caught:
        detect(resolve_source(tmp_path))
    assert "name one of them" in caught.value.hint
    (tmp_path / "weights.npz").unlink()
    (tmp_path / "scaler.npy").unlink()
    with pytest.raises(ForeignContentError, match="no native checkpoint is recognised"):
        detect(resolve_source(tmp_path))
