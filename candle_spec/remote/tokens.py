"""The user's token: from a file that is named, or from the environment. It is shown nowhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from candle_spec.errors import InvalidInputError, LoginError
from candle_spec.remote.addresses import Secret


def token_from(variable: str, file: Path | None, *, environ: Mapping[str, str] = os.environ, where: str) -> Secret:
    """Return the token.

    Args:
        variable: Environment variable that holds it; with ``_FILE`` behind, one that names a file.
        file: The file that the user names.
        environ: The environment.
        where: Page on which tokens are made, for the hint.

    Raises:
        LoginError: There is none.
        InvalidInputError: The file cannot be read, or holds no token.
    """
    named = file or (Path(environ[f"{variable}_FILE"]) if environ.get(f"{variable}_FILE") else None)
    if named is not None:
        try:
            text = named.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInputError("the file with the token cannot be read", location=str(named)) from error
    else:
        text = environ.get(variable, "").strip()
    if not text:
        raise LoginError("no token is given", hint=f"make one at {where}; then set {variable}, or --token-file FILE")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidInputError("this is no token: it holds spaces or other letters", location=str(named or variable))
    return Secret(text)


def token_if_given(
    variable: str, file: Path | None, *, environ: Mapping[str, str] = os.environ, where: str
) -> Secret | None:
    """Return the token where one is given, as :func:`token_from` takes it; what is public needs none."""
    if file is None and not (environ.get(variable) or environ.get(f"{variable}_FILE")):
        return None
    return token_from(variable, file, environ=environ, where=where)
