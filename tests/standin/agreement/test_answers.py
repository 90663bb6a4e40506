"""The words and numbers of the stand-in's answers, as the client goes by them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from candle_spec.errors import LimitExceededError, ServiceRefusedError
from candle_spec.modac.checks import check_plan
from candle_spec.modac.client import Client
from candle_spec.modac.plan import Plan, Step
from candle_spec.modac.service import Service
from candle_spec.modac.settings import Settings
from candle_spec.modac.upload import upload_file
from candle_spec.modac.vocabulary import Knowledge
from candle_spec.remote.addresses import Secret
from candle_spec.standin.config import DEMO_PASSWORD, Config
from candle_spec.standin.facts import limit
from tests.helpers.services.in_process import ADDRESS, InProcess, in_process
from tests.helpers.services.modac_calls import ASSET, BASE, PROGRAM, STUDY, STUDY_METADATA, Clock

PATH = f"/{STUDY}/uno"


@dataclass
class Both:
    """A stand-in, a client of it, the clock of both, and a folder for files."""

    standin: InProcess
    client: Client
    clock: Clock
    folder: Path

    def file(self, data: bytes = b"data") -> Path:
        """A file on this machine."""
        path = self.folder / "file"
        path.write_bytes(data)
        return path


@contextmanager
def both(request_limit: int = 60_000) -> Iterator[Both]:
    """Yield a stand-in with an asset, and the client of its owner."""
    with tempfile.TemporaryDirectory() as name:
        folder, clock = Path(name), Clock()
        settings = Settings(
            url=ADDRESS, user="uploader@example.org", request_limit=request_limit, state=folder / "state"
        )
        with in_process(Config(folder / "standin", clock=clock, request_limit=60_000)) as standin:
            password = Secret(DEMO_PASSWORD)
            with Service(settings, password=password, clock=clock, sleep=lambda seconds: None) as service:
                client = Client(service)
                for path, values in ((f"/{BASE}/PROG", PROGRAM), (f"/{STUDY}", STUDY_METADATA), (PATH, ASSET)):
                    assert client.put_collection(path, values) is True
                yield Both(standin, client, clock, folder)


def test_what_is_not_there() -> None:
    with both() as here:
        assert here.client.collection(f"{PATH}x") is None
        assert here.client.file(f"{PATH}/x") is None
        assert here.client.file(f"{PATH}x/x") is None


def test_what_may_not_be_read_is_not_missing() -> None:
    with both() as here:
        here.client.put_collection(f"/{STUDY}/own", {**ASSET, "access_group": "REHEARSAL"})
        stranger = replace(here.client.settings, user="reader@example.org")
        with Service(stranger, password=Secret(DEMO_PASSWORD), clock=here.clock) as service:
            for ask in (Client(service).collection, Client(service).file):
                with pytest.raises(ServiceRefusedError, match="Invalid Permissions"):
                    ask(f"/{STUDY}/own{'/m' if ask.__name__ == 'file' else ''}")


def test_created_or_updated() -> None:
    with both() as here:
        assert here.client.put_collection(PATH, {"asset_name": "Due"}) is False
        assert here.client.put_file(f"{PATH}/m", {}, here.file()) is True
        assert here.client.put_file(f"{PATH}/m", {"metadataEntries": []}, None) is False


def test_a_query_without_hits() -> None:
    with both() as here:
        for kind in ("collection", "dataObject"):
            query = {"attribute": "asset_name", "value": "None", "operator": "EQUAL"}
            assert list(here.client.query({"operator": "AND", "queries": [query]}, kind=kind)) == []
            with pytest.raises(ServiceRefusedError):
                list(here.client.query({"operator": "XOR", "queries": [query]}, kind=kind))


def test_a_look_is_repeated_where_the_service_is_out_of_order() -> None:
    with both() as here:
        here.standin.desk.faults.add("error", path="/api/collection/")
        assert here.client.collection(PATH) is not None


def test_an_expired_token_is_renewed_once() -> None:
    with both() as here:
        here.client.service.login()
        here.standin.desk.faults.add("expired-token", path="/api/collection/")
        assert here.client.collection(PATH) is not None
        here.standin.desk.faults.add("expired-token", path="/api/collection/", times=2)
        with pytest.raises(ServiceRefusedError) as refused:
            here.client.collection(PATH)
        assert refused.value.hint
        assert "login" in refused.value.hint


def test_a_file_that_came_in_between() -> None:
    """It was not there when it was asked for, and is when it is sent: what is there is looked at."""
    with both() as here:
        path, ask = f"{PATH}/m", here.client.file
        upload_file(here.client, here.file(), path, {})
        answers = iter([None])
        here.client.file = lambda asked: next(answers, ask(asked))  # type: ignore[method-assign]
        assert upload_file(here.client, here.file(), path, {}).match == "same"


def test_another_refusal_of_an_upload_is_told() -> None:
    with both() as here, pytest.raises(ServiceRefusedError, match="System generated metadata"):
        upload_file(here.client, here.file(), f"{PATH}/m", {"uuid": "x"})


def test_how_much_one_upload_takes() -> None:
    assert Settings().request_limit == limit("request_bytes")
    assert Settings().base_path == f"/{BASE}"
    with both(request_limit=10**9) as generous:
        assert generous.client.put_file(f"{PATH}/a", {}, generous.file(bytes(59_000))) is True
        with pytest.raises(Exception, match="500"):
            generous.client.put_file(f"{PATH}/b", {}, generous.file(bytes(60_000)))
    with both() as exact, pytest.raises(LimitExceededError):
        exact.client.put_file(f"{PATH}/b", {}, exact.file(bytes(60_000)))


def test_how_long_a_value_may_be() -> None:
    with both() as here:
        for number, value in enumerate(("x" * 2_700, "x" * 2_701, "ü" * 1_350, "ü" * 1_350 + "x")):
            path = f"/{STUDY}/long{number}"
            values = {**ASSET, "access_group": "REHEARSAL", "publication": value}
            plan = Plan((Step("Asset", path, values),), path)
            problems = check_plan(plan, here.client.settings, Knowledge(here.folder / "known"))
            told = [one for one in problems if one.blocking and one.attribute == "publication"]
            try:
                here.client.put_collection(path, values)
            except ServiceRefusedError:
                assert told
            else:
                assert not told
