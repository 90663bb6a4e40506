"""Exit codes and streams: what a script that calls the commands can rely on."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from candle_spec.atomic import Fs
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.cli.program import GROUPS
from candle_spec.weights import writer
from tests.helpers import checkpoints
from tests.helpers.calls import entries, run

ROOT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("tiny_folder")


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
        assert "the same bytes as the native file" in capsys.readouterr().out
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
            "/evaluations/0/value=1",
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

        monkeypatch.setattr(writer, "_SMALL", 0)  # as of large arrays: every one goes from file to file
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
        assert run("inspect", "nowhere", "--debug") == 2
        printed = capsys.readouterr().err
        assert "Traceback" in printed
        assert printed.rstrip().splitlines()[-1].startswith("error: nowhere: ")
