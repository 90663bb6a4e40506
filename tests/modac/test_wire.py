"""A whole publication, and a whole download, over a wire that breaks at any byte: a rerun completes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.conversion.convert import convert
from candle_spec.errors import CandleSpecError
from candle_spec.modac.client import Client
from candle_spec.modac.fetch import published_at
from candle_spec.modac.plan import Choices, make_plan
from candle_spec.modac.publish import publish
from candle_spec.modac.records import read_record
from candle_spec.modac.service import Service
from candle_spec.modac.settings import Settings
from candle_spec.publish.assemble import assemble
from candle_spec.remote.addresses import Secret
from candle_spec.standin.config import DEMO_PASSWORD
from candle_spec.standin.server import Server
from tests.helpers import checkpoints
from tests.helpers.services.modac_calls import STUDY, Clock
from tests.helpers.services.modac_records import documents
from tests.helpers.services.proxy import Direction, Wire, wire

PLACES = (0, 10, 300, 900, 1_800, 3_000, 4_500, 6_000, 8_000, 10_000, 13_000, 16_000, 20_000)
ASSET_PATH = f"/{STUDY}/uno"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with checkpoints.only_tiny():
        yield convert(checkpoints.Tiny().write(tmp_path / "uno.tiny"), tmp_path / "uno").path


def _client(settings: Settings, broken: Wire, clock: Clock) -> Client:
    """A client that does not try again by itself: what completes a run is the next one."""
    own = replace(settings, url=broken.url, attempts=1)
    return Client(Service(own, password=Secret(DEMO_PASSWORD), clock=clock, sleep=lambda seconds: None))


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("at", PLACES)
@pytest.mark.slow
def test_a_publication(
    folder: Path, server: Server, settings: Settings, clock: Clock, tmp_path: Path, direction: Direction, at: int
) -> None:
    plan = make_plan(folder, read_record(documents(), location="record"), Choices())
    with wire(server.url, direction, at) as broken:
        for _ in range(3):
            client = _client(settings, broken, clock)
            try:
                made = publish(client, plan, receipt=tmp_path / "receipt.json", create_parents=True, now=clock)
            except CandleSpecError:
                continue
            finally:
                client.service.close()
            break
        assert made.state == "complete"
        assert broken.broken or broken.passed[direction] <= at
    stored = list((server.desk.config.folder / "files").iterdir())
    assert len(stored) == len(plan.files), "nothing is there twice, nothing half"
    with Service(settings, password=Secret(DEMO_PASSWORD), clock=clock) as service:
        back = assemble(published_at(Client(service), ASSET_PATH), tmp_path / "back").path
    assert checkpoints.read_manifest(back)["weights"] == checkpoints.read_manifest(folder)["weights"]


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("at", PLACES)
@pytest.mark.slow
def test_a_download(
    folder: Path, server: Server, settings: Settings, clock: Clock, tmp_path: Path, direction: Direction, at: int
) -> None:
    plan = make_plan(folder, read_record(documents(), location="record"), Choices())
    with Service(settings, password=Secret(DEMO_PASSWORD), clock=clock) as service:
        publish(Client(service), plan, create_parents=True, now=clock)
    with wire(server.url, direction, at) as broken:
        for number in range(3):
            client = _client(settings, broken, clock)
            try:
                back = assemble(published_at(client, ASSET_PATH), tmp_path / "back").path
            except CandleSpecError:
                assert not (tmp_path / "back").exists(), number
                continue
            finally:
                client.service.close()
            break
    for row in checkpoints.read_manifest(back)["files"]:
        if "withheld" not in row:
            assert (back / row["path"]).read_bytes() == (folder / row["path"]).read_bytes()
    assert (back / MANIFEST).is_file()
