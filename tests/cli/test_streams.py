"""Streams: what goes to stdout and stderr, and what a script or a terminal makes of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from candle_spec.atomic import Fs
from candle_spec.cli.output import progress
from candle_spec.validation import validate
from tests.helpers import checkpoints
from tests.helpers.calls import entries, run, shell

ROOT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("tiny_folder")


class TestStreams:
    def test_interrupted(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Fs, "write", interrupted)
        assert run("convert", "uno.tiny") == 130
        assert "interrupted" in capsys.readouterr().err
        assert entries() == ["uno.tiny"]

    @pytest.mark.skipif(os.name == "nt", reason="there is no SIGTERM")
    def test_asked_to_end(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(Fs, "write", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        assert run("convert", "uno.tiny") == 130
        assert "interrupted" in capsys.readouterr().err
        assert entries() == ["uno.tiny"]

    def test_long_work_shows_a_bar_with_its_rate(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(progress, "_WORTH", 1)
        commands = {
            "converting": ["convert", "uno.tiny"],
            "validating": ["validate", "uno.tiny.candle"],
            "restoring": ["restore", "uno.tiny.candle", "again.tiny"],
            "verifying": ["verify-conversion", "uno.tiny.candle", "--native", "uno.tiny", "--no-predictions"],
        }
        for what, words in commands.items():
            monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
            assert run(*words) == 0
            shown = capsys.readouterr().err
            assert what in shown
            assert "/s" in shown
        monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
        assert run("validate", "uno.tiny.candle") == 0
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (["convert", "nowhere", "--json"], 2),
            (["convert", "uno.tiny", "x/y/z", "--json"], 2),
            (["inspect", "nowhere", "--json"], 2),
            (["restore", "nowhere", "--json"], 2),
            (["seal", "nowhere", "--json"], 2),
            (["verify-conversion", "nowhere", "--json"], 2),
            (["validate", "nowhere", "--json"], 2),
            (["validate", "nowhere", "--format", "json"], 2),
            (["validate", "nowhere", "--format=json"], 2),
            (["schema", "show", "nothing", "--json"], 2),
            (["convert", "--json"], 2),
            (["convert", "uno.tiny", "--json", "--nonsense"], 2),
            (["convert", "uno.tiny", "--json", "--jobs", "none"], 2),
        ],
    )
    def test_errors_are_json_where_json_was_asked_for(
        self, words: list[str], code: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(*words) == code
        printed = capsys.readouterr()
        document = json.loads(printed.out)
        assert document["exit_code"] == code
        assert document["error"]["message"]
        assert printed.err == ""

    def test_results_are_json(self, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (checkpoint / "stray").write_text("x")
        capsys.readouterr()
        for words in (
            ["convert", "uno.tiny", "b", "--json"],
            ["inspect", "uno.tiny", "--json"],
            ["inspect", checkpoint, "--json"],
            ["validate", ".", "--json"],
            ["restore", checkpoint, "back", "--json"],
            ["seal", "b", "--json"],
            ["verify-conversion", checkpoint, "--no-predictions", "--json"],
            ["schema", "list", "--json"],
            ["schema", "show", "report", "--json"],
        ):
            run(*words)
            printed = capsys.readouterr()
            assert json.loads(printed.out)
            assert printed.err == ""

    def test_warnings_do_not_disturb_json(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        import warnings

        read = checkpoints.TinyConverter.read

        def warning(self: checkpoints.TinyConverter, source: Any) -> Any:
            warnings.warn("an old file", stacklevel=1)
            return read(self, source)

        monkeypatch.setattr(checkpoints.TinyConverter, "read", warning)
        with monkeypatch.context():
            assert run("inspect", "uno.tiny", "--json") == 0
        printed = capsys.readouterr()
        assert json.loads(printed.out)
        assert printed.err == "warning: an old file\n"

    def test_paths_that_are_not_unicode(self, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        name = os.fsdecode(b"uno\xff.tiny")
        os.rename("uno.tiny", name)
        for words in (["inspect", name], ["convert", name, "out"], ["validate", "out"], ["inspect", name, "--json"]):
            assert run(*words) in (0, 2)
        assert b"internal error" not in capfdbinary.readouterr().err

    @pytest.mark.slow
    def test_ascii_only(self) -> None:
        for line in (
            "candle-spec convert uno.tiny",
            "candle-spec validate uno.tiny.candle",
            "candle-spec inspect uno.tiny",
        ):
            done = shell(line, PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")
            # click takes an ASCII stream for a misconfigured one and writes UTF-8: what matters is that nothing breaks.
            assert (done.returncode, done.stderr) == (0, "")
            assert "uno.tiny" in done.stdout

    def test_no_colour_in_a_pipe(self) -> None:
        done = shell(
            "candle-spec convert uno.tiny -q && touch uno.tiny.candle/stray && candle-spec validate uno.tiny.candle"
        )
        assert done.returncode == 1
        assert "\x1b" not in done.stdout

    @pytest.mark.parametrize(("variable", "coloured"), [("", True), ("NO_COLOR=1", False)])
    def test_colour_on_a_terminal(self, variable: str, coloured: bool, checkpoint: Path) -> None:
        (checkpoint / "stray").write_text("x")
        done = shell(f"{variable} script -qec 'candle-spec validate uno.tiny.candle' /dev/null", TERM="xterm")
        assert "CKP3004" in done.stdout
        assert ("\x1b[31m" in done.stdout) is coloured

    @pytest.mark.parametrize(
        "command", ["inspect uno.tiny", "validate uno.tiny.candle --json", "schema show checkpoint", "--help"]
    )
    @pytest.mark.slow
    def test_a_reader_that_goes_away(self, command: str, checkpoint: Path) -> None:
        done = shell(f"set -o pipefail; candle-spec {command} | true")
        assert done.stderr == ""
        assert done.returncode == 0

    def test_a_full_disk_under_the_output(self) -> None:
        done = shell("candle-spec inspect uno.tiny > /dev/full")
        assert done.returncode == 3
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.slow
    def test_a_real_process(self) -> None:
        assert shell("candle-spec --version").stdout.startswith("candle-spec ")
        done = shell(
            "candle-spec convert uno.tiny && candle-spec validate uno.tiny.candle && candle-spec seal uno.tiny.candle"
            " && candle-spec restore uno.tiny.candle back.tiny && cmp uno.tiny back.tiny"
            " && candle-spec verify-conversion uno.tiny.candle --native uno.tiny --no-predictions"
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert shell("candle-spec validate nowhere").returncode == 2
        assert validate("uno.tiny.candle").ok

    def test_the_module_is_the_command(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "candle_spec", "validate", "nowhere"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("error: nowhere: there is no such file or folder")
