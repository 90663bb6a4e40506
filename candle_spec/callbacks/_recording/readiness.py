"""What repositories will still want to know of a training's checkpoints, said before it begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from candle_spec import pointer
from candle_spec.checkpoint.contents import Field, Framework
from candle_spec.checkpoint.manifest_file import SCHEMA_VERSION
from candle_spec.errors import CandleSpecError
from candle_spec.manifest.collection import schema_id


def readiness_lines(
    repositories: Iterable[str],
    folder: Path,
    framework: Framework,
    fields: Iterable[Field],
    description: Mapping[str, Any],
) -> Iterator[str]:
    """Yield one line for each repository: whether its record could be written, and what is missing.

    Args:
        repositories: Ids of templates.
        folder: Folder of the series: a model description is looked for from here upwards.
        framework: Who makes the weights.
        fields: What the training says of itself.
        description: What is true of the whole study, as far as the training was told.
    """
    draft: dict[str, Any] = {"$schema": schema_id("checkpoint"), "schema_version": SCHEMA_VERSION, **description}
    pointer.put(draft, "/model/framework/name", framework.name)
    if framework.version:
        pointer.put(draft, "/model/framework/version", framework.version)
    for field in fields:
        pointer.put(draft, field.pointer, field.value)
    for name in repositories:
        try:
            yield _line(name, draft, folder)
        except CandleSpecError as error:  # a training is not stopped by what concerns its publication only
            yield f"{name}: its readiness cannot be said: {error}"


def _line(name: str, draft: Mapping[str, Any], folder: Path) -> str:
    from candle_spec.repositories.questions import readiness
    from candle_spec.repositories.questions.description import gather
    from candle_spec.repositories.templates import search

    row = readiness.row(search.choose(search.library(), name), gather(draft, folder))
    missing = [finding.target.rpartition("/")[2] or finding.target for finding in row.missing]
    if not missing:
        return f"{name}: nothing that it demands is missing"
    noun = "thing" if len(missing) == 1 else "things"
    return (
        f"{name}: {len(missing)} {noun} missing: {', '.join(dict.fromkeys(missing))}; "
        "write candle-model.yaml beside the run, or let candle-spec describe ask"
    )
