"""Real checkpoints of others, from the cache that ``python -m tools.fetch_corpus`` fills."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools import fetch_corpus


def checkpoint(name: str) -> Path:
    """Return a checkpoint of ``corpus.json``, its sum compared; one that is not there fails in CI, else it skips."""
    if not fetch_corpus.cached(fetch_corpus.records(every=True)[name]).exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            f"{name} is not in the cache: run python -m tools.fetch_corpus"
        )
    return fetch_corpus.fetch(name)
