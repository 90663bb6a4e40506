"""Reports as text: one line where all is well, the place and the next step where it is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from candle_spec.problems import Problem, Report, Severity
from candle_spec.validation.reporters import Style
from candle_spec.validation.verdict import verdict

_MOST: Final = 50
_LONGEST: Final = 400
_COLOURS: Final = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}


def render(reports: Sequence[Report], style: Style) -> str:
    """Return the text of reports."""
    lines = [line for report in reports for line in _report(report, style)]
    if len(reports) > 1:
        bad = sum(1 for report in reports if not report.ok)
        lines.append(f"{len(reports)} checkpoints, " + (f"{bad} with problems" if bad else "all without errors"))
    return "\n".join(lines)


def _report(report: Report, style: Style) -> Iterator[str]:
    yield f"{printable(report.path)}    {printable(verdict(report))}"
    shown = [found for found in report.problems if style.infos or found.severity is not Severity.INFO]
    for found in shown[:_MOST]:
        yield from problem_lines(found, colour=style.colour)
    if len(shown) > _MOST:
        yield f"  … and {len(shown) - _MOST} more (--format json shows all)"


def problem_lines(found: Problem, *, colour: bool = False) -> Iterator[str]:
    """Yield the lines of one finding."""
    code = f"\x1b[{_COLOURS[found.severity]}m{found.code}\x1b[0m" if colour else found.code
    level = "" if found.severity is Severity.ERROR else f"{found.severity}: "
    cites = f"  [{found.requirement}]" if found.requirement else ""
    yield f"  {printable(place(found))}  {code}  {level}{printable(found.message)}{cites}"
    if found.hint:
        yield f"      -> {printable(found.hint)}"


def printable(text: str) -> str:
    """Return a text, shortened, with what a terminal must not get written as escapes.

    Names of files and tensors are not ours: a character may move the cursor, turn the writing direction, or be none.
    """
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)


def place(found: Problem) -> str:
    """Return where a finding is, as an editor would write it."""
    where = found.location
    text = where.file
    if where.line is not None:
        text += f":{where.line}:{where.column}"
    if where.pointer:
        text += f" {where.pointer}"
    if where.tensor:
        text += f" tensor {where.tensor}"
    return text.strip() or "checkpoint"
