"""The wheel must hold every package and every data file of the tree, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.compare_wheels import code

ROOT = Path(__file__).parents[2]


def test_the_two_folders_at_the_top_are_packages_by_links() -> None:
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
    assert {f"candle_spec/standin/{path.name}" for path in (ROOT / "candle_spec" / "standin").glob("*.json")} <= wheel
    assert "candle_spec/py.typed" in wheel


@pytest.mark.slow
def test_the_wheel_holds_all_code(wheel: set[str]) -> None:
    assert len(code()) > 500
    assert code() <= wheel


@pytest.mark.slow
def test_the_wheel_holds_one_top_level_name(wheel: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"candle_spec"}
    assert not any("test" in name.partition("/")[2].split("/")[0] and "testing" not in name for name in wheel)
