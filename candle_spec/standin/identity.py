"""Who calls: Basic, Bearer, a session, or nobody. The order and the answers are those of ``DoeUserInterceptor``."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Final

from starlette.requests import Request

from candle_spec.standin import tokens
from candle_spec.standin.config import Config
from candle_spec.standin.database import Database
from candle_spec.standin.messages import message

OPEN: Final = ("/api/dataObject/query", "/api/collection/query", "/api/v2/dataObject/", "/api/collection/")
"""What may be read without a login: an address that contains one of these."""

SESSION: Final = "JSESSIONID"


class DeniedError(Exception):
    """The caller is turned away: the name of a message, and a status."""

    def __init__(self, name: str, status: int) -> None:
        super().__init__(message(name))
        self.status = status


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: ``email`` is ``""`` for nobody; ``groups`` and ``is_write`` are those of the account."""

    email: str = ""
    is_write: bool = False
    groups: tuple[str, ...] = ()


class Gate:
    """Tells who calls. It keeps sessions, as the service does: a client with its cookie stays logged in."""

    def __init__(self, config: Config, database: Database) -> None:
        self._config = config
        self._database = database
        self._key = database.secret("tokens")
        self._sessions: dict[str, str] = {}

    def token(self, email: str) -> str:
        """Return a fresh token for a user."""
        return tokens.make(email, self._config.clock() + 60 * self._config.token_minutes, self._key)

    def session(self, caller: Caller) -> str:
        """Return the name of a new session of a caller."""
        name = secrets.token_hex(16)
        self._sessions[name] = caller.email
        return name

    def caller(self, request: Request, path: str) -> Caller:
        """Return who calls.

        Raises:
            DeniedError: The login is bad, or one is needed.
        """
        header = request.headers.get("authorization", "")
        known = self._in_session(request)
        if known is not None:
            return self._account(known)
        if header.startswith("Basic"):
            return self._basic(header[5:].strip(), path)
        if header.startswith("Bearer"):
            return self._bearer(header[6:].strip())
        if any(prefix in path for prefix in OPEN):
            return Caller()
        if path == "/api/authenticate":
            raise DeniedError("not_permitted", 400)
        raise DeniedError("not_authorized", 401)

    def _in_session(self, request: Request) -> str | None:
        cookies: SimpleCookie = SimpleCookie(request.headers.get("cookie", ""))
        return self._sessions.get(cookies[SESSION].value) if SESSION in cookies else None

    def _basic(self, text: str, path: str) -> Caller:
        try:
            email, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise DeniedError("malformed", 400) from error
        if not colon:
            raise DeniedError("malformed", 400)
        if self._database.check_password(email, password):
            return self._account(email)
        if path == "/api/authenticate":
            raise DeniedError("not_permitted", 400)
        raise DeniedError("not_authorized", 401)

    def _bearer(self, token: str) -> Caller:
        try:
            email = tokens.read(token, self._config.clock(), self._key)
        except (ValueError, KeyError, TypeError) as error:
            raise DeniedError("malformed", 400) from error
        return self._account(email)

    def _account(self, email: str) -> Caller:
        is_write = self._database.user(email)
        if is_write is None:
            raise DeniedError("not_authorized", 401)
        return Caller(email, is_write, self._database.groups(email))
