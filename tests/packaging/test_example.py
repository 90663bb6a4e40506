"""The example package: somebody else's converter is installed, listed, used, and passes the contract."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "toy-converter"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, installed into a folder of its own, without the network."""
    work = tmp_path_factory.mktemp("example")
    copy = work / "source"
    shutil.copytree(EXAMPLE, copy)
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*command, "--target", str(work / "site"), str(copy)], check=True)
    return work / "site"


def call(site: Path, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_it_is_listed_and_used(installed: Path, tmp_path: Path) -> None:
    done = call(installed, "-m", "candle_spec", "formats", "--json", cwd=tmp_path)
    assert "toy" in {row["id"] for row in json.loads(done.stdout)}, done.stderr
    (tmp_path / "uno.toy").write_bytes(b"TOYNET1\nepoch 12\nw float32 3\n\n" + struct.pack("<3f", 1, 2, 3))
    for words in (["convert", "uno.toy"], ["validate", "uno.toy.candle"], ["restore", "uno.toy.candle", "back.toy"]):
        done = call(installed, "-m", "candle_spec", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "back.toy").read_bytes() == (tmp_path / "uno.toy").read_bytes()
    manifest = json.loads((tmp_path / "uno.toy.candle" / "candle-checkpoint.json").read_text())
    assert manifest["training_state"]["epoch"] == 12


@pytest.mark.slow
def test_it_passes_the_contract(installed: Path) -> None:
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLE), str(EXAMPLE / "tests")]
    done = call(installed, *words, cwd=EXAMPLE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_one_that_cannot_be_loaded_is_named_and_left_out(installed: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(installed, site)
    (site / "toy_converter" / "__init__.py").write_text("raise RuntimeError('made for another version')\n")
    torch_file = tmp_path / "x.toy"
    torch_file.write_bytes(b"TOYNET1\n\n")
    done = call(site, "-m", "candle_spec", "formats", cwd=tmp_path)
    assert done.returncode == 0
    assert "candle-spec-toy==1.0.0" in done.stderr
    assert "made for another version" in done.stderr
    assert "keras" in done.stdout


@pytest.mark.slow
def test_one_that_lacks_a_member_is_named(installed: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(installed, site)
    text = "class Toy:\n    name, suffixes, card = 'toy', (), None\n    detect = read = print\n\n\nCONVERTER = Toy()\n"
    (site / "toy_converter" / "__init__.py").write_text(text)
    done = call(site, "-m", "candle_spec", "formats", cwd=tmp_path)
    assert done.returncode == 0
    assert "it has no 'title'" in done.stderr
