"""Which names ``candle`` has, what asking for them imports, and where the others are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from candle_spec import candle


def test_import_loads_no_framework() -> None:
    code = (
        "import sys; from candle_spec import candle; candle.keras_default_config(); "
        "print([m for m in ('torch', 'keras', 'tensorflow', 'numpy', 'pandas') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_name_of_all_is_there() -> None:
    for name in candle.__all__:
        assert getattr(candle, name) is not None


def test_a_name_that_is_not_here_says_where_it_is() -> None:
    with pytest.raises(AttributeError, match="candle_lib"):
        candle.combat_batch_effect_removal  # noqa: B018


class TestCandleLib:
    """Where it is installed, it gives the names that are not here."""

    @pytest.fixture(autouse=True)
    def _path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.package = tmp_path / "candle"
        self.package.mkdir()
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "candle", raising=False)
        yield
        sys.modules.pop("candle", None)

    def install(self, text: str, file: str = "parsing_utils.py") -> None:
        (self.package / "__init__.py").write_text(text)
        (self.package / file).write_text("")

    def test_its_own_objects(self) -> None:
        self.install("def combat_batch_effect_removal(): pass\ndef set_seed(seed): raise AssertionError\n")
        assert candle.combat_batch_effect_removal is sys.modules["candle"].combat_batch_effect_removal
        assert candle.set_seed.__module__ == "candle_spec.candle.helpers"  # ours stay ours
        with pytest.raises(AttributeError, match="has no 'made_up'"):
            candle.made_up  # noqa: B018

    def test_one_that_cannot_be_imported(self) -> None:
        self.install("raise Exception('No backend has been specified.')")
        with pytest.raises(AttributeError, match="No backend has been specified"):
            candle.combat_batch_effect_removal  # noqa: B018

    def test_a_stranger_of_that_name_is_not_imported(self) -> None:
        self.install("combat_batch_effect_removal = 1", "flames.py")
        with pytest.raises(AttributeError, match="candle_lib"):
            candle.combat_batch_effect_removal  # noqa: B018
        assert "candle" not in sys.modules
