"""The Python and the packages that the files of an environment beside an MLflow model pin."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from candle_spec.conversion.contract import Native, NativeFile, Source
from candle_spec.converters._shared import values
from candle_spec.converters._shared.documents import mapping, read_text, read_yaml, sequence
from candle_spec.converters._shared.folders.kept_files import read_optional
from candle_spec.converters._shared.source_files import file_named


def environment(native: Native, source: Source) -> dict[str, Any]:
    """Return Python's version and the pinned packages of the files of an environment beside a model."""
    packages: dict[str, str] = {}
    python: str | None = None
    for name in ("requirements.txt", "conda.yaml", "environment.yaml", "python_env.yaml"):
        file = file_named(source, name)
        if file is None:
            continue
        read: Callable[[NativeFile], Any] = read_text if name.endswith(".txt") else read_yaml
        found = read_optional(native, file, read)
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
    about = mapping(found)
    rows = [*sequence(about.get("dependencies")), *sequence(about.get("build_dependencies"))]
    for row in list(rows):
        rows += sequence(mapping(row).get("pip"))
    return rows
