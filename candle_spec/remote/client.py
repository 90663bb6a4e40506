"""The one HTTP client: what may be repeated, how long is waited, where a secret goes. No endpoint is known here.

* A secret goes to the service's own place alone, over a redirect to another place never.
* Only requests that say so are repeated, where no answer came or the service was out of order.
* No answer is read beyond its bound or its time; no cookie is kept; TLS is verified.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, Self
from urllib.parse import urljoin, urlsplit

from candle_spec._version import __version__
from candle_spec.errors import ServiceError
from candle_spec.optional import require
from candle_spec.remote.addresses import Secret, is_loopback, origin
from candle_spec.remote.answers import Answer, bounded

Content = Callable[[], Iterator[bytes]]
"""Makes the body of a request anew for each time that it is sent."""

REDIRECTS: Final = 5
"""How often in a row a service may redirect."""

_BUSY: Final = (429, 500, 502, 503, 504)
_LOST: Final = {
    "ConnectError": "cannot be reached",
    "ConnectTimeout": "did not answer in time",
    "ReadTimeout": "stopped answering",
    "WriteTimeout": "stopped reading",
    "InvalidURL": "names an address that is none",
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a service is waited for, and how often it is asked again.

    Attributes:
        connect_seconds: To reach it.
        read_seconds: Between two blocks of an answer.
        attempts: How often what may be repeated is tried.
        backoff_seconds: Before the first repetition; doubled for each further one.
    """

    connect_seconds: float = 20.0
    read_seconds: float = 300.0
    attempts: int = 4
    backoff_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        method: GET, PUT or POST.
        path: What stands behind the address of the service.
        content: The body, or what makes it.
        headers: Beside those of every request.
        repeat: Whether it may be sent again when no answer came or the service was out of order.
        follow: Whether redirects within the service are followed.
    """

    method: str
    path: str
    content: Content | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeat: bool = False
    follow: bool = False


class HttpClient:
    """Connections to one service; a context manager.

    Args:
        url: Its address, checked.
        extra: The extra of this package that brings what is needed.
        patience: How long it is waited for.
        sleep: Waits before a repetition; by default the clock's own.
        clock: Seconds, for the time of an answer.
    """

    def __init__(
        self,
        url: str,
        *,
        extra: str,
        patience: Patience | None = None,
        sleep: Callable[[float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url, self.host = url, urlsplit(url).netloc
        self.patience = patience or Patience()
        self._sleep, self._clock = sleep or time.sleep, clock
        self._httpx = require("httpx", extra=extra, purpose=f"talk to {self.host}")
        self._connections: dict[bool, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        for connections in self._connections.values():
            connections.close()

    def wait(self, attempt: int) -> None:
        """Wait before a repetition: twice as long after each attempt."""
        self._sleep(self.patience.backoff_seconds * 2.0**attempt)

    def send(
        self, request: Request, *, secret: Secret | None = None, login: tuple[str, Secret] | None = None
    ) -> Answer:
        """Send a request and return the answer, whatever its status, unless it is a redirect that is not followed.

        Args:
            request: The request.
            secret: A token to send along.
            login: User and password to send along instead.

        Raises:
            ServiceError: No answer came, after as many attempts as are allowed; or it redirects to another place.
            LimitExceededError: The answer has no end.
        """
        url, known = self.url + request.path, _authorization(secret, login)
        for _ in range(REDIRECTS):
            answer = self._repeated(request, url, known)
            if not 300 <= answer.status < 400:
                return answer
            url = self._followed(request, url, answer)
        raise ServiceError("the service redirects without an end", location=self.host)

    @contextmanager
    def download(
        self, url: str, start: int, location: str, *, secret: Secret | None = None, redirects: int = 0
    ) -> Iterator[Any]:
        """Yield the response to a request for the bytes of a file from ``start`` on; its body is still to come.

        Args:
            url: The file's whole address, which may be at another place than the service's.
            start: The first byte that is wanted.
            location: The file, for messages.
            secret: A token, which goes to the service's own place alone.
            redirects: How often a redirect is followed, wherever it leads.

        Raises:
            ServiceError: It broke off, or redirects to where nothing is fetched from.
        """
        known, span = _authorization(secret), {"Range": f"bytes={start}-"} if start else {}
        try:
            for _ in range(max(redirects, 1)):
                headers = {"Accept-Encoding": "identity", **self._headers(url, known), **span}
                with self._connections_to(url).stream("GET", url, headers=headers) as response:
                    if not redirects or not 300 <= response.status_code < 400:
                        yield response
                        return
                    url = self._elsewhere(url, response.headers.get("location", ""))
        except (self._httpx.HTTPError, self._httpx.InvalidURL) as error:  # its text may hold a signed address
            words = f"the download broke off: {type(error).__name__}"
            raise ServiceError(words, location=location, hint="run it again, it goes on") from None
        raise ServiceError("the service redirects without an end", location=location)

    def _repeated(self, request: Request, url: str, known: str) -> Answer:
        attempts = self.patience.attempts if request.repeat else 1
        for attempt in range(attempts):
            last = attempt == attempts - 1
            try:
                answer = self._once(request, url, known)
            except (self._httpx.HTTPError, self._httpx.InvalidURL) as error:
                if last:
                    raise self._lost(error) from None
            else:
                if last or answer.status not in _BUSY:
                    return answer
            self.wait(attempt)
        raise ServiceError("no attempt was allowed")

    def _once(self, request: Request, url: str, known: str) -> Answer:
        headers = {"Accept": "*/*", **self._headers(url, known), **request.headers}
        body = request.content() if callable(request.content) else request.content
        with self._connections_to(url).stream(request.method, url, headers=headers, content=body) as response:
            blocks = bounded(response.iter_bytes(), self.host, self._clock)
            return Answer(response.status_code, response.headers, b"".join(blocks), self.host)

    def _headers(self, url: str, known: str) -> dict[str, str]:
        headers = {"User-Agent": f"candle-spec/{__version__}"}
        if known and origin(url) == origin(self.url):
            headers["Authorization"] = known
        return headers

    def _followed(self, request: Request, url: str, answer: Answer) -> str:
        """Return where a redirect leads within the service."""
        target = _target(url, answer.headers.get("location", ""))
        if request.follow and origin(target) == origin(self.url):
            return target
        raise ServiceError(
            f"the service redirects to {urlsplit(target).hostname or 'another place'}, which is not followed: "
            "no token goes to another place",
            location=self.host,
            hint="check the address of the service",
        )

    def _elsewhere(self, url: str, target: str) -> str:
        """Return where a redirect of a download leads; plain http is for a service on this machine alone."""
        url = _target(url, target)
        parts = urlsplit(url)
        own = is_loopback(urlsplit(self.url).hostname or "") and is_loopback(parts.hostname or "")
        if parts.scheme != "https" and not (parts.scheme == "http" and own):
            raise ServiceError(f"the service redirects to {parts.hostname or 'no place'}, which is not followed")
        return url

    def _lost(self, error: Exception) -> ServiceError:
        words = _LOST.get(type(error).__name__, "broke off the connection")
        tls = " (its certificate was not accepted)" if "CERTIFICATE" in str(error) else ""
        return ServiceError(
            f"{self.host} {words}{tls}", hint="what was done stays done: run the command again, it goes on"
        )

    def _connections_to(self, url: str) -> Any:
        """Return connections without cookies and redirects, with TLS verified; no proxy for this machine."""
        own = is_loopback(urlsplit(url).hostname or "")
        if own not in self._connections:
            timeout = self._httpx.Timeout(self.patience.read_seconds, connect=self.patience.connect_seconds)
            jar = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
            self._connections[own] = self._httpx.Client(
                timeout=timeout, cookies=jar, follow_redirects=False, verify=True, trust_env=not own
            )
        return self._connections[own]


def _authorization(secret: Secret | None, login: tuple[str, Secret] | None = None) -> str:
    """Return the header that says who asks; ``""`` for nobody."""
    if login is not None:
        return "Basic " + base64.b64encode(f"{login[0]}:{login[1].reveal()}".encode()).decode("ascii")
    return f"Bearer {secret.reveal()}" if secret is not None else ""


def _target(url: str, location: str) -> str:
    """Return the address that a redirect names.

    Raises:
        ServiceError: It is none.
    """
    try:
        target = urljoin(url, location)
        urlsplit(target)
    except ValueError:
        raise ServiceError("the service redirects to what is no address") from None
    return target
