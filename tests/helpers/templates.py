"""The shipped templates and the records of their examples, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from candle_spec.manifest.documents import load_document
from candle_spec.repositories.engine.mapper import map_source, write_documents
from candle_spec.repositories.engine.proof import example_manifest
from candle_spec.repositories.engine.record import Record
from candle_spec.repositories.engine.source import merge
from candle_spec.repositories.templates import search
from candle_spec.repositories.templates.template import Template

ROOT = Path(__file__).parents[2] / "schemas" / "repositories"
KEYS = sorted(path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("*/*/template.yaml"))

HTML = "a blockquote br code em h1 h2 h3 h4 h5 h6 hr li ol p pre strong ul".split()
"""All elements of which the HTML of a description may be made."""


def load(key: str) -> Template:
    return search.library().get(key)


def manifest(key: str, example: str = "full") -> dict[str, Any]:
    chosen = load(key)
    name = f"examples/valid/{example}.yaml"
    return example_manifest(chosen.folder, load_document(chosen.folder.read(name), name).value)


def record(key: str, example: str = "full") -> Record:
    return map_source(load(key), merge(manifest(key, example)))


def files(key: str, example: str = "full") -> dict[str, bytes]:
    return write_documents(load(key), record(key, example))
