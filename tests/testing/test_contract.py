"""The contract for authors finds what it promises to find: damage of every kind, of files and of folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from candle_spec.conversion.contract import Native, Source
from candle_spec.conversion.restore import restore
from candle_spec.errors import CorruptFileError
from candle_spec.testing.contract import ConverterContract
from candle_spec.testing.damage import damaged
from tests.helpers import checkpoints


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    native = tmp_path / "native"
    (native / "sub").mkdir(parents=True)
    (native / "weights.bin").write_bytes(bytes(range(100)))
    (native / "sub" / "info.json").write_text(json.dumps({"epoch": 3}))
    (native / "empty").write_bytes(b"")
    return native


def test_each_file_of_a_folder_is_damaged_in_each_way(folder: Path, tmp_path: Path) -> None:
    (at := tmp_path / "work").mkdir()
    whole = content(folder)
    seen: dict[str, set[str]] = {name: set() for name in whole}
    count = 0
    for path in damaged(folder, at):
        count += 1
        found = content(path)
        (name,) = [one for one in whole if found.get(one) != whole[one]] or ["empty"]
        data = found.get(name)
        kinds = {None: "missing", b"": "empty"}
        seen[name].add(kinds.get(data, "") or ("changed" if len(data or b"") == len(whole[name]) else "cut"))
    assert seen["weights.bin"] == seen["sub/info.json"] == {"missing", "cut", "changed", "empty"}
    assert "missing" in seen["empty"]
    assert count == 30
    assert content(folder) == whole
    assert list(at.iterdir()) == []


def test_a_file_is_cut_and_changed(tmp_path: Path) -> None:
    native = tmp_path / "native"
    native.write_bytes(bytes(range(200)))
    (at := tmp_path / "work").mkdir()
    lengths = [path.stat().st_size for path in damaged(native, at)]
    assert sorted(set(lengths[:15])) == lengths[:15]
    assert lengths[15:] == [200] * 40


class Careful(checkpoints.TinyConverter):
    """The converter of the tests, with its errors as they must be."""

    def read(self, source: Source) -> Native:
        try:
            return super().read(source)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise CorruptFileError(f"damaged: {error}", location=source.files[0].name) from error


class TestCareful(ConverterContract):
    converter = Careful()

    @pytest.fixture
    def native(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr("candle_spec.conversion.registry.converters", lambda: (self.converter,))
        return checkpoints.Tiny().write(tmp_path / "uno.tiny")

    def test_it_imports_no_framework(self, native: Path) -> None:
        """Not of this format, which another process does not know."""

    def test_an_error_of_another_kind_is_seen(self, native: Path, tmp_path: Path, monkeypatch: Any) -> None:
        monkeypatch.setattr("candle_spec.conversion.registry.converters", lambda: (checkpoints.TinyConverter(),))
        with pytest.raises((ValueError, KeyError)):
            self.test_damaged_files_give_clear_errors(native, tmp_path)

    def test_bytes_that_do_not_come_back_are_seen(self, native: Path, tmp_path: Path, monkeypatch: Any) -> None:
        monkeypatch.setattr("candle_spec.testing.contract.restore", lambda made, output: restore(made, output)[:0])
        with pytest.raises(AssertionError):
            self.test_damaged_files_give_clear_errors(native, tmp_path)
