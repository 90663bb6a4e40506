"""The wheel must hold every package and every data file of the tree, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]


def test_every_package_is_listed() -> None:
    core = {".".join(p.parent.relative_to(ROOT).parts) for p in ROOT.glob("candle_spec/**/__init__.py")}
    mapped = {
        ".".join([package, *p.parent.relative_to(ROOT / folder).parts])
        for package, folder in SETUPTOOLS["package-dir"].items()
        for p in (ROOT / folder).glob("**/__init__.py")
    }
    assert core | mapped == set(SETUPTOOLS["packages"])


def test_links_agree_with_the_mapping() -> None:
    for package, folder in SETUPTOOLS["package-dir"].items():
        assert (ROOT / package.replace(".", "/")).resolve() == (ROOT / folder).resolve()
    for link in ("converters", "schemas"):
        assert (ROOT / "candle_spec" / link).readlink() == Path("..") / link


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in a wheel built from the tree, without fetching anything."""
    target = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(target),
        str(ROOT),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (path,) = target.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


@pytest.mark.slow
def test_the_wheel_holds_all_data(wheel: set[str]) -> None:
    data = {
        f"candle_spec/schemas/{path.relative_to(ROOT / 'schemas').as_posix()}"
        for path in (ROOT / "schemas").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert data <= wheel
    assert "candle_spec/py.typed" in wheel


@pytest.mark.slow
def test_the_wheel_holds_one_top_level_name(wheel: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"candle_spec"}
    assert not any("test" in name.partition("/")[2].split("/")[0] and "testing" not in name for name in wheel)
