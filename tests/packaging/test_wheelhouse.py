"""The offline bundle installs where there is no network."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_bundle_installs_without_a_network(tmp_path: Path) -> None:
    house = tmp_path / "wheelhouse"
    made = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "wheelhouse.py"), str(house)], capture_output=True, text=True, check=False
    )
    if made.returncode and not os.environ.get("CI"):
        pytest.skip(f"pip could not make the bundle: {made.stderr.strip().splitlines()[-1:]}")
    assert made.returncode == 0, made.stderr
    assert (house / "SHA256SUMS").read_text(encoding="utf-8").count(".whl") == len(list(house.glob("*.whl")))

    venv.create(tmp_path / "venv", with_pip=True)
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    # No index, no configuration, and a proxy that refuses: nothing can be fetched.
    offline = {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull, "HTTPS_PROXY": "http://127.0.0.1:9"}
    install = [
        str(scripts / "python"),
        "-m",
        "pip",
        "install",
        "-q",
        "--no-index",
        "--find-links",
        str(house),
        "candle-spec",
    ]
    done = subprocess.run(install, env=offline, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    version = subprocess.run([str(scripts / "candle-spec"), "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("candle-spec ")
