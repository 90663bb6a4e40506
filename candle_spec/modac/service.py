"""Requests to MoDaC: who asks, what may be repeated, what an answer may be. No endpoint is known here but the login.

* A failed password is never sent again: three of them lock the account.
* Repeated are only requests that say so; the service answers an expired token like a malformed request, so that after
  such an answer the login is made anew once.
* No cookie is kept, no redirect followed, no answer read beyond its bound.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import urlsplit

from candle_spec import limits
from candle_spec._version import __version__
from candle_spec.errors import LimitExceededError, LoginError, ServiceError, ServiceRefusedError
from candle_spec.modac.settings import Settings
from candle_spec.modac.tokens import Token, TokenCache, read_token
from candle_spec.optional import require
from candle_spec.remote.addresses import Secret, is_loopback

MALFORMED: Final = "Invalid user input or malformed request"
"""What the service says to a malformed request and to an expired token alike."""

ANSWER_SECONDS: Final = 900.0
"""Of one whole JSON answer, however slowly it comes."""

Content = Callable[[], Iterator[bytes]]
"""Makes the body of a request anew for each time that it is sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            ServiceError: It is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ServiceError("the service answered with something that is no JSON") from error


@dataclass(slots=True)
class Request:
    """One request.

    Attributes:
        method: GET, PUT or POST.
        path: What stands behind the address of the service, not encoded.
        content: Makes the body.
        headers: Beside those of every request.
        repeat: Whether it may be sent again when no answer came or the service was out of order.
        anonymous: Whether it is sent without a login where there is none.
    """

    method: str
    path: str
    content: Content | None = None
    headers: Mapping[str, str] | None = None
    repeat: bool = False
    anonymous: bool = False


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
        self._password = password
        self._token = read_token(token.reveal().strip()) if token else None
        self._nobody = nobody
        self._clock, self._sleep = clock, sleep or time.sleep
        self._httpx = require("httpx", extra="modac", purpose="talk to MoDaC")
        self._clients: dict[bool, Any] = {}

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

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
        auth = self._httpx.BasicAuth(self.settings.user, secret.reveal())
        answer = self._once(Request("GET", "/api/authenticate"), auth=auth)
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

    def send(self, request: Request) -> Answer:
        """Send a request and return the answer, which is a good one.

        Raises:
            ServiceRefusedError: The service refused it.
            LoginError: The login is missing or refused.
            ServiceError: No usable answer came, after as many attempts as are allowed.
        """
        answer = self._repeated(request)
        if self._maybe_expired(answer):
            answer = self._repeated(request)
        if answer.status == 200:
            return answer
        raise self._error(answer)

    def _maybe_expired(self, answer: Answer) -> bool:
        """Whether a refusal may be that of a token, and a fresh one is at hand now."""
        if answer.status != 400 or self._token is None or _message(answer) != MALFORMED:
            return False
        if self._password is None:
            return False
        self._token = None
        self.login()
        return True

    def _repeated(self, request: Request) -> Answer:
        attempts = self.settings.attempts if request.repeat else 1
        bearer = self._bearer(request)  # a login that fails is not repeated
        for attempt in range(attempts):
            last = attempt == attempts - 1
            try:
                answer = self._once(request, bearer=bearer)
            except ServiceError:
                if last:
                    raise
            else:
                if last or answer.status not in (429, 500, 502, 503, 504):
                    return answer
            self.wait(attempt)
        raise ServiceError("no attempt was allowed")

    def wait(self, attempt: int) -> None:
        """Wait before a repetition: twice as long after each attempt."""
        self._sleep(self.settings.backoff_seconds * 2.0**attempt)

    def _bearer(self, request: Request) -> str:
        if self._nobody:
            return ""
        if request.anonymous:
            try:
                return self.token().secret.reveal()
            except LoginError:
                return ""
        return self.token().secret.reveal()

    def _once(self, request: Request, *, bearer: str = "", auth: Any = None) -> Answer:
        with self.stream(request, bearer=bearer, auth=auth) as response:
            return Answer(response.status_code, response.headers, self._whole(response))

    @contextmanager
    def stream(self, request: Request, *, bearer: str = "", auth: Any = None) -> Iterator[Any]:
        """Send a request and yield the response, whose body is still to come.

        Raises:
            ServiceError: The connection fails, or the answer is a redirect.
        """
        headers = {"Accept": "*/*", "User-Agent": f"candle-spec/{__version__}", **(request.headers or {})}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        url = self._httpx.URL(self.settings.url + request.path)
        content = request.content() if request.content else None
        try:
            with self.client_for(self.settings.url).stream(
                request.method, url, headers=headers, content=content, auth=auth
            ) as response:
                if 300 <= response.status_code < 400:
                    target = urlsplit(response.headers.get("location", "")).hostname or "another place"
                    raise ServiceError(
                        f"the service redirects to {target}, which is not followed: no token goes to another place",
                        location=self.settings.host,
                        hint="check the address of the service",
                    )
                yield response
        except self._httpx.HTTPError as error:
            raise self._lost(error) from error

    def _whole(self, response: Any) -> bytes:
        """Return the body of an answer, up to its bound and within its time."""
        body, deadline = bytearray(), self._clock() + ANSWER_SECONDS
        for block in response.iter_bytes():
            body += block
            if len(body) > limits.SERVICE_ANSWER or self._clock() > deadline:
                raise LimitExceededError(
                    "the service answers without an end", location=self.settings.host, hint="check its address"
                )
        return bytes(body)

    def _lost(self, error: Exception) -> ServiceError:
        kind = type(error).__name__
        words = {
            "ConnectError": "cannot be reached",
            "ConnectTimeout": "did not answer in time",
            "ReadTimeout": "stopped answering",
            "WriteTimeout": "stopped reading",
        }.get(kind, "broke off the connection")
        tls = " (its certificate was not accepted)" if "CERTIFICATE" in str(error) else ""
        return ServiceError(
            f"{self.settings.host} {words}{tls}", hint="what was done stays done: run the command again, it goes on"
        )

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

    def client_for(self, url: str) -> Any:
        """Return a client without cookies and redirects, with TLS verified; no proxy for this machine.

        It knows no credentials: whoever sends a request adds them.
        """
        own = is_loopback(urlsplit(url).hostname or "")
        if own not in self._clients:
            timeout = self._httpx.Timeout(self.settings.read_seconds, connect=self.settings.connect_seconds)
            jar = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
            self._clients[own] = self._httpx.Client(
                timeout=timeout, cookies=jar, follow_redirects=False, verify=True, trust_env=not own
            )
        return self._clients[own]


def _message(answer: Answer) -> str:
    """Return the words of an error: of the service, of its framework, or of what stands before it."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        for member in ("message", "error"):
            if isinstance(document.get(member), str) and document[member]:
                return str(document[member])[:2000]
    return f"status {answer.status}, no message"
