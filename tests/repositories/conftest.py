"""The template that several tests change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import registry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return registry.write(tmp_path)
