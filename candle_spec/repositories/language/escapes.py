"""What a value goes through in a text file of a template, so that the reader of the file sees that very value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from candle_spec.repositories.language.terms import Use
from candle_spec.repositories.transforms import TRANSFORMS

ESCAPES: Final[Mapping[str, str]] = {".md": "markdown-text", ".rst": "rst-text"}
"""What a value goes through in a text file of a template, where no transform that writes markup stands on its way."""


def escaped(uses: tuple[Use, ...], file: str) -> tuple[Use, ...]:
    """Return the transforms of a value in a text file, with the escape that the file's suffix asks for."""
    escape = ESCAPES.get(file[file.rfind(".") :]) if "." in file else None
    if escape is None or any(TRANSFORMS[use.name].markup for use in uses):
        return uses
    return (*uses, Use(escape))
