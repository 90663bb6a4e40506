"""Requests to MoDaC as one user: logins, and refusals in words. No endpoint is known here but the login.

* A failed password is never sent again: three of them lock the account.
* The service answers an expired token like a malformed request, so that after such an answer the login is made anew
  once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from candle_spec.errors import LoginError, ServiceError, ServiceRefusedError
from candle_spec.modac.settings import Settings
from candle_spec.modac.tokens import Token, TokenCache, read_token
from candle_spec.remote.addresses import Secret
from candle_spec.remote.answers import Answer
from candle_spec.remote.client import HttpClient, Patience, Request

MALFORMED: Final = "Invalid user input or malformed request"
"""What the service says to a malformed request and to an expired token alike."""


class Service:
    """A connection to MoDaC as one user, or as nobody.

    Args:
        settings: Where and how.
        password: Of ``settings.user``.
        token: Instead of a password.
        nobody: Send everything without a login, whatever is known.
        clock: Seconds since 1970.
        sleep: Waits before a repetition.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        password: Secret | None = None,
        token: Secret | None = None,
        nobody: bool = False,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.settings = settings
        self.cache = TokenCache(settings.place)
        patience = Patience(
            settings.connect_seconds, settings.read_seconds, settings.attempts, settings.backoff_seconds
        )
        self.http = HttpClient(settings.url, extra="modac", patience=patience, sleep=sleep)
        self._password = password
        self._token = read_token(token.reveal().strip()) if token else None
        self._nobody = nobody
        self._clock = clock

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.http.close()

    # Logins

    def login(self) -> Token:
        """Get a fresh token by password and keep it.

        Raises:
            LoginError: No password was given, or it is refused; it is then never sent again.
            ServiceError: The service cannot be reached; the login was not repeated.
        """
        if self._password is None or not self.settings.user:
            raise LoginError(
                f"{self.settings.host} needs a login", hint="candle-spec modac login, or set CANDLE_SPEC_MODAC_TOKEN"
            )
        secret, self._password = self._password, None  # whatever comes back, it is not sent twice unless it was good
        answer = self.http.send(Request("GET", "/api/authenticate"), login=(self.settings.user, secret))
        if answer.status != 200:
            raise LoginError(
                f"{self.settings.host} refuses the login of {self.settings.user}",
                hint="three wrong passwords in a row lock an account; it was tried once and is not tried again",
            )
        self._password = secret
        return self._keep(answer)

    def renew(self) -> Token:
        """Ask the service with the token at hand; returns the fresh one that it answers with."""
        return self._keep(self.send(Request("GET", "/api/authenticate")))

    def _keep(self, answer: Answer) -> Token:
        text = answer.body.decode("utf-8", "replace").strip()
        if not text or len(text) > 8192 or not text.isprintable() or " " in text:
            raise ServiceError("the service answered a login with something that is no token")
        self._token = read_token(text)
        if self._token.user:
            self.cache.put(self._token)
        return self._token

    def token(self) -> Token:
        """Return a token that counts: given, kept from before, or by a login.

        Raises:
            LoginError: There is none and no password.
        """
        now = self._clock()
        if self._token is not None and self._token.usable(now):
            return self._token
        self._token = self.cache.get(self.settings.user, now) or self.login()
        return self._token

    # Requests

    def send(self, request: Request, *, anonymous: bool = False) -> Answer:
        """Send a request and return the answer, which is a good one.

        Args:
            request: The request.
            anonymous: Whether it is sent without a login where there is none.

        Raises:
            ServiceRefusedError: The service refused it.
            LoginError: The login is missing or refused.
            ServiceError: No usable answer came, after as many attempts as are allowed.
        """
        answer = self.http.send(request, secret=self._secret(anonymous))
        if self._maybe_expired(answer):
            answer = self.http.send(request, secret=self._secret(anonymous))
        if answer.status == 200:
            return answer
        raise self._error(answer)

    def _secret(self, anonymous: bool) -> Secret | None:
        if self._nobody:
            return None
        try:
            return self.token().secret
        except LoginError:
            if anonymous:
                return None
            raise

    def _maybe_expired(self, answer: Answer) -> bool:
        """Whether a refusal may be that of a token, and a fresh one is at hand now."""
        if answer.status != 400 or self._token is None or _message(answer) != MALFORMED:
            return False
        if self._password is None:
            return False
        self._token = None
        self.login()
        return True

    def _error(self, answer: Answer) -> ServiceRefusedError | LoginError | ServiceError:
        message, host = _message(answer), self.settings.host
        if answer.status == 401:
            return LoginError(f"{host}: {message}", hint="candle-spec modac login")
        if answer.status == 400 and message == MALFORMED:
            hint = "the token may have expired: candle-spec modac login"
            return ServiceRefusedError(message, location=host, hint=hint)
        if answer.status == 400:
            return ServiceRefusedError(message, location=host)
        return ServiceError(f"the service answers {answer.status}: {message}", location=host)


def _message(answer: Answer) -> str:
    """Return the words of an error: of the service, of its framework, or of what stands before it."""
    document = answer.said()
    if isinstance(document, dict):
        for member in ("message", "error"):
            if isinstance(document.get(member), str) and document[member]:
                return str(document[member])[:2000]
    return f"status {answer.status}, no message"
