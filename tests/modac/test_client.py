"""The client against a stand-in that behaves, and against one that does not."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    LimitExceededError,
    LoginError,
    MissingPathError,
    ProofFailedError,
    ServiceError,
    ServiceRefusedError,
)
from candle_spec.modac.client import Client
from candle_spec.modac.fetch import incoming_of
from candle_spec.modac.service import Service
from candle_spec.modac.settings import Settings
from candle_spec.modac.tokens import TokenCache, read_token
from candle_spec.modac.upload import upload_file
from candle_spec.remote.addresses import Secret
from candle_spec.remote.checks import Match
from candle_spec.remote.incoming import PARTIAL, Fetched, receive_file
from candle_spec.standin.config import DEMO_PASSWORD
from candle_spec.standin.server import Server
from tests.helpers.services.modac_calls import ASSET, BASE, STUDY, Caller, Clock
from tests.helpers.services.spy import Spy

DATA = bytes(range(251)) * 15


@pytest.fixture
def asset(uploader: Caller) -> str:
    return "/" + uploader.make_asset()


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def stored(uploader: Caller, asset: str) -> str:
    assert uploader.put_file(f"{asset[1:]}/m.bin", DATA).text == "201"
    return f"{asset}/m.bin"


def _download(client: Client, path: str, target: Path, **more: Any) -> Fetched:
    return receive_file(incoming_of(client, path), target, **more)


class TestLogin:
    def test_the_token_is_kept_for_its_owner_alone(self, client: Client, settings: Settings, clock: Clock) -> None:
        token = client.service.login()
        assert (token.user, token.expires) == ("uploader@example.org", int(clock.now) + 90 * 86_400)
        path = TokenCache(settings.place).path
        assert path.stat().st_mode & 0o777 == 0o600
        with Service(settings, clock=clock) as other:
            assert other.token().secret.reveal() == token.secret.reveal()
        path.chmod(0o644)
        with Service(settings, clock=clock) as other, pytest.raises(LoginError):
            other.token()

    def test_an_expired_token_is_not_sent(self, client: Client, settings: Settings, clock: Clock) -> None:
        client.service.login()
        clock.now += 90 * 86_400 - 59
        with Service(settings, clock=clock) as other, pytest.raises(LoginError):
            other.token()
        assert client.service.token().expires > clock.now + 80 * 86_400  # a new login, since it has the password

    def test_a_wrong_password_is_sent_once(self, server: Server, settings: Settings, clock: Clock) -> None:
        with Service(settings, password=Secret("wrong"), clock=clock) as service:
            for _ in range(4):
                with pytest.raises(LoginError):
                    service.token()
        assert Caller(server.url, "uploader@example.org").send("GET", "/api/authenticate").status_code == 200

    def test_a_login_that_broke_off_is_not_repeated(self, server: Server, settings: Settings, clock: Clock) -> None:
        server.faults.add("drop-response", path="/api/authenticate", times=0)
        with Service(settings, password=Secret(DEMO_PASSWORD), clock=clock) as service:
            with pytest.raises(ServiceError):
                service.token()
            server.faults.clear()
            with pytest.raises(LoginError):
                service.token()

    def test_what_looks_like_an_expired_token_is_answered_by_one_new_login(
        self, server: Server, client: Client
    ) -> None:
        client.service.login()
        server.faults.add("expired-token", path="/api/collection/")
        assert client.collection(f"/{BASE}/NONE") is None
        server.faults.add("expired-token", path="/api/collection/", times=2)
        with pytest.raises(ServiceRefusedError, match="malformed request"):
            client.collection(f"/{BASE}/NONE")

    def test_renew(self, client: Client, clock: Clock) -> None:
        first = client.service.login()
        clock.now += 1_000
        assert client.service.renew().expires == first.expires + 1_000

    def test_a_token_that_cannot_be_read_is_still_a_token(self) -> None:
        for text in ("x", "a.b.c", "..", "a.bnVsbA.c"):
            token = read_token(text)
            assert (token.secret.reveal(), token.user, token.expires) == (text, "", 0)

    def test_secrets_are_not_shown(self, client: Client, settings: Settings) -> None:
        token = client.service.login()
        shown = f"{token!r} {client.service.__dict__!r} {Secret('hush')!s} {settings!r}"
        assert token.secret.reveal() not in shown
        assert DEMO_PASSWORD not in shown
        assert "hush" not in shown


class TestEndpoints:
    def test_collection(self, client: Client, stored: str, asset: str) -> None:
        found = client.collection(asset, listed=True)
        assert found is not None
        assert found.metadata["asset_name"] == "Uno"
        assert found.metadata["dme_data_id"] == f"NCI-DME-MS01-{found.id}"
        assert found.inherited["Study"]["study_identifier"] == "STUDY"
        assert found.files == (stored,)
        assert client.collection(f"{asset}2") is None

    def test_create_and_update(self, client: Client, uploader: Caller) -> None:
        path = f"/{STUDY}/uno"
        assert client.put_collection(path, ASSET) is True
        assert client.put_collection(path, {"asset_name": "Due"}) is False
        with pytest.raises(ServiceRefusedError, match="The following entries cannot be empty: asset_name"):
            client.put_collection(f"/{STUDY}/due", {**ASSET, "asset_name": ""})
        with pytest.raises(ServiceRefusedError, match="Missing or empty mandatory metadata: asset_name"):
            client.put_collection(f"/{STUDY}/due", {**ASSET, "asset_name": "\t"})

    def test_query(self, client: Client, stored: str, asset: str) -> None:
        model = {"operator": "AND", "queries": [{"attribute": "asset_type", "value": "Model", "operator": "EQUAL"}]}
        assert [hit.path for hit in client.query(model)] == [asset]
        files = {"operator": "AND", "queries": [{"attribute": "uuid", "value": "%", "operator": "LIKE"}]}
        assert [hit.path for hit in client.query(files, kind="dataObject")] == [stored]
        none = {"operator": "AND", "queries": [{"attribute": "asset_type", "value": "None", "operator": "EQUAL"}]}
        assert list(client.query(none)) == []

    def test_nobody_reads_what_is_public(self, settings: Settings, asset: str) -> None:
        with Service(replace(settings, user="")) as service:
            assert Client(service).collection(asset) is not None

    def test_a_path_that_would_not_arrive_is_not_sent(self, client: Client) -> None:
        for path in (f"/{BASE}/a b", f"/{BASE}/../x", f"/{BASE}/a/collection/b", f"/{BASE}/ä", f"/{BASE}/{'x' * 500}"):
            with pytest.raises(CandleSpecError):
                client.collection(path)


class TestUpload:
    def test_once(self, client: Client, asset: str, local: Path) -> None:
        sent = upload_file(client, local, f"{asset}/m", {"description": "weights"})
        assert (sent.status, sent.size, sent.match) == ("sent", len(DATA), Match.SAME)
        again = upload_file(client, local, f"{asset}/m", {})
        assert again.status == "present"
        found = client.file(f"{asset}/m")
        assert found is not None
        assert found.metadata == {"description": "weights"}

    def test_another_file_of_that_name(self, client: Client, asset: str, local: Path) -> None:
        upload_file(client, local, f"{asset}/m", {})
        local.write_bytes(DATA[:-1] + b"?")
        # the same size, several parts: what differs shows in the checksum of parts, which proves nothing
        assert upload_file(client, local, f"{asset}/m", {}).match is Match.UNVERIFIABLE
        local.write_bytes(DATA[:-1])
        with pytest.raises(ProofFailedError, match="another file of that name"):
            upload_file(client, local, f"{asset}/m", {})
        small = local.with_name("small")
        small.write_bytes(b"one")
        upload_file(client, small, f"{asset}/s", {})
        small.write_bytes(b"two")
        with pytest.raises(ProofFailedError, match="another file of that name"):
            upload_file(client, small, f"{asset}/s", {})

    @pytest.mark.parametrize("at", [0, 1, 100, 700, 1_500, 3_000, 4_400])
    @pytest.mark.parametrize("kind", ["drop-request", "drop-response"])
    @pytest.mark.slow
    def test_a_connection_lost_at_any_byte(
        self, server: Server, client: Client, asset: str, local: Path, kind: str, at: int
    ) -> None:
        server.faults.add(kind, method="PUT", path="/v2/dataObject/", at=min(at, 2) if "res" in kind else at, times=2)
        sent = upload_file(client, local, f"{asset}/m", {})
        assert (sent.size, sent.match) == (len(DATA), Match.SAME)
        assert len(list((server.desk.config.folder / "files").iterdir())) == 1  # no duplicate, no half of it

    def test_it_gives_up(self, server: Server, client: Client, asset: str, local: Path) -> None:
        server.faults.add("drop-request", method="PUT", path="/v2/dataObject/", at=10, times=0)
        with pytest.raises(ServiceError, match="broke off"):
            upload_file(client, local, f"{asset}/m", {})
        assert client.file(f"{asset}/m") is None
        server.faults.clear()
        assert upload_file(client, local, f"{asset}/m", {}).status == "sent"

    def test_too_large(self, client: Client, asset: str, tmp_path: Path, server: Server) -> None:
        large = tmp_path / "large"
        large.write_bytes(b"x" * 60_000)
        server.faults.add("error", method="PUT", times=0)  # nothing is sent, so that nobody meets it
        with pytest.raises(LimitExceededError, match="the service takes 60000"):
            upload_file(client, large, f"{asset}/m", {})

    @pytest.mark.parametrize("fault", ["wrong-size", "wrong-checksum"])
    def test_what_is_read_back_is_not_what_was_sent(
        self, server: Server, client: Client, asset: str, local: Path, fault: str
    ) -> None:
        server.faults.add(fault)
        with pytest.raises(ProofFailedError, match="what arrived is not what was sent"):
            upload_file(client, local, f"{asset}/m", {})

    def test_the_local_name_stays_here(self, server: Server, client: Client, asset: str, local: Path) -> None:
        upload_file(client, local, f"{asset}/m", {})
        stored = (server.desk.config.folder / "standin.sqlite").read_bytes()
        assert str(local).encode() not in stored


class TestDownload:
    def test_once(self, reading: Client, stored: str, tmp_path: Path) -> None:
        fetched = _download(reading, stored, tmp_path / "m")
        assert fetched.path.read_bytes() == DATA
        assert fetched.match is Match.SAME
        with pytest.raises(MissingPathError):
            _download(reading, f"{stored}2", tmp_path / "n")

    def test_an_empty_file(self, uploader: Caller, reading: Client, asset: str, tmp_path: Path) -> None:
        uploader.put_file(f"{asset[1:]}/empty", b"")
        assert _download(reading, f"{asset}/empty", tmp_path / "e").size == 0

    @pytest.mark.parametrize("at", [0, 1, 999, 1_000, 1_001, len(DATA) - 1, len(DATA)])
    def test_a_connection_lost_at_any_byte(
        self, server: Server, reading: Client, stored: str, tmp_path: Path, at: int
    ) -> None:
        server.faults.add("drop-response", path="/presigned/", at=at, times=2)
        assert _download(reading, stored, tmp_path / "m").path.read_bytes() == DATA

    def test_the_next_run_goes_on(self, server: Server, reading: Client, stored: str, tmp_path: Path) -> None:
        target = tmp_path / "m"
        server.faults.add("drop-response", path="/presigned/", at=1_500)
        server.faults.add("drop-response", path="/presigned/", times=0)
        with pytest.raises(ServiceError):
            _download(reading, stored, target)
        assert not target.exists()
        assert (tmp_path / f".m{PARTIAL}").stat().st_size == 1_500
        server.faults.clear()
        came = []
        assert _download(reading, stored, target, progress=came.append).path.read_bytes() == DATA
        assert came[0] == 1_500
        assert [path.name for path in tmp_path.glob("*m*")] == ["m"]

    def test_an_archive_without_ranges(self, server: Server, reading: Client, stored: str, tmp_path: Path) -> None:
        server.faults.add("drop-response", path="/presigned/", at=1_500)
        server.faults.add("no-range", path="/presigned/", times=0)
        assert _download(reading, stored, tmp_path / "m").path.read_bytes() == DATA

    def test_the_rest_of_another_file_is_dropped(self, reading: Client, stored: str, tmp_path: Path) -> None:
        for rest in (b"other", b"x" * (len(DATA) + 1), b"y" * len(DATA)):
            (tmp_path / f".m{PARTIAL}").write_bytes(rest)
            if len(rest) == len(DATA) or len(rest) == 5:
                # several parts: a checksum of another size of part cannot tell; the digest of the manifest does
                from candle_spec.digests import digest_bytes

                with pytest.raises(CorruptFileError, match="sha256"):
                    _download(reading, stored, tmp_path / "m", sha256=digest_bytes(DATA))
            assert _download(reading, stored, tmp_path / "m").path.read_bytes() == DATA

    def test_wrong_size(self, server: Server, reading: Client, stored: str, tmp_path: Path) -> None:
        server.faults.add("wrong-size", times=0)
        with pytest.raises(ServiceError):
            _download(reading, stored, tmp_path / "m")
        assert not (tmp_path / "m").exists()

    def test_wrong_checksum(self, server: Server, reading: Client, stored: str, tmp_path: Path) -> None:
        server.faults.add("wrong-checksum")
        with pytest.raises(CorruptFileError, match="its checksum is not"):
            _download(reading, stored, tmp_path / "m")
        assert [path.name for path in tmp_path.glob("*m*")] == []

    @pytest.mark.slow
    def test_an_endless_body(self, server: Server, reading: Client, stored: str, tmp_path: Path) -> None:
        server.faults.add("endless", path="/presigned/", times=0)
        with pytest.raises(LimitExceededError, match="more than the 3765 bytes"):
            _download(reading, stored, tmp_path / "m")
        assert not (tmp_path / "m").exists()

    def test_a_slow_archive(self, server: Server, reading: Client, stored: str, tmp_path: Path) -> None:
        server.faults.add("slow", path="/presigned/", seconds=0.05)
        assert _download(reading, stored, tmp_path / "m").size == len(DATA)


class TestHostile:
    @pytest.mark.parametrize("path", ["/api/collection/", "/api/v2/dataObject/", "/api/authenticate", "/presigned/"])
    def test_a_redirect_to_another_host(
        self, server: Server, client: Client, stored: str, tmp_path: Path, path: str
    ) -> None:
        spy = Spy()
        if path != "/api/authenticate":
            client.service.login()
        server.faults.add("redirect", path=path, to=spy.url, times=0)
        with pytest.raises(ServiceError):
            client.collection(f"/{STUDY}") if "collection" in path else _download(client, stored, tmp_path / "m")
        spy.close()
        assert spy.heard == b""

    @pytest.mark.parametrize("path", ["/api/v2/dataObject/", "/api/collection/"])
    def test_a_redirect_of_an_upload(self, server: Server, client: Client, asset: str, local: Path, path: str) -> None:
        spy = Spy()
        client.service.login()
        server.faults.add("redirect", method="PUT", path=path, to=spy.url, times=0)
        with pytest.raises(ServiceError, match="not followed"):
            if "collection" in path:
                client.put_collection(f"/{STUDY}/due", ASSET)
            else:
                upload_file(client, local, f"{asset}/m", {})
        spy.close()
        assert spy.heard == b""

    @pytest.mark.parametrize("path", ["/api/v2/dataObject/", "/api/collection/", "/api/authenticate"])
    @pytest.mark.slow
    def test_an_endless_answer_to_what_was_sent(
        self, server: Server, client: Client, asset: str, local: Path, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("candle_spec.limits.SERVICE_ANSWER", 1 << 20)
        if path != "/api/authenticate":
            client.service.login()
        server.faults.add("endless", method="" if "auth" in path else "PUT", path=path, times=0)
        with pytest.raises(LimitExceededError, match="without an end"):
            if "data" in path:
                upload_file(client, local, f"{asset}/m", {})
            else:
                client.put_collection(f"/{STUDY}/due", ASSET)

    def test_no_token_goes_to_the_archive(
        self, server: Server, client: Client, stored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spy = Spy()
        monkeypatch.setattr(server.desk, "presigned", lambda node: spy.url)
        with pytest.raises(ServiceError):
            _download(client, stored, tmp_path / "m")
        spy.close()
        assert b"GET /x" in spy.heard
        assert b"uthorization" not in spy.heard
        assert client.service.token().secret.reveal().encode() not in spy.heard

    def test_an_endless_answer(self, server: Server, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("candle_spec.limits.SERVICE_ANSWER", 1 << 20)
        server.faults.add("endless", path="/api/collection/")
        with pytest.raises(LimitExceededError, match="without an end"):
            client.collection(f"/{BASE}/P")

    def test_out_of_order_for_a_while(self, server: Server, client: Client, asset: str) -> None:
        server.faults.add("error", path="/api/collection/", times=3)
        assert client.collection(asset) is not None
        server.faults.add("error", path="/api/collection/", times=4)
        with pytest.raises(ServiceError, match="500: Internal Server Error"):
            client.collection(asset)

    def test_a_query_is_not_repeated(self, server: Server, client: Client, asset: str) -> None:
        server.faults.add("error", path="/query")
        with pytest.raises(ServiceError):
            list(client.query({"operator": "AND", "queries": []}))

    def test_a_lost_answer_to_a_registration(self, server: Server, client: Client, uploader: Caller) -> None:
        server.faults.add("drop-response", method="PUT", path="/api/collection/")
        client.put_collection(f"/{STUDY}/uno", ASSET)
        assert client.collection(f"/{STUDY}/uno") is not None

    def test_no_cookie_is_kept(self, server: Server, client: Client, asset: str) -> None:
        client.service.login()
        client.service.renew()
        assert [list(one.cookies.jar) for one in client.service.http._connections.values()] == [[]]

    def test_the_service_is_not_there(self, settings: Settings) -> None:
        with (
            Service(replace(settings, url="http://127.0.0.1:9", user=""), sleep=lambda seconds: None) as service,
            pytest.raises(ServiceError, match="cannot be reached"),
        ):
            Client(service).collection(f"/{BASE}/P")

    def test_an_answer_of_another_shape(self, client: Client, asset: str, monkeypatch: pytest.MonkeyPatch) -> None:
        client.service.login()
        for body in (b"", b"[]", b'{"collections": []}', b'{"collections": [{"collection": 5}]}', b"\xff", b"[" * 5000):
            monkeypatch.setattr("candle_spec.remote.client.bounded", lambda *_, body=body: [body])
            with pytest.raises(ServiceError):
                client.collection(asset)

    def test_nothing_secret_is_logged(
        self, client: Client, stored: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        token = client.service.login().secret.reveal()
        _download(client, stored, tmp_path / "m")
        logged = json.dumps([record.getMessage() for record in caplog.records])
        assert token not in logged
        assert DEMO_PASSWORD not in logged
