"""The one client: what is repeated, what is followed, where a secret goes, and when it stops listening."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, RedirectResponse, Response

from candle_spec.errors import LimitExceededError, ServiceError
from candle_spec.remote.addresses import Secret
from candle_spec.remote.answers import ANSWER_SECONDS, content_from
from candle_spec.remote.client import HttpClient, Patience, Request
from tests.helpers.services.servers import Cut, Endless
from tests.helpers.services.spy import Spy
from tests.remote.conftest import Parrot

TOKEN = Secret("t" * 40)
GET = Request("GET", "/x", repeat=True)


@pytest.fixture
def slept() -> list[float]:
    """How long was waited, each time."""
    return []


@pytest.fixture
def client(parrot: Parrot, slept: list[float]) -> Iterator[HttpClient]:
    with HttpClient(parrot.url, extra="modac", sleep=slept.append) as made:
        yield made


class TestRepetition:
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_what_may_be_repeated_is(self, parrot: Parrot, client: HttpClient, slept: list[float], status: int) -> None:
        parrot.lasting["GET"] = lambda request: Response(status_code=status if len(parrot.seen) < 4 else 200)
        assert client.send(GET).status == 200
        assert slept == [1.0, 2.0, 4.0]

    def test_a_lost_connection_too(self, parrot: Parrot, client: HttpClient, slept: list[float]) -> None:
        parrot.faults["GET"] = Cut(b"whole", 1)
        assert client.send(GET).json()["path"] == "/x"
        assert slept == [1.0]

    def test_it_ends(self, parrot: Parrot, client: HttpClient, slept: list[float]) -> None:
        parrot.lasting["GET"] = lambda request: Cut(b"whole", 1)
        with pytest.raises(ServiceError, match="broke off the connection"):
            client.send(GET)
        assert len(parrot.seen) == 4

    def test_nothing_else_is(self, parrot: Parrot, client: HttpClient, slept: list[float]) -> None:
        parrot.lasting["POST"] = lambda request: Response(status_code=503)
        assert client.send(Request("POST", "/x", b"body")).status == 503
        parrot.lasting["GET"] = lambda request: Response(status_code=400)
        assert client.send(GET).status == 400
        assert (slept, [seen.body for seen in parrot.seen]) == ([], [b"body", b""])

    def test_the_body_is_made_anew(self, parrot: Parrot, client: HttpClient) -> None:
        parrot.faults["PUT"] = Response(status_code=503)
        made = itertools.count()
        request = Request("PUT", "/x", lambda: iter([f"body {next(made)}".encode()]), repeat=True)
        assert client.send(request).json()["body"] == "body 1"

    def test_patience(self, parrot: Parrot, slept: list[float]) -> None:
        patience = Patience(attempts=2, backoff_seconds=0.25)
        parrot.lasting["GET"] = lambda request: Response(status_code=503)
        with HttpClient(parrot.url, extra="modac", patience=patience, sleep=slept.append) as client:
            assert client.send(GET).status == 503
        assert slept == [0.25]

    def test_nobody_there(self) -> None:
        with (
            HttpClient("http://127.0.0.1:9", extra="modac", sleep=lambda seconds: None) as client,
            pytest.raises(ServiceError, match="cannot be reached"),
        ):
            client.send(GET)


class TestBounds:
    def test_an_answer_without_an_end(
        self, parrot: Parrot, client: HttpClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("candle_spec.limits.SERVICE_ANSWER", 1 << 20)
        parrot.lasting["GET"] = lambda request: Endless()
        with pytest.raises(LimitExceededError, match="without an end"):
            client.send(GET)
        assert len(parrot.seen) == 1, "it is not asked for again"

    def test_an_answer_that_takes_too_long(self, parrot: Parrot) -> None:
        now = itertools.count(step=ANSWER_SECONDS + 1)
        with (
            HttpClient(parrot.url, extra="modac", clock=lambda: float(next(now))) as client,
            pytest.raises(LimitExceededError, match="without an end"),
        ):
            client.send(GET)

    def test_no_cookie_is_kept(self, parrot: Parrot, client: HttpClient) -> None:
        client.send(GET)
        client.send(GET)
        assert not any("cookie" in headers for headers in parrot.headers)

    def test_an_answer_that_is_no_json(self, parrot: Parrot, client: HttpClient) -> None:
        for body in (b"", b"\xff", b"[" * 5_000, b"<html>"):
            parrot.lasting["GET"] = lambda request, body=body: Response(body)
            answer = client.send(GET)
            assert answer.said() is None
            with pytest.raises(ServiceError, match="no JSON"):
                answer.json()


class TestRedirects:
    def test_within_the_service_where_that_is_asked_for(self, parrot: Parrot, client: HttpClient) -> None:
        parrot.faults["GET /x"] = RedirectResponse("/y", 302)
        assert client.send(Request("GET", "/x", follow=True), secret=TOKEN).json()["path"] == "/y"
        assert [headers["authorization"] for headers in parrot.headers] == [f"Bearer {TOKEN.reveal()}"] * 2
        parrot.faults["GET /x"] = RedirectResponse("/y", 302)
        with pytest.raises(ServiceError, match="not followed"):
            client.send(GET)

    def test_never_elsewhere(self, parrot: Parrot, client: HttpClient, slept: list[float]) -> None:
        spy = Spy()
        parrot.lasting["GET"] = lambda request: RedirectResponse(spy.url, 307)
        with pytest.raises(ServiceError, match="no token goes to another place"):
            client.send(Request("GET", "/x", repeat=True, follow=True), secret=TOKEN)
        spy.close()
        assert (spy.heard, slept) == (b"", [])

    @pytest.mark.parametrize("target", ["/x", "http://[", "//", "", "/y\x00"])
    def test_in_a_circle_or_to_no_address(self, parrot: Parrot, client: HttpClient, target: str) -> None:
        parrot.lasting["GET"] = lambda request: Response(status_code=302, headers={"location": target})
        with pytest.raises(ServiceError):
            client.send(Request("GET", "/x", follow=True))
        assert len(parrot.seen) <= 5
        with pytest.raises(ServiceError), client.download(f"{parrot.url}/x", 0, "x", redirects=5) as response:
            list(content_from(response, 0, "x"))


class TestDownload:
    def _all(self, client: HttpClient, url: str, start: int = 0, **more: Any) -> bytes:
        with client.download(url, start, "a file", **more) as response:
            return b"".join(content_from(response, start, "a file"))

    def test_a_range(self, parrot: Parrot, client: HttpClient) -> None:
        parrot.lasting["GET"] = lambda request: Response(b"0123456789")
        assert self._all(client, f"{parrot.url}/f", 4) == b"456789", "a service without ranges sends all of it"
        assert parrot.headers[-1]["range"] == "bytes=4-"
        parrot.lasting["GET"] = lambda request: Response(b"456", 206, {"content-range": "bytes 5-7/10"})
        with pytest.raises(ServiceError, match="answers 206 to a download from byte 4"):
            self._all(client, f"{parrot.url}/f", 4)

    def test_the_secret_goes_to_the_service_alone(self, parrot: Parrot, client: HttpClient) -> None:
        spy = Spy()
        parrot.faults["GET"] = RedirectResponse(spy.url, 302)
        assert self._all(client, f"{parrot.url}/f", secret=TOKEN, redirects=5) == b""
        spy.close()
        assert parrot.headers[0]["authorization"] == f"Bearer {TOKEN.reveal()}"
        assert b"GET /x" in spy.heard
        assert b"uthorization" not in spy.heard

    def test_a_redirect_is_followed_only_where_that_is_allowed(self, parrot: Parrot, client: HttpClient) -> None:
        parrot.lasting["GET"] = lambda request: RedirectResponse("/y", 302)
        with pytest.raises(ServiceError, match="answers 302"):
            self._all(client, f"{parrot.url}/f")

    @pytest.mark.parametrize("target", ["http://192.0.2.1/x", "ftp://127.0.0.1/x", "file:///etc/passwd"])
    def test_a_redirect_to_where_nobody_should_go(self, parrot: Parrot, client: HttpClient, target: str) -> None:
        parrot.lasting["GET"] = lambda request: RedirectResponse(target, 302)
        with pytest.raises(ServiceError, match="not followed"):
            self._all(client, f"{parrot.url}/f", redirects=5)

    def test_it_breaks_off(self, parrot: Parrot, client: HttpClient) -> None:
        parrot.lasting["GET"] = lambda request: Cut(b"whole", 2)
        with pytest.raises(ServiceError, match="the download broke off: RemoteProtocolError"):
            self._all(client, f"{parrot.url}/f?signature=hush")


def test_a_login_by_password(parrot: Parrot, client: HttpClient) -> None:
    client.send(Request("GET", "/login"), login=("me@example.org", Secret("päss")))
    assert parrot.headers[0]["authorization"] == "Basic bWVAZXhhbXBsZS5vcmc6cMOkc3M="


def test_json_of_any_status_is_told(parrot: Parrot, client: HttpClient) -> None:
    parrot.faults["GET"] = JSONResponse({"message": "no"}, 400)
    assert client.send(GET).said() == {"message": "no"}
