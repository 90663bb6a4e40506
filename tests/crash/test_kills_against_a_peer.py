"""The benchmark's score: kills and flipped bits cost one path that is written over its state, and a series nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import kills
from tools import dying


@pytest.mark.slow
@pytest.mark.skipif(not dying.is_possible(), reason="needs gcc and LD_PRELOAD")
def test_a_series_survives_what_one_path_does_not(tmp_path: Path) -> None:
    found = kills.scores(tmp_path, ["candle-spec", "torch.save"], calls=8, flips=3)
    ours, peer = found["candle-spec"], found["torch.save"]
    assert (ours.whole, ours.mixed, ours.noticed) == (8, 0, 3)
    assert peer.whole < peer.tried
    assert peer.noticed == 0
