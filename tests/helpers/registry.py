"""A repository of data files alone, as somebody would add one."""

from __future__ import annotations

import json
from pathlib import Path

TEMPLATE = """\
$schema: "https://w3id.org/candle-spec/schemas/template/1.0.0-rc.1"
schema_version: 1.0.0-rc.1
id: registry
title: A registry of models
version: "2.0"
core: {from: 1.0.0-rc.1, below: 2.0.0}
outputs:
  - {id: entry, title: Entry, file: entry.json, writer: json, schema: target.schema.json}
schemas:
  - {file: target.schema.json, origin: derived, from: "https://registry.example/docs", date: 2026-01-01}
sources:
  - {title: Documentation, url: "https://registry.example/docs", date: 2026-01-01}
reversible: [/name]
"""
MAPPING = """\
$schema: "https://w3id.org/candle-spec/schemas/template/mapping/1.0.0-rc.1"
schema_version: 1.0.0-rc.1
ignore: [/files, /weights, /model, /dates, /training_state, /security, /conversion]
records:
  entry:
    label: {$from: /name, $level: must}
    ward:
      $from: "here:/ward"
      $use: [{vocabulary: wards}]
      $level: must
      $ask: {question: In which ward is it used?, vocabulary: wards}
    note: {$text: "{{ /name | upper }}"}
"""
RULES = """\
$schema: "https://w3id.org/candle-spec/schemas/template/rules/1.0.0-rc.1"
schema_version: 1.0.0-rc.1
rules:
  - {id: short, level: must, record: entry, assert: {max_characters: [/label, 10]}, message: the label is too long}
"""
WARDS = """\
$schema: "https://w3id.org/candle-spec/schemas/template/vocabulary/1.0.0-rc.1"
schema_version: 1.0.0-rc.1
title: Wards
status: closed
from: https://registry.example/wards
date: 2026-01-01
terms: [{id: oncology}, {id: radiology}]
"""
IMPORT = """\
$schema: "https://w3id.org/candle-spec/schemas/template/mapping/1.0.0-rc.1"
schema_version: 1.0.0-rc.1
records:
  manifest: {name: {$from: /label}}
"""
EXAMPLE = """\
$schema: "https://w3id.org/candle-spec/schemas/template/example/1.0.0-rc.1"
schema_version: 1.0.0-rc.1
title: One
checkpoint: minimal
set: {"/extensions/urn:example:registry:1": {ward: oncology}}
"""
BARE = EXAMPLE.replace(
    'set: {"/extensions/urn:example:registry:1": {ward: oncology}}', "expect: [{kind: missing-mandatory}]"
)
SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {"label": {"type": "string"}, "ward": {"type": "string"}, "note": {"type": "string"}},
    "required": ["label", "ward"],
    "additionalProperties": False,
}
EXTENSION = {
    "$id": "urn:example:registry:1",
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"ward": {"type": "string"}},
    "additionalProperties": False,
}
GOLDEN = {"documents": {"entry": {"label": "tiny", "ward": "oncology", "note": "TINY"}}, "losses": []}


def registry(at: Path) -> Path:
    """Write the template ``registry/2.0`` below a folder of templates; return its folder."""
    root = at / "registry" / "2.0"
    texts = {
        "template.yaml": TEMPLATE,
        "mapping.yaml": MAPPING,
        "rules.yaml": RULES,
        "import.yaml": IMPORT,
        "vocab/wards.yaml": WARDS,
        "README.md": "# Registry\n",
        "target.schema.json": json.dumps(SCHEMA),
        "extension.schema.json": json.dumps(EXTENSION),
        "examples/valid/one.yaml": EXAMPLE,
        "examples/valid/one.record.json": json.dumps(GOLDEN),
        "examples/invalid/bare.yaml": BARE,
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root
