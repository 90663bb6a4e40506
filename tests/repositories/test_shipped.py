"""The shipped templates: each stands its own test, is compiled, and names where its schema is from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from candle_spec.repositories.engine.proof import prove
from candle_spec.repositories.templates.compiled_form import compile_template
from candle_spec.repositories.templates.folder import COMPILED, Folder
from candle_spec.repositories.templates.library import load
from candle_spec.repositories.templates.template import build, read_sources
from tests.helpers import templates

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize("key", templates.KEYS)
@pytest.mark.slow
def test_a_template_stands_its_test(key: str) -> None:
    proof = prove(Folder(templates.ROOT / key, key))
    assert [f"{p.location.file}:{p.location.line}: {p.message}" for p in proof.problems] == []
    assert proof.examples >= 2


@pytest.mark.parametrize("key", templates.KEYS)
@pytest.mark.slow
def test_the_compiled_form_is_that_of_the_sources(key: str) -> None:
    folder = Folder(templates.ROOT / key, key)
    assert (templates.ROOT / key / COMPILED).read_bytes() == compile_template(folder)
    sources, _, failed = read_sources(folder)
    assert failed == []
    assert load(folder).tree == build(folder, sources).tree


@pytest.mark.parametrize("key", templates.KEYS)
def test_a_mapping_gives_the_same_bytes_again(key: str) -> None:
    name = sorted((templates.ROOT / key / "examples" / "valid").glob("*.yaml"))[0].stem
    assert templates.files(key, name) == templates.files(key, name)


@pytest.mark.slow
def test_all_templates_stand_their_test_from_the_wheel(tmp_path: Path) -> None:
    """Unpacked as pip does, away from the checkout; the libraries are those of this environment."""
    wheel = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        str(CHECKOUT),
    ]
    subprocess.run(wheel, check=True, capture_output=True)
    (file,) = tmp_path.glob("*.whl")
    home = tmp_path / "home"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(home), str(file)]
    subprocess.run(install, check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(home)}
    command = [sys.executable, "-m", "candle_spec", "template", "test"]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()] == templates.KEYS
    where = [sys.executable, "-c", "import candle_spec; print(candle_spec.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert found.startswith(str(home))
