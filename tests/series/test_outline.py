"""A series as its folder shows it: numbers in order, and pointers that name an epoch or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import InvalidInputError, MissingPathError
from candle_spec.series.outline import epochs_of, is_series, pointers_of


def _epochs(root: Path, *names: str) -> Path:
    for name in names:
        (root / "epochs" / name).mkdir(parents=True)
        (root / "epochs" / name / MANIFEST).write_text("{}")
    return root


def test_epochs_stand_by_number(tmp_path: Path) -> None:
    root = _epochs(tmp_path, "010", "9", "1000", "notes")
    (root / "epochs" / "011").mkdir()
    assert is_series(root)
    assert [one.name for one in epochs_of(root)] == ["9", "010", "1000"]
    assert not is_series(root / "epochs" / "9")


def test_a_series_without_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "epochs").mkdir()
    with pytest.raises(MissingPathError):
        epochs_of(tmp_path)


def test_pointers_are_links_or_texts(tmp_path: Path) -> None:
    root = _epochs(tmp_path, "001", "002")
    assert pointers_of(root) == {}
    (root / "best").symlink_to("epochs/001")
    (root / "last.txt").write_text("epochs/002\n")
    assert pointers_of(root) == {"best": "epochs/001", "last": "epochs/002"}


@pytest.mark.parametrize("value", ["../elsewhere", "epochs/best", ""])
def test_a_pointer_that_names_no_epoch(tmp_path: Path, value: str) -> None:
    root = _epochs(tmp_path, "001")
    (root / "best.txt").write_text(value)
    with pytest.raises(InvalidInputError, match="no epoch"):
        pointers_of(root)
