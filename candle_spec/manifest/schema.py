"""Check a document against its packaged schema: the one door through which level L1 goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from candle_spec import pointer
from candle_spec.manifest import collection, versions
from candle_spec.manifest.engines import Engine, faults, telling
from candle_spec.manifest.plain import Findings, Path, integers_with_fraction, scan
from candle_spec.manifest.spelling import nearest
from candle_spec.manifest.words import UNKNOWN, describe
from candle_spec.problems import Location, Problem, Severity

NOT_INSTALLED = "CKP1020"


def check(
    document: Any,
    *,
    schema: str = "checkpoint",
    version: str | None = None,
    engine: Engine = "fast",
    file: str = "",
    plain: bool = False,
) -> list[Problem]:
    """Return all that is wrong with a document, by its schema.

    Args:
        document: What a JSON parser gives.
        schema: Name of the schema, for example ``"checkpoint"`` or ``"state-tree"``.
        version: Version of the schema to use; by default the one that the document states, by the policy of
            :mod:`candle_spec.manifest.versions`.
        engine: ``"fast"`` or ``"reference"``; both find the same.
        file: Name of the file, for the problems' location.
        plain: Whether reading it has shown that all its values are ones that all JSON readers read alike.

    Returns:
        The problems in the order of their places in the document. Unknown extensions and development versions are
        infos, what a newer minor version brings are warnings, all else are errors.
    """
    selection = versions.Selection(version, version) if version else versions.select(document, schema=schema)
    found = Findings() if plain else scan(document)
    problems = [*found.not_json, *selection.problems]
    if not found.not_json and selection.version is not None:
        problems += _asked(document, schema, selection, engine, found.problems, found.whole)
    place = _places(document)
    problems.sort(key=lambda problem: (place(problem.location.pointer), problem.code, problem.message))
    return [_in_file(problem, file) for problem in problems] if file else problems


def new_errors(document: Any, before: Any) -> list[Problem]:
    """Return the errors of a document that an earlier form of it does not have: what somebody else wrote stays."""
    known = {(problem.code, problem.location.pointer) for problem in check(before)}
    return [
        problem
        for problem in check(document)
        if problem.severity is Severity.ERROR and (problem.code, problem.location.pointer) not in known
    ]


def _in_file(problem: Problem, file: str) -> Problem:
    return replace(problem, location=replace(problem.location, file=file))


def _asked(
    document: Any, schema: str, selection: versions.Selection, engine: Engine, numbers: list[Problem], whole: bool
) -> Iterator[Problem]:
    """What the schema, the rule for numbers and the schemas of extensions find."""
    version = selection.version or collection.CURRENT
    found = [
        problem
        for fault in telling(faults(document, schema, version, engine))
        for problem in describe(fault, newer_minor=selection.newer_minor)
    ]
    yield from found
    if whole:
        numbers = numbers + integers_with_fraction(document, _wrong_types(schema, version, engine))
    faulty = {problem.location.pointer for problem in found}
    yield from (problem for problem in numbers if problem.location.pointer not in faulty)
    if schema == "checkpoint" and isinstance(document, dict):
        yield from (problem for problem in _extensions(document, engine) if problem.location.pointer not in faulty)


def _wrong_types(schema: str, version: str, engine: Engine) -> Callable[[Any], set[Path]]:
    return lambda changed: {fault.path for fault in faults(changed, schema, version, engine) if fault.keyword == "type"}


def _extensions(document: dict[str, Any], engine: Engine) -> Iterator[Problem]:
    """Check each extension's object with its own schema; say which could not be checked."""
    extensions = document.get("extensions")
    for uri, value in extensions.items() if isinstance(extensions, dict) else ():
        at = pointer.join(["extensions", uri])
        selection = _installed(uri, at)
        yield from selection.problems
        if selection.version is not None and (named := collection.parse_id(uri)):
            for problem in check(value, schema=named[0], version=selection.version, engine=engine):
                yield _below(problem, at, warn=selection.newer_minor)
    claimed = document.get("conforms_to")
    for index, uri in enumerate(claimed if isinstance(claimed, list) else ()):
        if isinstance(uri, str) and not (isinstance(extensions, dict) and uri in extensions):
            yield from _installed(uri, f"/conforms_to/{index}").problems


def _installed(uri: str, at: str) -> versions.Selection:
    """Choose the schema of an extension or profile."""
    named = collection.parse_id(uri)
    if named and named[0] in collection.versions():
        return versions.for_extension(named[1], collection.versions()[named[0]], at)
    if uri.startswith(collection.BASE):
        near = nearest(uri, collection.documents())
        hint = f"did you mean {near!r}?" if near else ""
        message = f"{uri!r} is no schema of this package, whose namespace it uses"
        problem = Problem(UNKNOWN, Severity.ERROR, message, Location(pointer=at), hint)
    else:
        message = f"no schema for {uri!r} is installed: what it says was not checked"
        problem = Problem(NOT_INSTALLED, Severity.INFO, message, Location(pointer=at))
    return versions.Selection("", None, problems=(problem,))


def _below(problem: Problem, at: str, *, warn: bool) -> Problem:
    """Move a problem of an extension's object to its place in the manifest."""
    severity = Severity.WARNING if warn and problem.code == UNKNOWN else problem.severity
    return replace(problem, severity=severity, location=Location(pointer=at + problem.location.pointer))


def _places(document: Any) -> Callable[[str], tuple[int, ...]]:
    """Return what sorts pointers by their places in the document; what is not there comes last in its object."""
    orders: dict[int, dict[str, int]] = {}

    def place(text: str) -> tuple[int, ...]:
        value, key = document, []
        for part in pointer.split(text):
            if isinstance(value, list) and part.isdigit() and int(part) < len(value):
                key.append(int(part))
                value = value[int(part)]
            elif isinstance(value, dict):
                order = orders.setdefault(id(value), {str(name): index for index, name in enumerate(value)})
                key.append(order.get(part, len(order)))
                value = value.get(part)
            else:
                break
        return tuple(key)

    return place
