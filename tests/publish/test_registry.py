"""Destinations are found by what packages announce: ours, those of others, and none before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from candle_spec.errors import InvalidInputError
from candle_spec.publish import registry
from candle_spec.publish.destination import Option, complete
from candle_spec.repositories.packs import search
from candle_spec.validation import validate
from tests.helpers import checkpoints
from tests.helpers.calls import ROOT, run

SHELF = "tests.helpers.services.shelf:DESTINATION"
Announce = Callable[[str, str], None]


@pytest.fixture
def announce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Announce:
    """Install a made-up package that announces a destination."""

    def install(name: str, target: str) -> None:
        site = tmp_path / f"site-{name}"
        info = site / "their_package-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{name} = {target}\n")
        monkeypatch.syspath_prepend(str(site))

    return install


@pytest.fixture
def shelf(here: Path, announce: Announce) -> Path:
    """A shelf, and the package that knows shelves."""
    announce("shelf", SHELF)
    (here / "oak").mkdir()
    return here / "oak"


class TestOthers:
    def test_there_and_back(self, shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("publish", "uno.tiny.candle", "--to", "shelf", "--shelf", "oak", "--label", "a", "--label", "b") == 0
        out = capsys.readouterr().out
        assert "oak    " in out
        assert "  put  model.safetensors\n" in out
        assert "-> oak\n   receipt: receipt" in out
        assert (shelf / "labels.txt").read_text() == "a b"
        assert run("fetch", "shelf:oak") == 0
        assert "L0-L5 ok" in capsys.readouterr().out
        assert validate("oak.candle").errors == []
        digests = [
            checkpoints.read_manifest(Path(one))["weights"]["content_digest"]
            for one in ("uno.tiny.candle", "oak.candle")
        ]
        assert digests[0] == digests[1]

    def test_nothing_is_sent_that_is_blocked_or_only_looked_at(
        self, shelf: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ("publish", "uno.tiny.candle", "--to", "shelf", "--shelf")
        assert run(*words, "elm") == 1
        assert "error  elm: there is no such shelf" in capsys.readouterr().out
        assert run(*words, "oak", "--dry-run", "--json", "--with-original") == 0
        assert "original/0.residue.gz" in json.loads(capsys.readouterr().out)["files"]
        assert list(shelf.iterdir()) == []

    def test_help_and_hints_name_it(self, shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("publish", "--to", "shelf", "--help") == 0
        out = capsys.readouterr().out
        assert "--shelf FOLDER" in out
        assert "--with-original" in out
        assert "[huggingface|modac|shelf|zenodo]" in self._of(capsys, "publish", "--help")
        assert "one of: huggingface, modac, shelf, zenodo" in self._of(capsys, "publish", "x", "--to", "floor")
        assert "shelf:FOLDER" in self._of(capsys, "fetch", "floor:x")
        assert "shelf:FOLDER" in self._of(capsys, "fetch", "--help")

    def _of(self, capsys: pytest.CaptureFixture[str], *words: str) -> str:
        run(*words)
        out = capsys.readouterr()
        return out.out + out.err

    def test_an_option_that_must_be_given(self, shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("publish", "uno.tiny.candle", "--to", "shelf") == 2
        assert run("publish", "--to", "shelf", "--shelf", "oak") == 2
        assert "Missing argument 'CHECKPOINT'" in capsys.readouterr().err

    def test_what_it_learnt_is_in_the_template_of_its_name(self, announce: Announce) -> None:
        library = search.library()
        assert registry.template(library, "cff").about["title"] == search.choose(library, "cff").about["title"]
        announce("cff", SHELF)
        assert registry.template(library, "cff").about["title"] == "learnt from the shelf"


class TestFaults:
    @pytest.mark.parametrize(
        ("target", "words"),
        [
            ("no_such_module:X", "No module named"),
            ("tests.helpers.services.shelf:TEXT", "TEXT"),
            ("json:dumps", "title"),
        ],
    )
    def test_one_that_cannot_be_used_is_named(
        self, here: Path, announce: Announce, target: str, words: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        announce("cff", target)
        assert run("publish", "uno.tiny.candle", "--to", "cff") == 2
        err = capsys.readouterr().err
        assert "their-package==1.0" in err
        assert words in err
        assert run("fetch", "cff:x") == 2
        assert "cff:…" in self._hint(capsys)
        run("readiness", "uno.tiny.candle", "--for", "cff")
        out = capsys.readouterr()
        assert "cff" in out.out, "the template is of use without it"
        assert "warning: the destination 'cff' of their-package==1.0 cannot be used" in out.err

    def _hint(self, capsys: pytest.CaptureFixture[str]) -> str:
        capsys.readouterr()
        run("fetch", "floor:x")
        return capsys.readouterr().err

    def test_ours_counts_where_two_have_one_name(self, announce: Announce) -> None:
        ours = registry.find("zenodo")
        announce("zenodo", SHELF)
        assert registry.find("zenodo") is ours
        assert ours is not None
        assert ours.title == "Zenodo"

    def test_options(self) -> None:
        options = (Option("a", "", required=True), Option("b", "", kind="flag"), Option("c", "", many=True))
        assert complete(options, {"a": "x"}) == {"a": "x", "b": False, "c": ()}
        with pytest.raises(InvalidInputError, match="no option d"):
            complete(options, {"a": "x", "d": 1})
        with pytest.raises(InvalidInputError, match="not given: a"):
            complete(options, {})


class TestStart:
    """What needs no destination looks for none; what needs one loads no other, and nothing that only requests need."""

    def _loaded(self, *words: str) -> set[str]:
        script = f"""
import sys
from candle_spec.cli import main
try:
    main({list(words)!r})
except SystemExit:
    pass
print("LOADED", *(name for name in sys.modules if name.startswith(("candle_spec.", "httpx", "huggingface_hub"))))
"""
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        return set(result.stdout.rpartition("LOADED ")[2].split())

    @pytest.mark.parametrize(
        "words", [("inspect", "uno.tiny.candle"), ("validate", "uno.tiny.candle"), ("formats",), ("--help",)]
    )
    def test_no_destination(self, here: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        assert not {
            name for name in self._loaded(*words) if name.startswith(("candle_spec.publish", "candle_spec.modac"))
        }

    def test_no_other(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        loaded = self._loaded("readiness", "uno.tiny.candle", "--for", "zenodo")
        assert "candle_spec.publish.zenodo" in loaded
        assert not {name for name in loaded if name.startswith(("candle_spec.modac", "candle_spec.publish.zenodo."))}
        assert not loaded & {"httpx", "candle_spec.publish.draft", "candle_spec.validation.run"}
