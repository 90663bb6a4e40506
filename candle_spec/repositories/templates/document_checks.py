"""Check a template's documents: all mistakes at once, each with file, line and column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from candle_spec import pointer as pointers
from candle_spec.digests import digest_bytes
from candle_spec.errors import CandleSpecError
from candle_spec.manifest import check
from candle_spec.manifest.documents import Document
from candle_spec.problems import Location, Problem, Severity
from candle_spec.repositories.language.coverage import Coverage
from candle_spec.repositories.language.references import Reader
from candle_spec.repositories.language.schema_places import Place, Places
from candle_spec.repositories.language.terms import Mistake
from candle_spec.repositories.templates import target
from candle_spec.repositories.templates.folder import Folder
from candle_spec.repositories.templates.template import (
    DOCUMENTS,
    EXTENSION,
    MAPPING,
    RULES,
    TEMPLATE,
    VOCABULARIES,
    Sources,
    Template,
    build,
)
from candle_spec.repositories.vocabulary import parse

CODE: Final = "CKP7201"
"""A document of a template breaks its form, or says something that cannot be."""

OPEN: Final = "CKP7202"
"""A mandatory field of the target is neither mapped nor asked for."""

NOWHERE: Final = "CKP7203"
"""A pointer leads to nothing that a manifest or an extension has."""


def check_documents(
    folder: Folder, sources: Sources, documents: Mapping[str, Document], failed: list[tuple[str, CandleSpecError]]
) -> list[Problem]:
    """Return everything that is wrong with the documents of a template; examples are not run."""
    problems = [_unreadable(name, error) for name, error in failed]
    for name, document in documents.items():
        if name != EXTENSION:
            found = check(document.value, schema=DOCUMENTS.get(name, "template/vocabulary"), file=name)
            problems += [document.locate(each) for each in found if each.severity is Severity.ERROR]
    unreadable = {name for name, _ in failed}
    for name in (TEMPLATE, MAPPING):
        if name not in sources.documents and name not in unreadable:
            problems.append(_problem(CODE, name, None, Mistake("", f"the template has no {name}")))
    broken = {problem.location.file for problem in problems}
    if TEMPLATE in broken or MAPPING in broken:
        return problems
    sound = Sources(
        {name: value for name, value in sources.documents.items() if name not in broken},
        {name: value for name, value in sources.vocabularies.items() if f"vocab/{name}.yaml" not in broken},
        sources.texts,
        sources.extension,
    )
    for name in [*broken, *unreadable]:  # known by name, so that the mapping is not blamed
        if name.startswith(VOCABULARIES):
            sound.vocabularies[name.removeprefix(VOCABULARIES).removesuffix(".yaml")] = {"status": "unknown"}
    template = build(folder, sound)
    for name, mistakes in template.mistakes.items():
        problems += [_problem(CODE, name, documents.get(name), mistake) for mistake in mistakes]
    for code, name, mistake in _beyond(template, sources):
        problems.append(_problem(code, name, documents.get(name), mistake))
    return sorted(problems, key=_order)


def _order(problem: Problem) -> tuple[str, int, int]:
    return problem.location.file, problem.location.line or 0, problem.location.column or 0


def _unreadable(name: str, error: CandleSpecError) -> Problem:
    numbers = [int(part) for part in error.location.removeprefix(name).split(":") if part.isdigit()]
    line, column = numbers if len(numbers) == 2 else (1, 1)
    return Problem(CODE, Severity.ERROR, error.message, Location(file=name, line=line, column=column), error.hint)


def _problem(code: str, name: str, document: Document | None, mistake: Mistake) -> Problem:
    line, column = document.positions.find(mistake.at) if document else (1, 1)
    place = Location(file=name, pointer=mistake.at, line=line, column=column)
    return Problem(code, Severity.ERROR, mistake.message, place, mistake.hint)


def _beyond(template: Template, sources: Sources) -> Iterator[tuple[str, str, Mistake]]:
    """What no schema of a single document can say: ``(code, file, mistake)``."""
    yield from ((CODE, TEMPLATE, mistake) for mistake in _template(template))
    yield from ((CODE, EXTENSION, mistake) for mistake in _extension(template))
    yield from ((CODE, RULES, mistake) for mistake in _rules(template))
    yield from _vocabularies(sources)
    extensions = {template.extension_uri: template.extension} if template.extension_uri else {}
    reader = Reader(Places(extensions))
    yield from ((NOWHERE, MAPPING, mistake) for mistake in reader.mistakes(template.tree))
    for output in template.outputs:
        instruction = template.tree.records.get(output["id"])
        if instruction is None or "schema" not in output or not _usable(template.folder, output["schema"]):
            continue
        schema, places = _target_places(template.folder, output["schema"])
        coverage = Coverage(places, schema, reader, template.vocabularies, template.tree.pools)
        yield from ((OPEN, MAPPING, mistake) for mistake in coverage.mistakes(instruction))


def _target_places(folder: Folder, reference: str) -> tuple[Place, Places]:
    name, _, fragment = reference.partition("#")
    document = folder.json(name)
    others = {other: folder.json(other) for other in folder.schemas()}
    others |= {str(each["$id"]): each for each in others.values() if isinstance(each, dict) and "$id" in each}
    places = Places({}, document, others)
    return Place(((pointers.get(document, fragment), document),)), places


def _usable(folder: Folder, reference: str) -> bool:
    try:
        target.validator(folder, reference)
    except CandleSpecError:  # said by _template
        return False
    return pointers.get(folder.json(reference.partition("#")[0]), reference.partition("#")[2]) is not None


def _template(template: Template) -> Iterator[Mistake]:
    yield from _place(template)
    yield from _schemas(template)
    yield from _outputs(template)
    yield from _forms(template)
    yield from _files(template)


def _place(template: Template) -> Iterator[Mistake]:
    about, root = template.about, template.folder.root
    real = root.resolve() if isinstance(root, Path) else None
    if real is not None and (real.parent.name, real.name) != (about["id"], about["version"]):
        stated = f"{about['id']}/{about['version']}"
        yield Mistake("/id", f"the folder is {real.parent.name}/{real.name}, the template says {stated}")


def _schemas(template: Template) -> Iterator[Mistake]:
    folder = template.folder
    for index, entry in enumerate(template.about.get("schemas", ())):
        at = f"/schemas/{index}"
        if not folder.has(entry["file"]):
            yield Mistake(f"{at}/file", f"the template has no file {entry['file']!r}")
        elif "digest" in entry and digest_bytes(folder.read(entry["file"])) != entry["digest"]:
            yield Mistake(f"{at}/digest", f"{entry['file']} has another digest: it was changed after it was vendored")


def _outputs(template: Template) -> Iterator[Mistake]:
    about, ids = template.about, [output["id"] for output in template.outputs]
    declared = {entry["file"] for entry in about.get("schemas", ())}
    for index, output in enumerate(template.outputs):
        at = f"/outputs/{index}"
        if ids.index(output["id"]) != index:
            yield Mistake(f"{at}/id", f"there are two outputs {output['id']!r}")
        if output["id"] not in template.tree.records:
            yield Mistake(f"{at}/id", f"mapping.yaml has no record {output['id']!r}")
        yield from _output_schema(template.folder, output, f"{at}/schema", declared)
    if about.get("reads", ids[0]) not in ids:
        yield Mistake("/reads", f"there is no output {about['reads']!r}")
    for name in template.tree.records:
        if name not in ids:
            yield Mistake("/outputs", f"mapping.yaml has a record {name!r}, but there is no such output")


def _forms(template: Template) -> Iterator[Mistake]:
    forms, ids = template.about.get("forms", ()), [output["id"] for output in template.outputs]
    for index, form in enumerate(forms):
        if form["id"] in [other["id"] for other in forms[:index]]:
            yield Mistake(f"/forms/{index}/id", f"there are two forms {form['id']!r}")
        for number, name in enumerate(form["outputs"]):
            if name not in ids:
                yield Mistake(f"/forms/{index}/outputs/{number}", f"there is no output {name!r}")


def _output_schema(folder: Folder, output: Mapping[str, Any], at: str, declared: set[str]) -> Iterator[Mistake]:
    reference = output.get("schema")
    if reference is None:
        return
    name, _, fragment = reference.partition("#")
    if name not in declared:
        yield Mistake(
            at, f"{name!r} is not among the schemas: say whether it is vendored or derived, from where and when"
        )
    if not folder.has(name):
        yield Mistake(at, f"the template has no file {name!r}")
        return
    try:
        if pointers.get(folder.json(name), fragment) is None:
            yield Mistake(at, f"{name} has nothing at {fragment!r}")
        else:
            target.validator(folder, reference)
    except CandleSpecError as error:
        yield Mistake(at, f"{name}: {error.message}")


def _files(template: Template) -> Iterator[Mistake]:
    if template.about.get("reversible") and template.importing is None:
        yield Mistake("/reversible", "nothing comes back without import.yaml")
    places = Places({template.extension_uri: template.extension} if template.extension_uri else {})
    for index, at in enumerate(template.about.get("reversible", ())):
        found = places.find(tuple(pointers.split(at)))
        if isinstance(found, str):
            yield Mistake(f"/reversible/{index}", f"{found} in the manifest")
    if not template.folder.has("README.md"):
        yield Mistake("", "the template has no README.md")
    names = template.folder.names()
    for kind in ("valid", "invalid"):
        if not any(name.startswith(f"examples/{kind}/") and name.endswith(".yaml") for name in names):
            yield Mistake("", f"the template has no example in examples/{kind}/")


def _extension(template: Template) -> Iterator[Mistake]:
    if template.extension is None:
        return
    if not template.extension_uri:
        yield Mistake(
            "", "the extension's schema has no $id: it is the name under which its object stands in a manifest"
        )
        return
    try:
        target.validator(template.folder, EXTENSION)
    except CandleSpecError as error:
        yield Mistake("", error.message)


def _rules(template: Template) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, rule in enumerate(template.rules):
        if rule.id in seen:
            yield Mistake(f"/rules/{index}/id", f"there are two rules {rule.id!r}")
        seen.add(rule.id)
        if rule.record not in template.tree.records:
            yield Mistake(f"/rules/{index}/record", f"there is no record {rule.record!r}")


def _vocabularies(sources: Sources) -> Iterator[tuple[str, str, Mistake]]:
    for name, document in sources.vocabularies.items():
        if not isinstance(document, dict) or not isinstance(document.get("terms"), list):
            continue
        file = f"vocab/{name}.yaml"
        seen: set[str] = set()
        for index, term in enumerate(document["terms"]):
            word = term.get("id") if isinstance(term, dict) else None
            if word in seen:
                yield CODE, file, Mistake(f"/terms/{index}", f"the term {word!r} is in the list twice")
            seen.add(str(word))
        if document.get("status") == "closed" and not parse(name, document).terms:
            yield CODE, file, Mistake("/terms", "a closed list without terms refuses everything")
