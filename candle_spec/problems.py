"""Problems as data: one finding is a :class:`Problem`, all findings of a run are a :class:`Report`.

Nothing here prints: reporters make words and colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Severity(StrEnum):
    """How bad a finding is; only errors (or all, by policy) fail a run."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Level(IntEnum):
    """The levels of validation, in the order in which they run."""

    PARSE = 0
    SCHEMA = 1
    SEMANTICS = 2
    FILES = 3
    WEIGHTS = 4
    SAFETY = 5
    BEHAVIOUR = 6
    READINESS = 7
    AUTHENTICITY = 8

    @property
    def label(self) -> str:
        """The short name used in verdicts, for example ``L4``."""
        return f"L{int(self)}"


class LevelState(StrEnum):
    """What happened to a level: a level that did not run is never reported as passed."""

    OK = "ok"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Location:
    """Where a problem is: file (relative to the checkpoint), JSON Pointer, line and column (from 1), tensor."""

    file: str = ""
    pointer: str = ""
    line: int | None = None
    column: int | None = None
    tensor: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding.

    Attributes:
        code: Permanent code of the check, ``CKPnnnn``; the first digit is its level.
        severity: How bad it is.
        location: Where it is.
        message: What is wrong, with the values seen and expected.
        hint: What to do about it.
        requirement: The id of the sentence in ``spec.md`` that is broken, for example ``CS-012``.
    """

    code: str
    severity: Severity
    message: str
    location: Location = field(default_factory=Location)
    hint: str = ""
    requirement: str = ""

    @property
    def level(self) -> Level:
        """The level of validation to which the check belongs."""
        return Level(int(self.code[3]))


@dataclass(slots=True)
class LevelResult:
    """The outcome of one level: its state, the reason where it did not run, and what it looked at."""

    level: Level
    state: LevelState
    reason: str = ""
    checked: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Report:
    """All findings on one checkpoint, and what was checked level by level."""

    path: str
    levels: list[LevelResult] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add findings, keeping their order."""
        self.problems.extend(problems)

    def at_level(self, level: Level) -> list[Problem]:
        """Findings of one level."""
        return [problem for problem in self.problems if problem.level is level]

    @property
    def errors(self) -> list[Problem]:
        """Findings that are errors."""
        return [problem for problem in self.problems if problem.severity is Severity.ERROR]

    @property
    def ok(self) -> bool:
        """Whether no error was found; levels that did not run are *not* thereby passed."""
        return not self.errors

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)
