"""Where MoDaC is and how it is talked to: from options, environment variables, and a TOML file, in this order.

==============================  ===========================================================
``CANDLE_SPEC_MODAC_URL``       address of the service
``CANDLE_SPEC_MODAC_USER``      e-mail of the account
``CANDLE_SPEC_MODAC_PASSWORD``  its password (``…_PASSWORD_FILE``: a file that holds it)
``CANDLE_SPEC_MODAC_TOKEN``     a token, instead of both
``CANDLE_SPEC_MODAC_CONFIG``    the TOML file, by default ``~/.config/candle-spec/modac.toml``
``CANDLE_SPEC_MODAC_STATE``     folder for tokens, rules and vocabularies
==============================  ===========================================================

The file has the members of :class:`Settings`; a password or a token in it is refused.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from candle_spec.errors import CorruptFileError, InvalidInputError
from candle_spec.modac.checksums import PART_SIZE
from candle_spec.remote.addresses import Secret, checked_url

PREFIX: Final = "CANDLE_SPEC_MODAC_"
PRODUCTION: Final = "https://modac.cancer.gov"


@dataclass(frozen=True, slots=True)
class Settings:
    """How the service is talked to.

    Attributes:
        url: Its address; plain ``http`` only on this machine.
        base_path: The path that all programs stand under.
        user: E-mail of the account; ``""`` for nobody.
        connect_seconds: To reach it.
        read_seconds: Between two blocks of an answer.
        attempts: How often what may be repeated is tried.
        backoff_seconds: Before the first repetition; doubled for each further one.
        request_limit: Bytes of a whole upload that it takes.
        part_size: Bytes of a part in its archive.
        state: Folder for tokens, rules and vocabularies.
    """

    url: str = PRODUCTION
    base_path: str = "/NCI_DOE_Archive"
    user: str = ""
    connect_seconds: float = 20.0
    read_seconds: float = 300.0
    attempts: int = 4
    backoff_seconds: float = 1.0
    request_limit: int = 2_097_152_000
    part_size: int = PART_SIZE
    state: Path = field(default_factory=lambda: Path.home() / ".local" / "state" / "candle-spec" / "modac")

    @property
    def host(self) -> str:
        """Host and port, for messages and names of files."""
        return urlsplit(self.url).netloc

    @property
    def place(self) -> Path:
        """The folder for what is known of this one service."""
        return self.state / self.host.replace(":", "_")

    def full_path(self, path: str) -> str:
        """Return a path at the service: its base path may be left out."""
        path = "/" + path.strip("/")
        base = self.base_path
        return path if path == base or path.startswith(f"{base}/") else base + path


def load_settings(
    *,
    url: str | None = None,
    user: str | None = None,
    config: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Return the settings.

    Args:
        url: Address of the service.
        user: E-mail of the account.
        config: The TOML file.
        environ: Environment variables.

    Raises:
        InvalidInputError: An address cannot be used: no https, or a user in it.
        CorruptFileError: The file holds what it cannot.
    """
    values = _from_file(config, environ)
    for name, option in (("url", url), ("user", user)):
        given = option or environ.get(PREFIX + name.upper())
        if given:
            values[name] = given
    if folder := environ.get(PREFIX + "STATE"):
        values["state"] = Path(folder)
    values["url"] = checked_url(str(values.get("url", PRODUCTION)), usual=PRODUCTION)
    return Settings(**values)


def _from_file(config: Path | None, environ: Mapping[str, str]) -> dict[str, Any]:
    named = config or (Path(environ[PREFIX + "CONFIG"]) if PREFIX + "CONFIG" in environ else None)
    path = named or Path.home() / ".config" / "candle-spec" / "modac.toml"
    if not path.is_file():
        if named is not None:
            raise InvalidInputError("there is no such file", location=str(path))
        return {}
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        known = {item.name: _convert(item.type) for item in fields(Settings)}
        unknown = sorted(set(document) - set(known))
        values = {name: known[name](value) for name, value in document.items() if name in known}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, ValueError) as error:
        raise CorruptFileError(f"this is no configuration: {error}", location=str(path)) from error
    if unknown:
        raise CorruptFileError(
            f"there is no setting {', '.join(unknown)}",
            location=str(path),
            hint=f"known: {', '.join(known)}; a password or a token does not belong into a file of settings",
        )
    return values


def _convert(kind: Any) -> Any:
    return {"str": str, "float": float, "int": int, "Path": lambda text: Path(text).expanduser()}[str(kind)]


def password_from(environ: Mapping[str, str] = os.environ) -> Secret | None:
    """Return the password that the environment gives, if it gives one.

    Raises:
        InvalidInputError: The file that should hold it is not there.
    """
    if value := environ.get(PREFIX + "PASSWORD"):
        return Secret(value)
    if name := environ.get(PREFIX + "PASSWORD_FILE"):
        try:
            return Secret(Path(name).read_text(encoding="utf-8").rstrip("\r\n"))
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInputError("the file with the password cannot be read", location=name) from error
    return None
