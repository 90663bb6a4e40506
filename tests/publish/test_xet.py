"""Xet, which ``huggingface_hub`` prefers where ``hf_xet`` is installed: switched off by its environment variable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.calls import ROOT
from tests.helpers.services.servers import Hub

WORDS = ("publish", "uno.tiny.candle", "--to", "huggingface", "--repository", "lab/uno")


def publish(**more: str) -> subprocess.CompletedProcess[str]:
    """Publish in a process of its own: the variable is read when the library is imported."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, "-m", "candle_spec", *WORDS]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
def test_the_variable_leads_to_the_documented_path(hub: Hub) -> None:
    done = publish(HF_HUB_DISABLE_XET="1")
    assert done.returncode == 0, done.stderr
    assert [path for path in hub.paths("PUT") if path.startswith("/lfs/")]
    assert not [seen for seen in hub.seen if "xet" in seen.path]


@pytest.mark.slow
def test_with_it_nothing_goes_the_documented_path(hub: Hub) -> None:
    """The large files go to another store by a protocol of its own, which no local server speaks."""
    done = publish(HF_HUB_DISABLE_XET="")
    assert done.returncode == 3
    assert "HF_HUB_DISABLE_XET=1" in done.stderr
    assert not [path for path in hub.paths("PUT") + hub.paths("POST") if "lfs" in path]
    assert json.loads(Path("uno.tiny.candle.huggingface-receipt.json").read_bytes())["state"] == "incomplete"
    assert publish(HF_HUB_DISABLE_XET="1").returncode == 0
