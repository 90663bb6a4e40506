"""Sizes, counts, errors and summaries as text; nothing here prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from candle_spec.errors import CandleSpecError

if TYPE_CHECKING:
    from candle_spec.conversion.summary import GroupLine, Summary

_SHOWN: Final = 10
"""Measured values that are shown; --json has all."""


def size(count: int) -> str:
    """Return bytes as people read them: ``7.1 MiB``."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def plural(count: int, word: str) -> str:
    """Return a count with its word: ``1 tensor``, ``42 tensors``."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def error_text(error: CandleSpecError) -> str:
    """Return an error in two lines: where and what, and what to do."""
    place = f"{error.location}: " if error.location else ""
    code = f"  [{error.code}]" if error.code else ""
    text = f"error: {place}{error.message}{code}"
    return text + (f"\n  -> {error.hint}" if error.hint else "")


def title_line(summary: Summary) -> str:
    """Return the first line: name, format, who wrote it and when, size."""
    by = "" if summary.framework.startswith("unknown") else f", {summary.framework}"
    when = f", written {summary.written[:10]}" if summary.written else ""
    return f"{summary.name}    {summary.title}{by}{when}    {size(summary.size)}"


def _width(summary: Summary) -> int:
    """Width of the first column; a rare long name does not move everything else."""
    named = [part["what"] for part in summary.parts if len(part["what"]) <= 18]
    return max(len(word) for word in (*named, *(group.id for group in summary.groups), "architecture "))


def group_lines(summary: Summary) -> Iterator[str]:
    """Yield a line for each group."""
    width = _width(summary)
    for group in summary.groups:
        yield f"  {group.id:<{width}} {_group(group)}"


def _group(group: GroupLine) -> str:
    names = group.first if group.tensors == 1 else f"{group.first} … {group.last}"
    dtypes = " ".join(group.dtypes[:4]) + (" …" if len(group.dtypes) > 4 else "")
    values = "parameters" if group.kind in ("model", "ema", "adapter") else "values"
    return f"{plural(group.tensors, 'tensor'):>12}  {group.parameters:>14,} {values}  {dtypes}  {names}"


def meaning_lines(summary: Summary) -> Iterator[str]:
    """Yield what is known of topology, training and the rest, and what is not in the file."""
    known = dict(_known(summary.fields))
    width = _width(summary)
    for part in summary.parts:
        if part["status"] != "kept" or part["what"] in known:
            continue
        if not any(group.id.partition(".")[0] == part["what"].partition(".")[0] for group in summary.groups):
            known[part["what"]] = part.get("reason", "") or "kept"
    for what, text in known.items():
        yield f"  {what:<{width}} {text}"
    for part in summary.parts:
        if part["status"] in ("absent", "residue", "transformed", "dropped"):
            yield f"  {part['what']:<{width}} {part['status']}: {part.get('reason', '')}".rstrip(": ")


def _known(fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "/model/architecture" in fields:
        yield "architecture", str(fields["/model/architecture"])
    inputs, outputs = fields.get("/inputs"), fields.get("/outputs")
    if inputs and outputs:
        yield "in and out", f"{_ends(inputs)} -> {_ends(outputs)}"
    elif inputs or outputs:
        yield ("inputs" if inputs else "outputs"), _ends(inputs or outputs)
    training = [_training(name, fields[at]) for name, at in _TRAINING if fields.get(at) not in (None, {}, [])]
    if training:
        yield "training", ", ".join(training)
    scores = fields.get("/evaluations") or []
    if scores:
        yield "scores", ", ".join(map(_score, scores[:6])) + (f" and {len(scores) - 6} more" if len(scores) > 6 else "")


_TRAINING = (
    ("epoch", "/training_state/epoch"),
    ("step", "/training_state/step"),
    ("optimizer", "/training/optimizer"),
    ("loss", "/training/loss"),
    ("hyperparameters", "/training/hyperparameters"),
)


def _training(name: str, value: Any) -> str:
    if name == "hyperparameters":
        return plural(len(value), "hyperparameter")
    if isinstance(value, dict):
        named = value.get("class_name") or value.get("name")
        return f"{name} {named}" if isinstance(named, str) else name
    return f"{name} {value}"


def _score(entry: dict[str, Any]) -> str:
    """One score: ``rmse 0.0722 (val)``."""
    value = entry["value"]
    shown = f"{value:.4g}" if isinstance(value, (int, float)) else str(value)
    where = ", ".join(entry[key] for key in ("dataset", "split") if isinstance(entry.get(key), str))
    return f"{entry['metric']['id']} {shown}" + (f" ({where})" if where else "")


def _ends(ends: Any) -> str:
    """Inputs or outputs in few words: ``input (9326)``."""
    words = []
    for end in ends[:4]:
        sizes = [str(axis["size"]) for axis in end.get("axes", []) if axis.get("size") is not None]
        words.append(f"{end['id']} ({' x '.join(sizes)})" if sizes else str(end["id"]))
    return ", ".join(words) + (f" and {len(ends) - 4} more" if len(ends) > 4 else "")


def code_line(summary: Summary) -> str:
    """Return what loading the file by its framework would have run."""
    lines = []
    if summary.unknown_imports:
        names = ", ".join(summary.unknown_imports[:4]) + (" …" if len(summary.unknown_imports) > 4 else "")
        lines.append(f"  loading it by its framework would import {names}; nothing of it was run here")
    if summary.embedded_code:
        lines.append("  code in the file, not run here: " + "; ".join(summary.embedded_code[:3]))
    return "\n".join(lines) or "  no code in the file"


def evaluation_lines(summary: Summary) -> Iterator[str]:
    """Yield a line for each measured value; those that were added later are said to be."""
    yield from (f"  measured: {line}" for line in summary.evaluations[:_SHOWN])
    yield from _more(len(summary.evaluations) - _SHOWN)
    if summary.later:
        yield "  measured later, not covered by the seal or a signature of the manifest:"
        yield from (f"    {line}" for line in summary.later[:_SHOWN])
        yield from _more(len(summary.later) - _SHOWN)


def _more(count: int) -> Iterator[str]:
    if count > 0:
        yield f"    and {count} more"


def use_it_lines(summary: Summary) -> Iterator[str]:
    """Yield the section *Use it*."""
    yield ""
    yield "Use it"
    yield from (f"  {line}" for line in summary.use_it)
