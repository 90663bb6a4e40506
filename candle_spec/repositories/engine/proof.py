"""``candle-spec template test``: everything that a template must stand before it is used."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from candle_spec import pointer as pointers
from candle_spec import resources
from candle_spec.atomic import replace_file
from candle_spec.canonical import pretty
from candle_spec.errors import CandleSpecError, InvalidInputError
from candle_spec.manifest import check
from candle_spec.manifest.documents import Document, load_document
from candle_spec.problems import Location, Problem, Severity
from candle_spec.repositories.engine.importer import import_documents, read_output
from candle_spec.repositories.engine.mapper import map_source, write_documents
from candle_spec.repositories.engine.record import Record
from candle_spec.repositories.engine.source import merge
from candle_spec.repositories.kinds import LOSSES
from candle_spec.repositories.templates.document_checks import check_documents
from candle_spec.repositories.templates.folder import Folder, open_folder
from candle_spec.repositories.templates.template import Template, build, read_sources

EXAMPLE: Final = "CKP7204"
"""An example is not what its folder says."""

CHANGED: Final = "CKP7205"
"""An example gives another record, or loses something else, than it did."""

ROUND_TRIP: Final = "CKP7206"
"""What the template declares reversible does not come back."""


@dataclass(slots=True)
class Proof:
    """What was tried, and what was wrong.

    Attributes:
        problems: All mistakes, with file, line and column.
        examples: How many examples were run.
        golden: What each valid example gives now, by the path of the file that keeps it.
    """

    problems: list[Problem] = field(default_factory=list)
    examples: int = 0
    golden: dict[str, bytes] = field(default_factory=dict)


def prove(folder: Folder) -> Proof:
    """Test one template; nothing is written."""
    proof = Proof()
    sources, documents, failed = read_sources(folder)
    proof.problems = check_documents(folder, sources, documents, failed)
    if proof.problems:
        return proof
    template = build(folder, sources)
    for name in folder.names():
        kind = name.split("/")[1] if name.startswith("examples/") and name.endswith(".yaml") else ""
        if kind in ("valid", "invalid"):
            proof.examples += 1
            _example(template, name, kind, proof)
    return proof


def renew(path: Path) -> Proof:
    """Write what the valid examples of a template in a folder give now, and test it."""
    for name, data in prove(open_folder(path)).golden.items():
        replace_file(path / name, data)
    return prove(open_folder(path))


def _example(template: Template, name: str, kind: str, proof: Proof) -> None:
    try:
        document = load_document(template.folder.read(name), name)
        wrong = [document.locate(each) for each in check(document.value, schema="template/example", file=name)]
        wrong = [each for each in wrong if each.severity is Severity.ERROR]
        if wrong:
            proof.problems += wrong
            return
        manifest = example_manifest(template.folder, document.value)
        record = map_source(template, merge(manifest))
        write_documents(template, record)
    except CandleSpecError as error:
        proof.problems.append(
            Problem(EXAMPLE, Severity.ERROR, error.message, Location(name, line=1, column=1), error.hint)
        )
        return
    proof.problems += _expectations(document, record, name)
    if kind == "valid":
        proof.problems += _valid(template, manifest, record, document, name)
        proof.golden[_golden(name)] = pretty(summary(record))
    elif not record.blocking:
        message = "the example is said to be invalid, and nothing is wrong with it"
        proof.problems.append(_at(document, EXAMPLE, name, "", message))


def _golden(name: str) -> str:
    """Return the file that keeps what an example gives."""
    return name.removesuffix(".yaml") + ".record.json"


def _valid(
    template: Template, manifest: Mapping[str, Any], record: Record, document: Document, name: str
) -> Iterator[Problem]:
    """What is wrong with an example that is said to be valid."""
    for finding in record.blocking:
        yield _at(document, EXAMPLE, name, "", f"{finding.kind.value} {finding.target}: {finding.message}")
    golden = _golden(name)
    if template.folder.has(golden):
        yield from _changes(template.folder.json(golden), summary(record), golden)
    else:
        yield _at(document, CHANGED, name, "", f"{golden} is missing", "candle-spec template test --update")
    yield from _round_trip(template, manifest, record, document, name)


def _at(document: Document, code: str, name: str, at: str, message: str, hint: str = "") -> Problem:
    line, column = document.positions.find(at)
    return Problem(code, Severity.ERROR, message, Location(name, at, line, column), hint)


def example_manifest(folder: Folder, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest that an example describes.

    Raises:
        InvalidInputError: It changes something that is not there.
    """
    if "manifest" in about:
        base = folder.json(about["manifest"])
    else:
        base = resources.read_json(f"checkpoint/examples/valid/{about.get('checkpoint', 'minimal')}.json")
    manifest: dict[str, Any] = copy.deepcopy(base)
    for at, value in (about.get("set") or {}).items():
        pointers.put(manifest, at, copy.deepcopy(value))
    for at in about.get("remove") or ():
        parts = pointers.split(at)
        owner = pointers.get(manifest, pointers.join(parts[:-1]))
        if not isinstance(owner, dict) or parts[-1] not in owner:
            raise InvalidInputError(f"the example removes {at!r}, which is not there")
        del owner[parts[-1]]
    return manifest


def summary(record: Record) -> dict[str, Any]:
    """Return what an example keeps: the documents, and what is lost or changed on the way."""
    kinds = {kind.value for kind in LOSSES} | {"defaulted", "unit-converted", "vocabulary-matched", "unverified"}
    rows = [f"{finding.kind.value} {finding.target or finding.source}" for finding in record.findings]
    return {
        "documents": record.documents,
        "losses": sorted({row for row in rows if row.partition(" ")[0] in kinds}),
    }


def _expectations(document: Document, record: Record, name: str) -> Iterator[Problem]:
    for index, expected in enumerate(document.value.get("expect") or ()):
        found = any(
            finding.kind.value == expected["kind"]
            and expected.get("target", finding.target) == finding.target
            and expected.get("message", "") in finding.message
            for finding in record.findings
        )
        if not found:
            what = " ".join(str(expected[key]) for key in ("kind", "target", "message") if key in expected)
            yield _at(document, EXAMPLE, name, f"/expect/{index}", f"there is no such finding: {what}")


def _changes(before: Any, now: Any, name: str) -> Iterator[Problem]:
    old, new = dict(pointers.leaves(before)), dict(pointers.leaves(now))
    for at in [*old, *(each for each in new if each not in old)]:
        if old.get(at) != new.get(at):
            message = f"{at}: was {old.get(at)!r}, is {new.get(at)!r}"
            yield Problem(
                CHANGED,
                Severity.ERROR,
                message,
                Location(name, at, 1, 1),
                "candle-spec template test --update, if it is meant",
            )
            return


def _round_trip(
    template: Template, manifest: Mapping[str, Any], record: Record, document: Document, name: str
) -> Iterator[Problem]:
    if template.importing is None or read_output(template)["id"] not in record.documents:
        return
    back = import_documents(template, record.documents)
    for at in template.about.get("reversible", ()):
        wanted = pointers.get(manifest, at)
        if wanted is not None and pointers.get(back, at) != wanted:
            message = f"{at} does not come back: it was {wanted!r}, it is {pointers.get(back, at)!r}"
            yield _at(document, ROUND_TRIP, name, "", message)
