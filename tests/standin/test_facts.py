"""What the stand-in knows of the service is data that say where they are from; the client reads none of it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from candle_spec.standin.facts import document, limit
from candle_spec.standin.rules import packaged
from tests.helpers.calls import ROOT

FILES = ("rules.json", "limits.json", "paths.json", "messages.json")
STANDIN = ROOT / "candle_spec" / "standin"
CODE = "\n".join(path.read_text(encoding="utf-8") for path in STANDIN.glob("*.py"))
PINNED = re.compile(
    r"https://github\.com/[\w-]+/[\w-]+/blob/([0-9a-f]{40}|[0-9.]+x)/\S+|https://wiki\.nci\.nih\.gov/\S+"
)


def _sources(found: Any) -> Iterator[str]:
    """Every source in a document, of whatever it is."""
    for name, value in found.items() if isinstance(found, dict) else ():
        if re.search("(^s|S)ource$", name):
            yield from [value] if isinstance(value, str) else value
        elif name == "words" and isinstance(value, dict):
            yield from value.values()
        else:
            yield from _sources(value)
    for item in found if isinstance(found, list) else ():
        yield from _sources(item)


@pytest.mark.parametrize("name", FILES)
def test_every_source_is_a_public_address(name: str) -> None:
    found = document(name)
    sources = list(_sources(found))
    assert sources
    used = set()
    for source in sources:
        short, _, rest = source.partition(":")
        used.add(short)
        assert PINNED.fullmatch((found["addresses"][short] + rest).split()[0]), source
    assert used == set(found["addresses"])


def test_every_rule_limit_and_message_has_a_source() -> None:
    assert all(rule["source"] for rule in document("rules.json")["collectionMetadataValidationRules"])
    for name, member in (("limits.json", "limits"), ("messages.json", "messages")):
        assert all(entry["source"] for entry in document(name)[member].values())
    assert all("source" in part or "words" in part for part in _parts().values())


def _parts() -> dict[str, Any]:
    return {name: part for name, part in document("paths.json").items() if name not in ("description", "addresses")}


def test_nothing_is_told_that_is_not_there_and_nothing_is_there_that_is_not_told() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in STANDIN.glob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if _named(node)]
    told = {node.args[0].value for node in calls if isinstance(node.args[0], ast.Constant)}  # type: ignore[attr-defined]
    told |= set(re.findall(r'"((?:not_stored|not_updated)(?:_of_file)?)"', CODE))
    assert told == set(document("messages.json")["messages"])
    assert set(re.findall(r'limit\("(\w+)"\)', CODE)) == set(document("limits.json")["limits"])


def _named(node: ast.AST) -> bool:
    """Whether a node names a message."""
    name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
    return name in ("message", "refusal", "DeniedError")


def test_the_defaults_are_those_of_the_service() -> None:
    assert (limit("request_bytes"), limit("part_bytes")) == (2000 * 2**20, 50 * 2**20)
    assert limit("token_minutes") == 90 * 24 * 60
    assert packaged().base_path == "/NCI_DOE_Archive"


def test_the_client_reads_none_of_it() -> None:
    """The rooms are apart by the order of the rooms; this is about the files."""
    for path in (ROOT / "candle_spec" / "modac").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "candle_spec.standin" not in text, path
        assert not any(name in text for name in FILES[1:]), path
    for path in STANDIN.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "candle_spec.modac" not in text, path
        assert "repositories/modac" not in text, path


def test_rules_need_no_framework() -> None:
    script = "from candle_spec.standin import metadata, rules; rules.packaged(); import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"starlette", "uvicorn", "httpx", "numpy", "jsonschema"} & set(loaded.split())


def test_no_path_of_one_machine() -> None:
    for name in FILES:
        assert not re.search(r'"/(work|home|tmp|root)\b', Path(STANDIN / name).read_text(encoding="utf-8"))
