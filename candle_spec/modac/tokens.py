"""Tokens of MoDaC: when they expire, and a cache that only their owner can read.

A token is a JWT (https://www.rfc-editor.org/rfc/rfc7519); its claims can be read without the key of the service.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from candle_spec.atomic import Fs, write_errors
from candle_spec.remote.addresses import Secret

CLAIM: Final = "USER_ID_TOKEN_CLAIM"
"""The claim that names the user."""

EARLY: Final = 60
"""Seconds before its end at which a token no longer counts: a request must still arrive."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token with what it says of itself; ``expires`` is 0 where it does not say."""

    secret: Secret
    user: str
    expires: int

    def usable(self, now: float) -> bool:
        """Whether the service would still take it."""
        return self.expires == 0 or self.expires - EARLY > now


def read_token(text: str) -> Token:
    """Return a token with its user and expiry; one that cannot be read is taken as it is."""
    claims = _claims(text)
    expires = claims.get("exp")
    return Token(Secret(text), str(claims.get(CLAIM, "")), int(expires) if isinstance(expires, (int, float)) else 0)


def _claims(text: str) -> dict[str, Any]:
    parts = text.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}


class TokenCache:
    """One file for each service, mode 0600, with the tokens of its users."""

    def __init__(self, folder: Path, fs: Fs | None = None) -> None:
        self.path = folder / "tokens.json"
        self._fs = fs or Fs()

    def get(self, user: str, now: float) -> Token | None:
        """Return a token of a user that still counts; of any user where none is named and there is one alone."""
        stored = self._read()
        names = [user] if user else list(stored)
        if len(names) != 1 or names[0] not in stored:
            return None
        token = read_token(stored[names[0]])
        return token if token.usable(now) else None

    def put(self, token: Token) -> None:
        """Keep a token, for its owner's eyes alone."""
        self._write({**self._read(), token.user: token.secret.reveal()})

    def _read(self) -> dict[str, str]:
        try:
            if self.path.stat().st_mode & 0o077 and os.name != "nt":
                return {}  # others could have read or written it: the login is made anew
            stored = json.loads(self.path.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return {str(name): str(value) for name, value in stored.items()} if isinstance(stored, dict) else {}

    def _write(self, stored: dict[str, str]) -> None:
        with write_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            private = self.path.with_name(f".tokens-{os.getpid()}.json")
            private.unlink(missing_ok=True)
            with self._fs.open_new(private, mode=0o600) as file:
                self._fs.write(file, json.dumps(stored).encode())
                self._fs.sync_file(file)
            self._fs.rename(private, self.path)
