"""The whole contract for the price of one fixture."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from toy_converter import CONVERTER

from candle_spec.testing.contract import ConverterContract


class TestToy(ConverterContract):
    """Everything that a converter must keep."""

    converter = CONVERTER

    @pytest.fixture
    def native(self, tmp_path: Path) -> Path:
        path = tmp_path / "uno.toy"
        arrays = struct.pack("<12f", *range(12)) + struct.pack("<4f", *range(4))
        path.write_bytes(b"TOYNET1\nepoch 12\nlayer1/kernel float32 3 4\nlayer1/bias float32 4\n\n" + arrays)
        return path
