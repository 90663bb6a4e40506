"""What descriptions of models share: pinned environments, looks at what a folder is, ranges of values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from candle_spec.conversion.contract import Native, NativeFile, Source
from candle_spec.converters._shared import look, values
from candle_spec.converters._shared.folders import container


def environment(native: Native, source: Source, folder: str = "") -> dict[str, Any]:
    """Return Python's version and the pinned packages of the files of an environment beside a model."""
    packages: dict[str, str] = {}
    python: str | None = None
    for name in ("requirements.txt", "conda.yaml", "environment.yaml", "python_env.yaml"):
        file = look.file_named(source, f"{folder}{name}")
        if file is None:
            continue
        read: Callable[[NativeFile], Any] = look.read_text if name.endswith(".txt") else look.read_yaml
        found = container.optional(native, file, read)
        pins = values.pinned(_requirements(found))
        if name == "python_env.yaml" and isinstance(found, dict):
            python = values.name(found.get("python")) or python
        python = pins.pop("python", None) or python
        packages = {key: value for key, value in pins.items() if key != "pip"} | packages
    about: dict[str, Any] = {"python": python} if python else {}
    return about | ({"packages": dict(sorted(packages.items())[:5000])} if packages else {})


def _requirements(found: Any) -> Iterable[Any]:
    """The lines of a requirements file, or the dependencies of a conda environment with those of pip."""
    if isinstance(found, str):
        return found.splitlines()
    about = look.mapping(found)
    rows = [*look.items(about.get("dependencies")), *look.items(about.get("build_dependencies"))]
    for row in list(rows):
        rows += look.items(look.mapping(row).get("pip"))
    return rows


def value_range(found: Any) -> dict[str, float | int] | None:
    """Return a pair of numbers as a range; an open end is left out."""
    pair = found if isinstance(found, list) and len(found) == 2 else [None, None]
    ends = {"min": values.number(pair[0]), "max": values.number(pair[1])}
    return {key: value for key, value in ends.items() if value is not None} or None
