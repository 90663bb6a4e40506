"""A template to start from: small, complete, and true to its own test."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from candle_spec.atomic import Staging
from candle_spec.canonical import pretty
from candle_spec.errors import OutputExistsError
from candle_spec.manifest.collection import CURRENT, schema_id

_TEMPLATE: Final = """\
$schema: "{template}"
schema_version: {current}
id: {id}
title: The repository, in words
version: "{version}"
core: {{from: {current}, below: 2.0.0}}
outputs:
  - {{id: record, title: Record, file: record.json, writer: json, schema: target.schema.json}}
schemas:
  - {{file: target.schema.json, origin: derived, from: "https://example.org/documentation", date: 2026-01-01}}
sources:
  - {{title: Documentation of the repository, url: "https://example.org/documentation", date: 2026-01-01}}
"""

_MAPPING: Final = """\
# The shape of the target; docs/mapping.md of candle-spec describes the language.
$schema: "{mapping}"
schema_version: {current}
ignore: [/files, /weights, /conversion, /security, /training_state, /dates, /model]
records:
  record:
    title: {{$from: [/title, /name], $level: must}}
    description:
      $from: /description
      $level: must
      $ask:
        question: What does the model do, in a few sentences?
    authors: {{$from: /creators/*/name, $level: should}}
"""

_RULES: Final = """\
$schema: "{rules}"
schema_version: {current}
rules:
  - id: title-length
    level: must
    record: record
    assert: {{max_characters: [/title, 250]}}
    message: the title has more than 250 characters
"""

_EXAMPLE: Final = """\
$schema: "{example}"
schema_version: {current}
title: {title}
checkpoint: minimal
"""


_SCHEMA: Final = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "description": {"type": "string"},
        "authors": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["title", "description"],
    "additionalProperties": False,
}


def starter(identifier: str, version: str) -> dict[str, bytes]:
    """Return the files of a new template by path."""
    words = {
        "id": identifier,
        "version": version,
        "current": CURRENT,
        "template": schema_id("template"),
        "mapping": schema_id("template/mapping"),
        "rules": schema_id("template/rules"),
        "example": schema_id("template/example"),
    }
    valid = _EXAMPLE.format(title="A model with a description", **words) + "set:\n  /description: It does something.\n"
    invalid = _EXAMPLE.format(title="A model without one", **words) + (
        'expect:\n  - {kind: missing-mandatory, target: "record:/description"}\n'
    )
    golden = {"documents": {"record": {"title": "tiny", "description": "It does something."}}, "losses": []}
    texts = {
        "template.yaml": _TEMPLATE.format(**words),
        "mapping.yaml": _MAPPING.format(**words),
        "rules.yaml": _RULES.format(**words),
        "README.md": f"# {identifier}\n\nWhat the record is for, where its schema is from, what is lost.\n",
        "examples/valid/described.yaml": valid,
        "examples/invalid/bare.yaml": invalid,
    }
    files = {name: text.encode("utf-8") for name, text in texts.items()}
    return {**files, "target.schema.json": pretty(_SCHEMA), "examples/valid/described.record.json": pretty(golden)}


def write_starter(folder: Path, identifier: str, version: str) -> Path:
    """Write a new template below a folder of templates, and return its folder.

    Raises:
        OutputExistsError: There is such a template already.
    """
    target = folder / identifier / version
    if target.exists():
        raise OutputExistsError("there is such a template already", location=str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    with Staging(target) as staging:
        for name, data in starter(identifier, version).items():
            staging.write(name, data)
        staging.commit()
    return target
