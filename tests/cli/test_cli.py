"""The command line: what is printed, and with which exit code it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from candle_spec.atomic import Fs
from candle_spec.cli import main
from candle_spec.manifest import check
from candle_spec.validation import reporters

ROOT = Path(__file__).parents[2]


@pytest.fixture
def native(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import torch

    torch.manual_seed(0)
    monkeypatch.chdir(tmp_path)
    torch.save({"model": {"enc.w": torch.randn(30, 20), "enc.b": torch.ones(20)}, "epoch": 3}, "uno.pt")
    return tmp_path / "uno.pt"


def run(*words: Any) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


def in_process(*words: Any, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "candle_spec", *map(str, words)]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def test_convert_validate_restore(native: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    assert run("convert", native) == 0
    out = capsys.readouterr().out
    for words in ("PyTorch zip archive", "620 parameters", "enc.w … enc.b", "epoch 3", "no code in the file"):
        assert words in out
    assert "comes back byte for byte: proven" in out
    assert "L0-L5 ok" in out
    assert "-> uno.pt.candle" in out
    assert "candle_spec.load('uno.pt.candle')" in out
    assert run("validate", "uno.pt.candle") == 0
    assert run("restore", "uno.pt.candle", "back.pt") == 0
    assert "the same bytes as the native file" in capsys.readouterr().out
    assert Path("back.pt").read_bytes() == native.read_bytes()
    assert run("verify-conversion", "uno.pt.candle", "--native", native, "--no-predictions") == 0
    assert run("restore", "uno.pt.candle", "fresh.pt", "--rebuild") == 0
    assert torch.load("fresh.pt", weights_only=True)["epoch"] == 3


def test_inspect_shows_a_tree(native: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("inspect", native) == 0
    out = capsys.readouterr().out
    assert "model/  2 tensors, 2.4 KiB  at /model" in out
    assert "enc" in out
    assert "30x20" in out
    run("convert", native, "-q")
    assert run("inspect", "uno.pt.candle", "--json") == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "checkpoint"


def test_long_lists_are_folded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    torch.save({f"layer{n}.w": torch.ones(2) for n in range(40)}, tmp_path / "m.pt")
    assert run("inspect", tmp_path / "m.pt") == 0
    assert "… 32 more (--all shows them)" in capsys.readouterr().out
    assert run("inspect", tmp_path / "m.pt", "--all") == 0
    assert "layer20" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["validate", "nowhere"], 2, "no such file"),
        (["validate", "uno.pt"], 2, "convert it first"),
        (["validate", "."], 2, "1 native ones were seen"),
        (["convert", "nowhere.pt"], 2, "no such file"),
        (["convert", "uno.pt", "no/folder/x"], 2, "does not exist"),
        (["convert", "uno.pt", "--shard-size", "lots"], 2, "no size"),
        (["convert", "uno.pt", "--set", "title"], 2, "POINTER=VALUE"),
        (["convert", "uno.pt", "--set", "/title=7"], 2, "title"),
        (["restore", "."], 2, "no checkpoint"),
        (["seal", "."], 2, "no checkpoint"),
        (["schema", "show", "nothing"], 2, "known are"),
        (["nonsense"], 2, "No such command"),
        (["convert"], 2, "Missing argument"),
    ],
)
def test_errors_are_one_clear_line(
    native: Path, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == code
    printed = capsys.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert not Path("uno.pt.candle").exists()


def test_findings_end_with_1(native: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("convert", native, "-q")
    weights = Path("uno.pt.candle/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x07")
    assert run("validate", "uno.pt.candle") == 1
    out = capsys.readouterr().out
    assert "CKP4024" in out
    assert run("verify-conversion", "uno.pt.candle", "--no-predictions") == 1
    Path("uno.pt.candle/candle-checkpoint.json").write_text("{")
    assert run("validate", "uno.pt.candle") == 1
    assert "CKP0002" in capsys.readouterr().out


def test_many_checkpoints_are_counted(native: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        run("convert", native, f"{name}.candle", "-q")
    Path("b.candle/stray").write_text("x")
    assert run("validate", ".") == 1
    assert capsys.readouterr().out.rstrip().endswith("2 checkpoints, 1 with problems")


def test_json_everywhere(native: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("convert", native, "--json") == 0
    assert json.loads(capsys.readouterr().out)["verdict"].startswith("L0-L5 ok")
    assert run("validate", "uno.pt.candle", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [p.message for p in check(report, schema="report") if p.severity == "error"] == []
    assert run("restore", "uno.pt.candle", "b.pt", "--json") == 0
    assert json.loads(capsys.readouterr().out)["restored"][0]["byte_exact"] is True
    assert run("seal", "uno.pt.candle", "--json") == 0
    assert json.loads(capsys.readouterr().out)["manifest_digest"].startswith("sha256:")
    assert run("verify-conversion", "uno.pt.candle", "--no-predictions", "--json") == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    assert run("schema", "list", "--json") == 0
    assert "checkpoint" in json.loads(capsys.readouterr().out)
    assert run("convert", "nowhere", "--json") == 2
    assert json.loads(capsys.readouterr().out)["error"]["location"] == "nowhere"


def test_a_seal_shows_later_changes(native: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("convert", native, "-q")
    assert run("seal", "uno.pt.candle") == 0
    assert run("validate", "uno.pt.candle") == 0
    manifest = Path("uno.pt.candle/candle-checkpoint.json")
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('"uno"', '"due"'), encoding="utf-8")
    assert run("validate", "uno.pt.candle") == 1
    assert "CKP2020" in capsys.readouterr().out
    assert run("seal", "uno.pt.candle") == 0
    assert run("validate", "uno.pt.candle") == 0


def test_a_full_disk_ends_with_3(
    native: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Fs, "write", full)
    assert run("convert", native) == 3
    assert "disk is full" in capsys.readouterr().err
    assert sorted(path.name for path in Path().iterdir()) == ["uno.pt"]


def test_bugs_end_with_3(native: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("candle_spec.conversion.registry.detect", broken)
    assert run("inspect", native) == 3
    printed = capsys.readouterr().err
    assert "internal error: RuntimeError: a bug" in printed
    assert "Traceback" not in printed
    assert run("--debug", "inspect", native) == 3
    assert "Traceback" in capsys.readouterr().err


def test_interrupted(native: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Fs, "write", interrupted)
    assert run("convert", native) == 130
    assert sorted(path.name for path in Path().iterdir()) == ["uno.pt"]


def test_help_is_grouped_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    out = capsys.readouterr().out
    for words in ("Convert:", "Look:", "Check:", "candle-spec convert model.pt", "Exit codes"):
        assert words in out
    from candle_spec.cli.program import GROUPS

    for name in (name for commands in GROUPS.values() for name in commands):
        assert run(name, "--help") == 0
        assert "Example: " in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("completion", shell) == 0
    assert "_CANDLE_SPEC_COMPLETE" in capsys.readouterr().out


def test_schemas(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("schema", "list") == 0
    assert "extensions/oncology" in capsys.readouterr().out.replace(":", "/")
    assert run("schema", "show", "checkpoint") == 0
    assert json.loads(capsys.readouterr().out)["$id"].startswith("https://w3id.org/candle-spec/schemas/checkpoint/")


def test_in_a_process_of_its_own(native: Path) -> None:
    assert in_process("--version").stdout.startswith("candle-spec ")
    done = in_process("convert", native, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "proven" in done.stdout
    assert "\x1b[" not in done.stdout + done.stderr
    piped = f"{sys.executable} -m candle_spec inspect {native} --all | head -n 1"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    head = subprocess.run(["sh", "-c", piped], env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in head.stderr
    assert "BrokenPipe" not in head.stderr


def test_overwrite(native: Path) -> None:
    assert run("convert", native, "-q") == 0
    assert run("convert", native, "-q") == 2
    assert run("convert", native, "-q", "--overwrite") == 0
    Path("mine").mkdir()
    assert run("convert", native, "mine", "--overwrite") == 2


def test_sharding(native: Path) -> None:
    assert run("convert", native, "-q", "--shard-size", "1KIB") == 0
    assert len(list(Path("uno.pt.candle").glob("model-*-of-*.safetensors"))) == 2
    assert run("validate", "uno.pt.candle") == 0


def test_a_reporter_is_one_file(
    native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("convert", native, "-q") == 0
    (tmp_path / "more").mkdir()
    code = "def render(reports, style):\n    return f'looked at {len(reports)}, told {style.infos}'\n"
    (tmp_path / "more" / "brief.py").write_text(code)
    monkeypatch.setattr(reporters, "__path__", [*reporters.__path__, str(tmp_path / "more")])
    monkeypatch.delitem(sys.modules, "candle_spec.cli.validate", raising=False)  # the options are made once
    assert run("validate", "uno.pt.candle", "--format", "brief", "-v") == 0
    assert capsys.readouterr().out == "looked at 1, told True\n"
    monkeypatch.delitem(sys.modules, "candle_spec.cli.validate")
