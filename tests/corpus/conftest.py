"""The corpus as a fixture: every file of ``corpus.json``, fetched before, checked again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.corpus import cache
from tools import fetch_corpus


@dataclass(frozen=True)
class CorpusFile:
    """One real checkpoint: its id, its path in the cache, its line in the list."""

    id: str
    path: Path
    record: dict[str, Any]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "corpus_file" in metafunc.fixturenames:
        metafunc.parametrize("corpus_file", list(fetch_corpus.records()), indirect=True)


@pytest.fixture
def corpus_file(request: pytest.FixtureRequest) -> CorpusFile:
    """Give one real checkpoint; where it is not in the cache, skip visibly, in CI fail."""
    name = request.param
    return CorpusFile(name, cache.checkpoint(name), fetch_corpus.records()[name])
