"""Run the levels over one checkpoint: a level that cannot run says so and is never reported as passed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from candle_spec import parallel
from candle_spec.checkpoint.layout import MANIFEST, SIGNATURE, YAML_MANIFESTS, written_as_yaml, yaml_manifest
from candle_spec.digests import Progress, no_progress
from candle_spec.errors import CandleSpecError, InvalidInputError, MissingPathError
from candle_spec.manifest import Document, check, load_document
from candle_spec.manifest.features import unknown
from candle_spec.manifest.migrations import manifest_bound
from candle_spec.problems import Level, LevelResult, LevelState, Location, Problem, Report, Severity
from candle_spec.validation.catalogue import cited, from_error
from candle_spec.validation.context import NOT_HERE, Context, Options, at
from candle_spec.validation.rules import (
    certificate,
    documents,
    features,
    files,
    later_evaluations,
    parameters,
    safety,
    semantics,
    shards,
    signatures,
    uses,
    weights,
)
from candle_spec.validation.verdict import SIGNED, UNSIGNED

Rule = Callable[[Context], Iterable[Problem]]

RULES: Final[dict[Level, tuple[Rule, ...]]] = {
    Level.SEMANTICS: (
        *semantics.RULES,
        *uses.L2_RULES,
        *certificate.L2_RULES,
        *features.L2_RULES,
        *later_evaluations.L2_RULES,
    ),
    Level.FILES: files.RULES,
    Level.WEIGHTS: (
        *weights.RULES,
        *shards.L4_RULES,
        *parameters.L4_RULES,
        *documents.L4_RULES,
        *certificate.L4_RULES,
        *features.L4_RULES,
        *later_evaluations.L4_RULES,
    ),
    Level.SAFETY: safety.RULES,
}
"""The checks of each level; to add one: a function in ``rules/``, its code in ``schemas/checks.json``."""

_NEEDS: Final = {
    Level.SCHEMA: (Level.PARSE,),
    Level.SEMANTICS: (Level.PARSE, Level.SCHEMA),
    Level.FILES: (Level.PARSE, Level.SCHEMA),
    Level.WEIGHTS: (Level.PARSE, Level.SCHEMA),
    Level.SAFETY: (Level.PARSE, Level.SCHEMA),
}


def validate(
    path: str | Path,
    *,
    max_level: int = 5,
    strict_safe: bool = False,
    jobs: int | None = None,
    known_digests: dict[str | tuple[str, str], str] | None = None,
    progress: Progress = no_progress,
    public_key: str | Path | None = None,
) -> Report:
    """Validate one checkpoint.

    Args:
        path: The folder, or its manifest.
        max_level: The last level to run, 0 to 5.
        strict_safe: Make an inert pickle of foreign code an error.
        jobs: Threads; ``None`` for the default.
        known_digests: Digests that the caller computed a moment ago from the very bytes in the folder.
        progress: Called with bytes digested: those of the files (L3), and once more those of the tensors (L4).
        public_key: A key, as PEM: signatures must have been made with its private half (L8).

    Raises:
        MissingPathError: Nothing is there.
        InvalidInputError: It is no checkpoint; or there is no such key.
        MissingDependencyError: There is a key, and not the library that compares signatures.
    """
    root = checkpoint_root(path)
    key = None if public_key is None else Path(public_key)
    options = Options(max_level, strict_safe, parallel.jobs(jobs), known_digests or {}, progress, key)
    report = Report(str(path))
    context = Context(root, options)
    try:
        document = _parse(context, report)
        _schema(context, document, report)
        for level, rules in RULES.items():
            _level(level, rules, context, document, report)
        _later_levels(context, report)
    finally:
        context.digests.close()
    return report


def checkpoint_root(path: str | Path) -> Path:
    """Return the folder of the checkpoint that ``path`` names.

    Raises:
        MissingPathError: Nothing is there.
        InvalidInputError: It is no checkpoint.
    """
    where = Path(path)
    if where.name in (MANIFEST, *YAML_MANIFESTS) and where.is_file():
        where = where.parent
    if not where.exists():
        raise MissingPathError("there is no such file or folder", location=str(path))
    if not where.is_dir() or not ((where / MANIFEST).is_file() or yaml_manifest(where)):
        raise InvalidInputError(
            f"this is no checkpoint: there is no {MANIFEST}",
            location=str(path),
            hint="candle-spec convert makes one",
            code="CKP0008",
        )
    return where.resolve()


def find_checkpoints(path: str | Path) -> list[Path]:
    """Return all checkpoints at or below a folder, sorted; checkpoints are not searched, links not followed."""
    found: list[Path] = []
    waiting = [Path(path)]  # no recursion: folders may be nested deeper than calls
    while waiting:
        folder = waiting.pop()
        if (folder / MANIFEST).is_file() or yaml_manifest(folder):
            found.append(folder)
        elif folder.is_dir():
            waiting += (
                entry
                for entry in folder.iterdir()
                if entry.is_dir() and not entry.is_symlink() and not entry.name.startswith(".")
            )
    return sorted(found)


def _parse(context: Context, report: Report) -> Document | None:
    manifest = context.root / MANIFEST
    if written := written_as_yaml(Path(report.path)):
        message, hint = written
        name = next(name for name in YAML_MANIFESTS if (context.root / name).is_file())
        report.problems.append(cited(Problem("CKP0008", Severity.ERROR, message, Location(name), hint)))
        report.levels.append(LevelResult(Level.PARSE, LevelState.FAILED))
        return None
    try:
        document = load_document(manifest, MANIFEST, manifest_bound(manifest))
    except CandleSpecError as error:
        report.problems.append(from_error(error, MANIFEST, "CKP0002"))
        report.levels.append(LevelResult(Level.PARSE, LevelState.FAILED))
        return None
    except OSError as error:
        raise InvalidInputError(f"the manifest cannot be read: {error.strerror}", location=report.path) from error
    report.levels.append(LevelResult(Level.PARSE, LevelState.OK, checked={"bytes": manifest.stat().st_size}))
    return document


def _schema(context: Context, document: Document | None, report: Report) -> None:
    if context.options.max_level < Level.SCHEMA or document is None:
        reason = f"{Level.PARSE.label} failed" if document is None else "not asked for"
        report.levels.append(LevelResult(Level.SCHEMA, LevelState.NOT_RUN, reason))
        return
    asked = check(document.value, file=MANIFEST, plain=document.plain)
    if isinstance(document.value, dict):
        asked += unknown(document.value)
    found = [cited(problem) for problem in asked]
    report.extend(_located(found, document))
    failed = any(problem.severity is Severity.ERROR for problem in found)
    report.levels.append(LevelResult(Level.SCHEMA, LevelState.FAILED if failed else LevelState.OK))
    if not failed:
        context.manifest = document.value


def _level(level: Level, rules: tuple[Rule, ...], context: Context, document: Document | None, report: Report) -> None:
    failed = [
        result.level for result in report.levels if result.level in _NEEDS[level] and result.state is LevelState.FAILED
    ]
    if level > context.options.max_level:
        report.levels.append(LevelResult(level, LevelState.NOT_RUN, "not asked for"))
        return
    if failed or document is None or not context.manifest:
        because = failed[0].label if failed else Level.PARSE.label
        report.levels.append(LevelResult(level, LevelState.NOT_RUN, f"{because} failed"))
        return
    context.checked = {}
    # Rules that need the same unreadable document all say so: once is enough.
    found = list(dict.fromkeys(problem for rule in rules for problem in _guarded(rule, context, level)))
    report.extend(_located(found, document))
    state, reason = LevelState.FAILED if any(p.severity is Severity.ERROR for p in found) else LevelState.OK, ""
    if state is LevelState.OK and level is Level.WEIGHTS and context.checked.get(NOT_HERE) and not context.headers:
        state, reason = LevelState.NOT_RUN, "the weights are not here"
    report.levels.append(LevelResult(level, state, reason, checked=dict(context.checked)))


_DEFAULT_CODES: Final = {
    Level.SEMANTICS: "CKP2000",
    Level.FILES: "CKP3000",
    Level.WEIGHTS: "CKP4000",
    Level.SAFETY: "CKP5000",
}
"""Codes for faults that keep a rule from running: the checkpoint is damaged in a way that another check names."""


def _guarded(rule: Rule, context: Context, level: Level) -> Iterator[Problem]:
    """A rule that cannot read what it needs becomes a finding, never an end of the run."""
    try:
        yield from rule(context)
    except CandleSpecError as error:
        yield from_error(error, "", _DEFAULT_CODES[level])
    except OSError as error:
        yield from_error(CandleSpecError(f"cannot be read: {error}"), str(error.filename or ""), _DEFAULT_CODES[level])


def _located(problems: Iterable[Problem], document: Document) -> Iterator[Problem]:
    """Give findings in the manifest their line and column."""
    for problem in problems:
        in_manifest = problem.location.file in ("", MANIFEST) and problem.location.pointer
        if in_manifest and problem.location.line is None:
            placed = document.locate(problem)
            yield replace(placed, location=replace(placed.location, file=MANIFEST))
        else:
            yield problem


def _later_levels(context: Context, report: Report) -> None:
    report.levels.append(LevelResult(Level.BEHAVIOUR, LevelState.NOT_RUN, "candle-spec verify-conversion runs it"))
    report.levels.append(LevelResult(Level.READINESS, LevelState.NOT_RUN, "no repository asked for"))
    report.levels.append(_authenticity(context, report))


def _authenticity(context: Context, report: Report) -> LevelResult:
    """A signature passes where a key was given; without one, only its form and what it is of can be judged."""
    if context.options.max_level < Level.FILES and (context.root / SIGNATURE).exists():
        return LevelResult(Level.AUTHENTICITY, LevelState.NOT_RUN, "not asked for")
    found = signatures.signed(context)
    report.extend(found.problems)
    if found.problems:
        return LevelResult(Level.AUTHENTICITY, LevelState.FAILED)
    if not found.manifest:
        if context.options.public_key is not None:
            report.problems.append(at("CKP8003", "the checkpoint is not signed", file=SIGNATURE))
            return LevelResult(Level.AUTHENTICITY, LevelState.FAILED)
        return LevelResult(Level.AUTHENTICITY, LevelState.NOT_RUN, UNSIGNED)
    if found.verified:
        return LevelResult(Level.AUTHENTICITY, LevelState.OK)
    hint = "give --public-key" if found.manifest == "a key" else "model_signing verify"
    return LevelResult(Level.AUTHENTICITY, LevelState.NOT_RUN, f"{SIGNED} {found.manifest}, not verified: {hint}")
