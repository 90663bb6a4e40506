"""Exit codes and streams: what a script that calls the commands can rely on."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from candle_spec.atomic import Fs
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.cli import main
from candle_spec.cli.main import GROUPS
from candle_spec.validation import validate
from tests import checkpoints

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test stands in a folder with one native file of a format that is the only known one."""
    monkeypatch.chdir(tmp_path)
    checkpoints.Tiny().write(tmp_path / "uno.tiny")
    with checkpoints.only_tiny():
        yield


def run(*words: Any) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    assert isinstance(left.value.code, int)
    return left.value.code


def entries() -> list[str]:
    """Everything in the current folder, hidden files too."""
    return sorted(os.listdir())


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line; ``candle-spec`` in it is a real process that knows the native format of these tests."""
    (Path.cwd() / "start.py").write_text(
        "import sys\n"
        "from candle_spec.cli import main\n"
        "from tests import checkpoints\n"
        "with checkpoints.only_tiny():\n"
        "    main(sys.argv[1:])\n"
    )
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    line = command.replace("candle-spec", f"{sys.executable} start.py")
    return subprocess.run(["bash", "-c", line], env=variables, capture_output=True, text=True, check=False)


@pytest.fixture
def checkpoint() -> Path:
    run("convert", "uno.tiny", "-q")
    return Path("uno.tiny.candle")


class TestZero:
    def test_all_well(self, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("validate", checkpoint) == 0
        assert capsys.readouterr().out.startswith("uno.tiny.candle    L0-L5 ok")
        assert run("validate", checkpoint / MANIFEST) == 0
        assert run("validate", ".") == 0
        assert run("validate", checkpoint, "-q") == 0
        assert run("inspect", checkpoint) == 0
        assert run("inspect", "uno.tiny") == 0
        assert run("verify-conversion", checkpoint, "--no-predictions") == 0
        assert run("verify-conversion", checkpoint, "--native", "uno.tiny", "--no-predictions") == 0
        assert run("restore", checkpoint, "back.tiny") == 0
        assert Path("back.tiny").read_bytes() == Path("uno.tiny").read_bytes()

    def test_quiet_is_quiet(self, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
        run("validate", checkpoint, "-q")
        assert capsys.readouterr() == ("", "")
        (checkpoint / "stray").write_text("x")
        assert run("validate", checkpoint, "-q") == 1
        assert capsys.readouterr() == ("", "")

    def test_rebuild(self, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("restore", checkpoint, "fresh.tiny", "--rebuild") == 0
        assert "a fresh file, not the same bytes" in capsys.readouterr().out
        assert run("convert", "fresh.tiny", "again", "-q") == 0
        same = [checkpoints.read_manifest(path)["weights"]["content_digest"] for path in (checkpoint, Path("again"))]
        assert same[0] == same[1]

    def test_restore_without_the_original(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("convert", "uno.tiny", "small", "--without-original", "-q") == 0
        assert not Path("small/original").exists()
        assert run("restore", "small", "back.tiny") == 2
        assert "--rebuild" in capsys.readouterr().err
        assert run("restore", "small", "back.tiny", "--rebuild") == 0

    def test_restore_warns_of_foreign_code(self, capsys: pytest.CaptureFixture[str]) -> None:
        checkpoints.Tiny(pickles=["posix.system"]).write(Path("evil.tiny"))
        run("convert", "evil.tiny", "-q")
        assert run("restore", "evil.tiny.candle", "back.tiny") == 0
        assert "take care: loading it by its framework imports posix.system" in capsys.readouterr().err
        assert run("validate", "evil.tiny.candle") == 0
        assert run("validate", "evil.tiny.candle", "--strict") == 1
        assert run("validate", "evil.tiny.candle", "--strict-safe") == 1

    def test_version_without_loading_anything(self) -> None:
        code = (
            "import sys\n"
            "from candle_spec.cli import main\n"
            "try:\n"
            "    main(['--version'])\n"
            "except SystemExit as left:\n"
            "    assert left.code == 0\n"
            "assert 'click' not in sys.modules\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("candle-spec ")

    def test_help_is_grouped(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("-h") == 0
        out = capsys.readouterr().out
        assert [out.index(f"{task}:") for task in GROUPS] == sorted(out.index(f"{task}:") for task in GROUPS)
        assert all(name in out for commands in GROUPS.values() for name in commands)

    def test_schemas(self, capsys: pytest.CaptureFixture[str]) -> None:
        from candle_spec import resources
        from candle_spec.manifest import collection

        for name in collection.versions():
            assert run("schema", "show", name) == 0
            shown = capsys.readouterr().out
            assert json.loads(shown) == resources.read_json(f"{name}/{collection.CURRENT}.json")
        assert run("schema", "show", "checkpoint", "--version", "9.9.9") == 2

    def test_sizes_of_shards(self) -> None:
        assert run("convert", "uno.tiny", "--shard-size", "120", "-q") == 0
        assert len(list(Path("uno.tiny.candle").glob("*-of-00003.safetensors"))) == 3
        for size in ("0", "-1", "5XB", "1e9", "", "9" * 16):
            assert run("convert", "uno.tiny", "x", "--shard-size", size) == 2
        assert "x" not in entries()


class TestOne:
    def test_findings(self, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (checkpoint / "stray").write_text("x")
        assert run("validate", checkpoint) == 1
        assert "stray  CKP3004  'stray' is not listed in the manifest  [CS-033]" in capsys.readouterr().out
        assert run("validate", checkpoint, "--level", "L2") == 0

    def test_a_manifest_that_is_no_json(self, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (checkpoint / MANIFEST).write_text("{\n  oops\n}")
        assert run("validate", checkpoint) == 1
        assert f"{MANIFEST}:2:3  CKP0002" in capsys.readouterr().out
        for command in ("inspect", "restore", "verify-conversion"):
            assert run(command, checkpoint) == 1
            assert "Traceback" not in capsys.readouterr().err

    def test_a_native_file_that_is_damaged(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("cut.tiny").write_bytes(checkpoints.MAGIC + b"{")
        assert run("convert", "cut.tiny") == 1
        assert capsys.readouterr().err.startswith("error: cut.tiny: the file ends in its first lines")
        Path("empty.tiny").write_bytes(b"")
        assert run("convert", "empty.tiny") == 1
        assert [name for name in entries() if "candle" in name] == []

    def test_a_proof_that_fails(self, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
        weights = checkpoint / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
        assert run("restore", checkpoint, "back.tiny") == 1
        assert "candle-spec validate says where" in capsys.readouterr().err
        assert run("verify-conversion", checkpoint, "--no-predictions") == 1
        assert "FAILS" in capsys.readouterr().out
        assert "back.tiny" not in entries()

    def test_seal_then_change(self, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("seal", checkpoint) == 0
        assert capsys.readouterr().out.startswith("sealed: sha256:")
        manifest = checkpoints.read_manifest(checkpoint)
        checkpoints.write_manifest(checkpoint, {**manifest, "title": "Another"})
        assert run("validate", checkpoint) == 1
        assert "CKP2020" in capsys.readouterr().out
        assert run("seal", checkpoint) == 0
        assert run("validate", checkpoint) == 0

    def test_seal_refuses_what_has_errors(self, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
        before = (checkpoint / MANIFEST).read_bytes()
        (checkpoint / "stray").write_text("x")
        assert run("seal", checkpoint) == 2
        assert "1 errors" not in capsys.readouterr().err
        assert (checkpoint / MANIFEST).read_bytes() == before


class TestTwo:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["validate", "nowhere"], "there is no such file or folder"),
            (["validate", "uno.tiny"], "this is a native checkpoint (TinyNet): convert it first"),
            (["validate", "."], "no checkpoint is here or below; 1 native ones were seen"),
            (["validate", "notes.txt"], "this is no checkpoint"),
            (["validate"], "Missing argument"),
            (["validate", ".", "--level", "L9"], "Invalid value for '--level'"),
            (["validate", ".", "--jobs", "0"], "Invalid value for '--jobs'"),
            (["inspect", "nowhere"], "there is no such file or folder"),
            (["inspect", "notes.txt"], "notes.txt"),
            (["convert", "nowhere"], "there is no such file or folder"),
            (["convert", "uno.tiny", "missing/folder/x"], "the folder for the output does not exist"),
            (["convert", "uno.tiny", "uno.tiny"], "the output"),
            (["convert", "uno.tiny", "--topology", "nowhere.json"], "there is no such file or folder"),
            (["restore", "nowhere"], "no checkpoint here"),
            (["seal", "."], "this is no checkpoint"),
            (["verify-conversion", "."], "no checkpoint here"),
            (["schema", "show", "nothing"], "there is no schema 'nothing'"),
            (["completion", "powershell"], "Invalid value for"),
            (["--nonsense"], "No such option"),
            (["nonsense"], "No such command"),
        ],
    )
    def test_what_the_caller_got_wrong(
        self, words: list[str], said: str, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
    ) -> None:
        Path("notes.txt").write_text("some words, and nothing else\n")
        before = entries()
        assert run(*words) == 2
        printed = capsys.readouterr()
        assert said in printed.err
        assert printed.out == ""
        assert "Traceback" not in printed.err
        assert entries() == before

    def test_an_output_that_exists(self, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("convert", "uno.tiny") == 2
        assert "--overwrite" in capsys.readouterr().err
        assert run("restore", checkpoint) == 2  # uno.tiny is here
        assert run("restore", checkpoint, "uno.tiny", "--overwrite") == 0

    def test_overwrite_replaces_checkpoints_only(self, checkpoint: Path) -> None:
        (checkpoint / "stray").write_text("x")
        assert run("convert", "uno.tiny", "--overwrite", "-q") == 0
        assert run("validate", checkpoint) == 0
        Path("mine").mkdir()
        Path("mine/thesis.txt").write_text("mine")
        Path("file").write_text("mine")
        Path("link").symlink_to(checkpoint)
        for name in ("mine", "file", "link"):
            assert run("convert", "uno.tiny", name, "--overwrite", "-q") == 2
        assert Path("mine/thesis.txt").read_text() == Path("file").read_text() == "mine"
        assert Path("link").is_symlink()

    @pytest.mark.parametrize(
        "value",
        [
            "/title=7",
            "/title=",
            "/titel=Uno",
            "/name=",
            "/dates/trained=yesterday",
            "/dates/trained=2026-02-30",
            "/license=MIT",
            "/evaluation/0/value=1",
            "/files/x=1",
            "/files/99/size=1",
            "/files=[]",
            "/weights/content_digest=sha256:" + "0" * 64,
            "/model/parameter_count=3",
            "/name/first=x",
            "/keywords/0=x",
            "/schema_version=9.0.0",
            "/manifest_digest=sha256:" + "0" * 64,
            "/title=Uno\x07",
            "/training_state/resume_grade=exactly-resumable",
            "/=x",
            "title=Uno",
            "/title",
            "",
        ],
    )
    def test_values_that_do_not_fit(self, value: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("convert", "uno.tiny", "--set", value) == 2
        printed = capsys.readouterr().err
        assert printed.startswith("error: ")
        assert "report" not in printed
        assert value.partition("=")[0].strip("/").partition("/")[0] in printed
        assert entries() == ["uno.tiny"]

    @pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999", "7e", '"x', "9" * 5000])
    def test_values_that_are_no_json_are_text(self, text: str) -> None:
        code = run("convert", "uno.tiny", "--set", f"/title={text}", "-q")
        if len(text) < 100:
            assert code == 0
            assert checkpoints.read_manifest(Path("uno.tiny.candle"))["title"] == text
        else:
            assert code in (0, 2)

    def test_values_that_fit(self) -> None:
        words = ["--name", "uno", "--set", "/title=Uno: a = b", "--set", '/keywords=["AML", "drug response"]']
        assert run("convert", "uno.tiny", "-q", *words) == 0
        manifest = checkpoints.read_manifest(Path("uno.tiny.candle"))
        assert (manifest["name"], manifest["title"]) == ("uno", "Uno: a = b")
        assert manifest["keywords"] == ["AML", "drug response"]
        sources = {entry["pointer"]: entry["source"] for entry in manifest["field_sources"]}
        assert {sources[at] for at in ("/name", "/title", "/keywords")} == {"user"}


class TestThree:
    @pytest.mark.parametrize(
        "call", ["open_new", "write", "copy_range", "sync_file", "sync_folder", "make_folder", "rename"]
    )
    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO])
    def test_a_disk_that_refuses(
        self, call: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(Fs, call, refuse)
        assert run("convert", "uno.tiny") == 3
        printed = capsys.readouterr()
        assert printed.err.startswith("error: ")
        assert os.strerror(code) in printed.err
        assert "internal" not in printed.err
        if call != "sync_folder":  # after the rename only the durability is missing
            assert entries() == ["uno.tiny"]

    def test_a_full_disk_while_restoring_and_sealing(
        self, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        before = (checkpoint / MANIFEST).read_bytes()
        monkeypatch.setattr(Fs, "write", refuse)
        assert run("restore", checkpoint, "back.tiny") == 3
        assert run("seal", checkpoint) == 3
        assert "the disk is full" in capsys.readouterr().err
        assert entries() == ["uno.tiny", "uno.tiny.candle"]
        assert (checkpoint / MANIFEST).read_bytes() == before

    def test_a_file_that_the_system_does_not_give(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied", "uno.tiny")

        monkeypatch.setattr(checkpoints.TinyConverter, "detect", refuse)
        assert run("inspect", "uno.tiny") == 3
        printed = capsys.readouterr().err
        assert printed == "error: uno.tiny: Permission denied\n"

    def test_bugs(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        def broken(*_: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(checkpoints.TinyConverter, "read", broken)
        assert run("inspect", "uno.tiny") == 3
        printed = capsys.readouterr().err
        assert printed.startswith("error: internal error: RuntimeError: a bug\n")
        assert "--debug" in printed
        assert "Traceback" not in printed
        assert run("--debug", "inspect", "uno.tiny") == 3
        printed = capsys.readouterr().err
        assert "Traceback (most recent call last)" in printed
        assert "RuntimeError: a bug" in printed

    def test_debug_shows_where_an_error_comes_from(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("--debug", "inspect", "nowhere") == 2
        printed = capsys.readouterr().err
        assert "Traceback" in printed
        assert printed.rstrip().splitlines()[-1].startswith("error: nowhere: ")


class TestStreams:
    def test_interrupted(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Fs, "copy_range", interrupted)
        assert run("convert", "uno.tiny") == 130
        assert "interrupted" in capsys.readouterr().err
        assert entries() == ["uno.tiny"]

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

    def test_ascii_only(self) -> None:
        for line in (
            "candle-spec convert uno.tiny",
            "candle-spec validate uno.tiny.candle",
            "candle-spec inspect uno.tiny",
        ):
            done = shell(line, PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout.isascii()

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
    def test_a_reader_that_goes_away(self, command: str, checkpoint: Path) -> None:
        done = shell(f"set -o pipefail; candle-spec {command} | true")
        assert done.stderr == ""
        assert done.returncode == 0

    def test_a_full_disk_under_the_output(self) -> None:
        done = shell("candle-spec inspect uno.tiny > /dev/full")
        assert done.returncode == 3
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr

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
