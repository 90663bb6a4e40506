"""Give the bundles of the schemas to validators and editors of others, which run in Node: ``make foreign``.

What they are to say of each document is what jsonschema-rs says. The tests stand in ``tests/foreign``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from candle_spec.canonical import loads
from candle_spec.errors import CandleSpecError
from candle_spec.manifest import bundles, collection
from candle_spec.repositories.templates import search

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests" / "foreign"
MANIFEST = ROOT / "schemas" / "checkpoint" / "examples" / "valid" / "keras_hallmarks.json"


def documents(name: str) -> Iterator[tuple[Path, Any]]:
    """Yield the documents that a schema is tried with: its examples, and manifests of the conformance suite."""
    found = sorted((ROOT / "schemas" / name / "examples").glob("*/*.json"))
    if name == "checkpoint":
        found += sorted((ROOT / "tests" / "conformance").glob("*/*/candle-checkpoint.json"))
    for path in found:
        try:
            value = loads(path.read_bytes(), location=str(path))
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except (CandleSpecError, UnicodeEncodeError):
            continue  # one that breaks the rules of JSON: no schema says anything of it
        yield path, value


def schemas(draft: bundles.Draft) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and bundle of every packaged schema, and of what each repository adds to a manifest."""
    for name in sorted(collection.versions()):
        yield name, bundles.bundle(name, draft=draft)
    library = search.library()
    for key in library.keys:
        if library.get(key).extension_uri:
            yield f"repositories/{key}", bundles.flat(library.get(key).extension, draft=draft)


def write(folder: Path) -> None:
    """Write every bundle in both drafts, what is to be said of each document, and two manifests to try."""
    import jsonschema_rs

    cases = []
    for draft in bundles.DRAFTS:
        for name, schema in schemas(draft):
            file = f"{name.replace('/', '.')}.{draft}.json"
            (folder / file).write_text(json.dumps(schema), encoding="utf-8")
            validator = jsonschema_rs.validator_for(schema)
            judged = [{"document": str(path), "valid": validator.is_valid(value)} for path, value in documents(name)]
            cases.append({"bundle": file, "draft": draft, "documents": judged})
    (folder / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
    misspelt = folder / "misspelt.json"
    misspelt.write_text(MANIFEST.read_text(encoding="utf-8").replace('"license": {', '"lisence": {', 1), "utf-8")
    manifests = {"sound": str(MANIFEST), "misspelt": str(misspelt)}
    (folder / "manifests.json").write_text(json.dumps(manifests), encoding="utf-8")


def main() -> int:
    """Run the command and return its exit code."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        print("make foreign needs Node 20 or newer and npm on the PATH", file=sys.stderr)
        return 1
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=TESTS, check=True)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        files = [path.name for path in sorted(TESTS.glob("*.test.mjs"))]
        environment = {**os.environ, "CANDLE_SPEC_BUNDLES": folder}
        return subprocess.run([node, "--test", *files], cwd=TESTS, env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
