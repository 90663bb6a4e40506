"""Packages of others that announce something: found wherever Python finds packages, at no price where there is none."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from candle_spec.plugins import entry_points

GROUP = "candle_spec.converters"
ANNOUNCED = f"[console_scripts]\nx = y:z\n\n[{GROUP}]\nmine = their_package:CONVERTER\n"
METADATA = "Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n"


def _names(place: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    monkeypatch.setattr(sys, "path", [str(place), str(place / "missing")])
    return [(entry.name, entry.value) for entry in entry_points(GROUP)]


@pytest.mark.parametrize("ending", ["dist-info", "egg-info"])
def test_a_package_in_a_folder_is_found(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / f"their_package-1.0.{ending}"
    folder.mkdir()
    (folder / ("METADATA" if ending == "dist-info" else "PKG-INFO")).write_text(METADATA)
    assert _names(tmp_path, monkeypatch) == []
    (folder / "entry_points.txt").write_text(ANNOUNCED)
    assert _names(tmp_path, monkeypatch) == [("mine", "their_package:CONVERTER")]


def test_a_package_in_an_archive_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "packages.zip", "w") as archive:
        archive.writestr("their_package-1.0.dist-info/METADATA", METADATA)
        archive.writestr("their_package-1.0.dist-info/entry_points.txt", ANNOUNCED)
    assert _names(tmp_path / "packages.zip", monkeypatch) == [("mine", "their_package:CONVERTER")]


def test_other_groups_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "their_package-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(METADATA)
    (folder / "entry_points.txt").write_text("[candle_spec.others]\nmine = x:y\n")
    monkeypatch.delitem(sys.modules, "importlib.metadata", raising=False)
    assert _names(tmp_path, monkeypatch) == []
    assert "importlib.metadata" not in sys.modules
