"""The table of logins, row by row, and what stands around it."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing

import pytest

from candle_spec.standin.config import Config
from candle_spec.standin.server import Server
from tests.helpers.services.modac_calls import ASSET, BASE, STUDY, Caller, Clock, basic, bearer, message

UNAUTHORIZED = (401, {"code": "Error occurred", "message": "Not Authorized"})
NOT_PERMITTED = (400, {"code": "Error occurred", "message": "Invalid Permissions"})
MALFORMED = (400, {"code": "Error occurred", "message": "Invalid user input or malformed request"})
LOGIN = ("GET", "/api/authenticate")
PROTECTED = ("PUT", "/api/v2/registration")
WRONG = basic("reader@example.org", "wrong")


def _signed_otherwise(token: str) -> str:
    head, claims, _ = token.split(".")
    return ".".join([head, claims, base64.urlsafe_b64encode(b"x" * 32).rstrip(b"=").decode()])


ROWS = {
    "wrong password, on authenticate": (LOGIN, WRONG, NOT_PERMITTED),
    "unknown user, on authenticate": (LOGIN, basic("nobody@example.org"), NOT_PERMITTED),
    "wrong password, on another endpoint": (PROTECTED, WRONG, UNAUTHORIZED),
    "unknown user, on another endpoint": (PROTECTED, basic("nobody@example.org"), UNAUTHORIZED),
    "wrong password, where nobody may read": (("GET", f"/api/collection/{STUDY}"), WRONG, UNAUTHORIZED),
    "no authorization, on a protected endpoint": (PROTECTED, {}, UNAUTHORIZED),
    "no authorization, on authenticate": (LOGIN, {}, NOT_PERMITTED),
    "no authorization, PUT of a collection": (("PUT", f"/api/collection/{STUDY}"), {}, UNAUTHORIZED),
    "no authorization, PUT of a file": (("PUT", f"/api/v2/dataObject/{STUDY}/a"), {}, UNAUTHORIZED),
    "no authorization, POST download": (("POST", f"/api/v2/dataObject/{STUDY}/a/download"), {}, UNAUTHORIZED),
    "no authorization, POST download address": (
        ("POST", f"/api/dataObject/{STUDY}/a/generateDownloadRequestURL"),
        {},
        UNAUTHORIZED,
    ),
    "malformed Bearer": (PROTECTED, bearer("no.token.here"), MALFORMED),
    "Bearer without token": (PROTECTED, {"Authorization": "Bearer"}, MALFORMED),
    "Basic that is no base64": (PROTECTED, {"Authorization": "Basic §".encode().decode("latin-1")}, MALFORMED),
    "Basic without a colon": (PROTECTED, {"Authorization": "Basic " + base64.b64encode(b"me").decode()}, MALFORMED),
    "malformed Bearer, on authenticate": (LOGIN, bearer("x"), MALFORMED),
    "malformed Bearer, where nobody may read": (("GET", f"/api/collection/{STUDY}"), bearer("x"), MALFORMED),
}


@pytest.mark.usefixtures("uploader")
@pytest.mark.parametrize("row", ROWS)
def test_row(row: str, server: Server) -> None:
    (method, path), headers, (status, body) = ROWS[row]
    rest = {"json": {}} if "dataObject/" not in path or method == "POST" else {"files": _registration()}
    if method == "GET":
        rest = {}
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = Caller(server.url).send(method, path, headers=encoded, **rest)
    assert (answer.status_code, answer.json()) == (status, body)


def _registration() -> dict[str, tuple[str, str, str]]:
    return {"dataObjectRegistration": ("attributes", json.dumps({"metadataEntries": []}), "application/json")}


def test_locked_after_three_bad_passwords(server: Server) -> None:
    for _ in range(3):
        assert Caller(server.url).send(*LOGIN, headers=WRONG).status_code == 400
    assert message(Caller(server.url, "reader@example.org").send(*LOGIN)) == "Invalid Permissions"
    assert Caller(server.url, "reader@example.org").send(*PROTECTED, json={}).status_code == 401


def test_a_good_login_forgives_two_bad_ones(server: Server) -> None:
    for _ in range(3):
        for _ in range(2):
            Caller(server.url).send(*LOGIN, headers=WRONG)
        assert Caller(server.url, "reader@example.org").send(*LOGIN).status_code == 200


def test_a_token_is_plain_text_and_lives_ninety_days(server: Server, clock: Clock) -> None:
    answer = Caller(server.url, "reader@example.org").send(*LOGIN)
    assert answer.headers["content-type"].startswith("text/plain")
    claims = json.loads(base64.urlsafe_b64decode(answer.text.split(".")[1] + "=="))
    assert claims == {"USER_ID_TOKEN_CLAIM": "reader@example.org", "exp": int(clock.now) + 90 * 86_400}
    caller = Caller(server.url, headers=bearer(answer.text))
    clock.now += 90 * 86_400 - 1
    assert caller.send(*LOGIN).status_code == 200
    clock.now += 1
    expired = caller.send(*LOGIN)
    assert (expired.status_code, expired.json()) == MALFORMED
    expired = caller.send("GET", f"/api/collection/{STUDY}")
    assert (expired.status_code, expired.json()) == MALFORMED


def test_a_badly_signed_bearer(server: Server) -> None:
    token = Caller(server.url, "reader@example.org").token()
    answer = Caller(server.url, headers=bearer(_signed_otherwise(token))).send(*PROTECTED, json={})
    assert (answer.status_code, answer.json()) == MALFORMED


def test_a_bearer_of_a_user_who_is_gone(server: Server) -> None:
    token = Caller(server.url, "reader@example.org").token()
    with closing(sqlite3.connect(server.desk.config.folder / "standin.sqlite", isolation_level=None)) as memory:
        memory.execute("DELETE FROM users WHERE email = 'reader@example.org'")
    answer = Caller(server.url, headers=bearer(token)).send(*PROTECTED, json={})
    assert (answer.status_code, answer.json()) == UNAUTHORIZED


def test_a_bearer_gets_a_fresh_token(server: Server, clock: Clock) -> None:
    first = Caller(server.url, "reader@example.org").token()
    clock.now += 86_400
    second = Caller(server.url, headers=bearer(first)).token()
    assert second != first
    assert Caller(server.url, headers=bearer(second)).send(*LOGIN).status_code == 200


def test_basic_works_on_every_endpoint(uploader: Caller) -> None:
    path = uploader.make_asset(access_group="REHEARSAL")
    assert uploader.send("GET", f"/api/collection/{path}").status_code == 200


def test_a_password_may_hold_a_colon(config: Config, server: Server) -> None:
    from candle_spec.standin.config import User

    server.desk.database.add_user(User("colon@example.org", "a:b:c"))
    assert Caller(server.url).send(*LOGIN, headers=basic("colon@example.org", "a:b:c")).status_code == 200


def test_anonymous_reads_what_is_public(server: Server, uploader: Caller) -> None:
    path = uploader.make_asset()
    uploader.put_file(f"{path}/m.h5")
    nobody = Caller(server.url)
    assert nobody.send("GET", f"/api/collection/{path}").status_code == 200
    assert nobody.send("GET", f"/api/v2/dataObject/{path}/m.h5").status_code == 200
    assert nobody.query([{"attribute": "asset_type", "value": "Model", "operator": "EQUAL"}]).status_code == 200


def test_a_cookie_keeps_a_client_logged_in(server: Server, uploader: Caller) -> None:
    cookie = uploader.send(*LOGIN).headers["set-cookie"].partition(";")[0]
    bad = Caller(server.url, headers={"Cookie": cookie, **bearer("x")})
    assert bad.send("GET", f"/api/collection/{BASE}/PROG").status_code == 200


def test_it_says_what_it_is(server: Server) -> None:
    assert "test double" in Caller(server.url).send(*LOGIN).headers["x-stand-in"]


def test_users_without_a_group_have_no_right_even_on_their_own(server: Server) -> None:
    from candle_spec.standin.config import User
    from tests.helpers.services.modac_calls import PROGRAM

    server.desk.database.add_user(User("lonely@example.org", "rehearse"))
    lonely = Caller(server.url, "lonely@example.org")
    assert lonely.put_collection(f"{BASE}/LONE", {**PROGRAM, "program_identifier": "LONE"}).text == "201"
    study = {**ASSET, "collection_type": "Study", "study_name": "S", "study_identifier": "S"}
    assert message(lonely.put_collection(f"{BASE}/LONE/S", study)) == "Invalid Permissions"
