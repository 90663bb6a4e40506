"""A second of fuzzing for each reader, repeatable; ``make fuzz`` runs longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.__main__ import fuzz
from tests.fuzz.readers import READERS, seeds

pytestmark = pytest.mark.framework  # the natives of all formats are found, not imported by name


@pytest.mark.parametrize("name", sorted(READERS))
def test_the_seeds_are_sound(name: str, tmp_path: Path) -> None:
    for seed in seeds(name):
        READERS[name](seed, tmp_path)


@pytest.mark.parametrize("name", sorted(READERS))
def test_damaged_input_gives_clear_errors(name: str, tmp_path: Path) -> None:
    assert fuzz(name, 1.0, seed=1, folder=tmp_path, least=25) >= 25
