"""A pile of 300 files, 120 of them broken in known ways: every one gets the right class, none stops the others."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest
import torch

import candle_spec
from candle_spec.cli import main
from candle_spec.conversion import batch
from candle_spec.conversion.convert import Options

SOUND = 150
OTHERS = 30


def torch_zip(path: Path, seed: int = 0) -> None:
    torch.manual_seed(seed)
    torch.save({"weight": torch.randn(40, 5), "bias": torch.randn(40)}, path)


def torch_legacy(path: Path, seed: int = 0) -> None:
    torch.manual_seed(seed)
    torch.save({"weight": torch.randn(40, 5)}, path, _use_new_zipfile_serialization=False)


def keras_h5(path: Path, seed: int = 0) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([b"dense"])
        layer = file.create_group("dense")
        layer.attrs["weight_names"] = np.array([b"dense/kernel:0"])
        layer["dense/kernel:0"] = np.random.default_rng(seed).normal(size=(30, 30)).astype("f4")


MAKERS = (torch_zip, torch_legacy, keras_h5)


def cut(make: Callable[[Path, int], None], share: float) -> Callable[[Path, int], None]:
    def broken(path: Path, seed: int) -> None:
        make(path, seed)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return broken


def damaged_pickle(path: Path, seed: int) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", b"\x80\x02}q\x00\xf3\xf3\xf3.")
        archive.writestr("m/version", "3\n")


def text(content: str) -> Callable[[Path, int], None]:
    return lambda path, seed: path.write_text(content) and None


def binary(content: bytes) -> Callable[[Path, int], None]:
    return lambda path, seed: path.write_bytes(content) and None


def anndata(path: Path, seed: int) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["encoding-type"] = "anndata"
        for name in ("obs", "var", "X"):
            file.create_group(name)


def external(path: Path, seed: int) -> None:
    keras_h5(path, seed)
    with h5py.File(path, "a") as file:
        file["dense"]["stolen"] = h5py.ExternalLink("/etc/passwd", "/x")


def leaving(path: Path, seed: int) -> None:
    torch_zip(path, seed)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../evil.py", "x")


def encrypted(path: Path, seed: int) -> None:
    torch_zip(path, seed)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)


def note_without_model(path: Path, seed: int) -> None:
    path.mkdir()
    (path / "ckpt-info.json").write_text('{"epoch": 1, "model_file": "model.h5"}')
    (path / "ckpt.log").write_text("gone")


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1234567\n"
BROKEN: tuple[tuple[str, str, int, Callable[[Path, int], None]], ...] = (
    ("empty", ".pt", 10, binary(b"")),
    ("truncated", ".pth", 12, cut(torch_zip, 0.6)),
    ("truncated", ".bin", 8, cut(torch_legacy, 0.8)),
    ("truncated", ".h5", 10, cut(keras_h5, 0.7)),
    ("damaged", ".pt", 10, damaged_pickle),
    ("pointer", ".keras", 8, text(LFS)),
    ("pointer", ".h5", 5, text("/annex/objects/SHA256E-s104857600--" + "a" * 64 + ".h5\n")),
    ("pointer", ".pt", 5, text("outs:\n- md5: a304afb96060aad90176268345e10355\n  path: model.pt\n")),
    ("error-page", ".pt", 8, text("<!DOCTYPE html>\n<html><body>404 Not Found</body></html>")),
    ("error-page", ".h5", 4, text('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>')),
    ("apple-double", ".pt", 10, binary(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X" + bytes(100))),
    ("foreign", ".h5", 5, anndata),
    ("foreign", ".pt", 5, binary(b"%PDF-1.7\n")),
    ("foreign", ".ckpt", 4, text("epoch 3, loss 0.25\n")),
    ("unsafe", ".h5", 4, external),
    ("unsafe", ".pth", 4, leaving),
    ("unsupported", ".pt", 4, encrypted),
    ("part-missing", "", 4, note_without_model),
)
EXPECTED = Counter({name: 0 for name, *_ in BROKEN})
for _name, _, _count, _ in BROKEN:
    EXPECTED[_name] += _count


@pytest.fixture(scope="module")
def pile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("batch") / "pile"
    root.mkdir()
    chance = random.Random(3)

    def place() -> Path:
        folder = root.joinpath(*chance.choice([("a",), ("a", "b"), ("c", "d e", "f"), ()]))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    for number in range(SOUND):
        MAKERS[number % 3](place() / f"sound{number}.{'pt' if number % 3 < 2 else 'h5'}", number)
    for name, suffix, count, make in BROKEN:
        for number in range(count):
            make(place() / f"{name}-{make.__name__[:3]}{number}{len(suffix)}{abs(hash(make)) % 997}{suffix}", number)
    for number in range(OTHERS):
        (place() / f"readme{number}.md").write_text("about a model")
    return root


def run(*words: Any, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0), capsys.readouterr().out


def test_the_numbers() -> None:
    assert sum(EXPECTED.values()) == 120
    assert SOUND + OTHERS + sum(EXPECTED.values()) == 300


def test_every_class_is_counted_right(pile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run("convert", "-r", pile, tmp_path / "out", "--report", "json", capsys=capsys)
    report = json.loads(out)
    assert code == 1
    assert report["counts"] == {"converted": SOUND, **EXPECTED}
    for row in report["rows"]:
        if row["state"] == "refused":
            assert row["source"].rpartition("/")[2].startswith(row["refusal"]), row
            assert row["hint"]
        else:
            made = candle_spec.load(tmp_path / "out" / row["output"])
            assert made.document["conversion"]["restore"]["byte_exact"] == "proven"
    names = [
        candle_spec.load(path.parent).document["name"] for path in (tmp_path / "out").rglob("candle-checkpoint.json")
    ]
    assert len(names) == len(set(names)) == SOUND
    assert not [path for path in (tmp_path / "out").rglob("*") if ".candle-staging" in path.name]

    # A second run does nothing again; a baseline of the first makes it pass.
    (tmp_path / "baseline.json").write_text(out)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.json")}
    code, out = run("convert", "-r", pile, tmp_path / "out", "--baseline", tmp_path / "baseline.json", capsys=capsys)
    assert code == 0
    assert f"{SOUND} done, 120 refused" in out
    assert "0 beyond the baseline" in out
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.json")}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    (root / "sub").mkdir(parents=True)
    torch_zip(root / "uno.pt")
    torch_zip(root / "sub" / "uno.pt", 1)
    (root / "sub" / "=cmd.pt").write_bytes(b"")
    (root / "notes.txt").write_text("x")
    return root


def test_plan_writes_nothing(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(tmp_path.rglob("*"))
    code, out = run("convert", "-r", small, "--plan", capsys=capsys)
    assert code == 1
    assert "planned    sub/uno.pt    PyTorch zip archive, 2 tensors" in out
    assert "CKR0001 empty" in out
    assert sorted(tmp_path.rglob("*")) == before


def test_names_are_unique_and_the_tree_is_mirrored(small: Path, tmp_path: Path) -> None:
    _, jobs, others = batch.plan(small)
    rows = list(batch.run(jobs, tmp_path / "out", Options(), small))
    names = {row.source: candle_spec.load(tmp_path / "out" / row.output).document["name"] for row in rows}
    assert names == {"sub/uno.pt": "uno", "uno.pt": "uno (uno.pt)"}
    assert {row.output for row in rows} == {"sub/uno.pt.candle", "uno.pt.candle"}
    assert others == 1


def test_changed_natives_are_not_taken_for_done(small: Path, tmp_path: Path) -> None:
    (small / "sub" / "=cmd.pt").unlink()
    for overwrite, expected in ((False, "output"), (True, "converted")):
        _, jobs, _ = batch.plan(small)
        list(batch.run(jobs, tmp_path / "out", Options(overwrite=overwrite), small))
        torch_zip(small / "uno.pt", 7 + overwrite)
        _, jobs, _ = batch.plan(small)
        rows = {row.source: row for row in batch.run(jobs, tmp_path / "out", Options(overwrite=overwrite), small)}
        assert (rows["uno.pt"].refusal or rows["uno.pt"].state) == expected
        assert rows["sub/uno.pt"].state == "done"
        shutil.rmtree(tmp_path / "out")


def test_a_bug_in_one_converter_is_a_row(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from candle_spec.converters.pytorch import read as half

    read = half.read
    monkeypatch.setattr(half, "read", lambda source: 1 / 0 if "sub" in str(source.path) else read(source))
    refused, jobs, _ = batch.plan(small)
    assert {row.source: row.refusal for row in refused} == {"sub/=cmd.pt": "empty", "sub/uno.pt": "internal"}
    assert [job.row.source for job in jobs] == ["uno.pt"]


def test_reports_for_programs(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out = run("convert", "-r", small, tmp_path / "out", "--report", "junit", capsys=capsys)
    suite = ElementTree.fromstring(out)
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    _, out = run("convert", "-r", small, tmp_path / "out", "--report", "csv", capsys=capsys)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["state"] for row in rows] == ["refused", "done", "done"]
    assert rows[0]["source"] == "sub/=cmd.pt"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["convert", "-r", "nowhere", "out"], "no such folder"),
        (["convert", "-r", "in/uno.pt", "out"], "wants a folder"),
        (["convert", "-r", "in"], "wants an output"),
        (["convert", "-r", "in", "in/out"], "would lie in the source"),
        (["convert", "in/uno.pt", "--plan"], "go with --recursive"),
        (["convert", "-r", "in", "out", "--baseline", "in/notes.txt"], "no report"),
        (["convert", "-r", "in", "out", "--baseline", "nowhere.json"], "no such baseline"),
        (["convert", "-r", "empty", "out"], "no checkpoint among 0 files"),
    ],
)
def test_usage(
    small: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
