"""A checkpoint, or a series, to MoDaC and back: the same content, whatever goes wrong on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.checkpoint.seal import write_seal
from candle_spec.digests import digest_file
from candle_spec.errors import CandleSpecError, CorruptFileError, InvalidInputError, MissingPathError, OutputExistsError
from candle_spec.modac.client import Client
from candle_spec.modac.fetch import published_at
from candle_spec.modac.plan import Choices, Plan, make_plan
from candle_spec.modac.prepared import prepare, read_prepared
from candle_spec.modac.publish import Receipt, publish
from candle_spec.modac.records import read_record
from candle_spec.publish.assemble import PRIVATE, assemble
from candle_spec.standin.server import Server
from tests.helpers import checkpoints
from tests.helpers.services.modac_calls import STUDY, Caller, Clock, entries
from tests.helpers.services.modac_records import documents

ASSET_PATH = f"/{STUDY}/uno"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A small checkpoint."""
    with checkpoints.only_tiny():
        yield _checkpoint(tmp_path, "uno", 0)


def _checkpoint(tmp_path: Path, name: str, bias: int) -> Path:
    from candle_spec.conversion.convert import convert

    rows = [("dense/kernel", "F32", [6, 4]), ("dense/bias", "F32", [4 + bias])]
    native = checkpoints.Tiny(rows).write(tmp_path / f"{name}.tiny")
    return convert(native, tmp_path / f"{name}.candle").path


@pytest.fixture
def series(tmp_path: Path) -> Iterator[Path]:
    """Three epochs, with best and last."""
    root = tmp_path / "run"
    (root / "epochs").mkdir(parents=True)
    with checkpoints.only_tiny():
        for number in (1, 2, 3):
            _checkpoint(tmp_path, f"e{number}", number).rename(root / "epochs" / f"{number:03}")
        (root / "last").symlink_to("epochs/003")
        (root / "best").symlink_to("epochs/002")
        yield root


def _plan(folder: Path, choices: Choices | None = None, **asset: str) -> Plan:
    return make_plan(folder, read_record(documents(**asset), location="record"), choices or Choices())


@pytest.fixture
def send(client: Client, clock: Clock, tmp_path: Path) -> Callable[..., Receipt]:
    """Publish a plan."""

    def run(plan: Plan, **rest: bool) -> Receipt:
        rest = {"create_parents": True, **rest}
        return publish(client, plan, receipt=tmp_path / "receipt.json", now=clock, **rest)

    return run


def _digest(folder: Path) -> str:
    return str(checkpoints.read_manifest(folder)["weights"]["content_digest"])


class TestCheckpoint:
    def test_the_asset_of_another_model_is_left_alone(
        self, folder: Path, send: Callable[..., Receipt], client: Client, tmp_path: Path
    ) -> None:
        send(_plan(folder, ckpt_content_digest=_digest(folder)))
        other = _checkpoint(tmp_path, "other", 1)
        with pytest.raises(InvalidInputError, match="the asset of another model is there"):
            send(_plan(other, ckpt_content_digest=_digest(other), description="of the other"))
        found = client.collection(ASSET_PATH)
        assert found is not None
        assert found.metadata["ckpt_content_digest"] == _digest(folder)
        assert found.metadata["description"] != "of the other"

    def test_there_and_back(
        self, folder: Path, send: Callable[..., Receipt], reading: Client, tmp_path: Path, server: Server
    ) -> None:
        receipt = send(_plan(folder, access_group="public"))
        received = assemble(published_at(reading, ASSET_PATH), tmp_path / "back")
        assert _digest(received.path) == _digest(folder)
        assert not received.reports[0].errors
        assert receipt.state == "complete"
        assert receipt.dme_data_id.startswith("NCI-DME-MS01-")
        assert receipt.content_digests == [_digest(folder)]
        written = json.loads((tmp_path / "receipt.json").read_bytes())
        assert written["files"] == receipt.files
        listed = {row["path"] for row in checkpoints.read_manifest(folder)["files"]}
        sent = {path for path in listed if not path.startswith("original/")} | {MANIFEST}
        assert {row["source"] for row in receipt.files} == sent

    def test_what_is_left_out_is_marked(
        self, folder: Path, send: Callable[..., Receipt], client: Client, tmp_path: Path
    ) -> None:
        before = (folder / MANIFEST).read_bytes()
        send(_plan(folder))
        back = assemble(published_at(client, ASSET_PATH), tmp_path / "back").path
        rows = {row["path"]: row for row in checkpoints.read_manifest(back)["files"]}
        assert all(("withheld" in row) == path.startswith("original/") for path, row in rows.items())
        assert not (back / "original").exists()
        assert (folder / MANIFEST).read_bytes() == before

    def test_published_and_local_manifest_differ_in_what_was_withheld_alone(
        self, folder: Path, send: Callable[..., Receipt], client: Client, tmp_path: Path
    ) -> None:
        write_seal(folder, file_digests=True)
        (about,) = send(_plan(folder)).checkpoints
        back = assemble(published_at(client, ASSET_PATH), tmp_path / "back").path
        assert about["local_manifest"] == digest_file(folder / MANIFEST)
        assert about["published_manifest"] == digest_file(back / MANIFEST)
        assert about["withheld"] == ["original/0.extents.json", "original/0.residue.gz"]
        manifest = checkpoints.read_manifest(back)
        for row in manifest["files"]:
            row.pop("withheld", None)
        checkpoints.seal(manifest)
        checkpoints.write_manifest(back, manifest)
        assert (back / MANIFEST).read_bytes() == (folder / MANIFEST).read_bytes()

    def test_the_digest_of_every_file_is_stated(
        self, folder: Path, send: Callable[..., Receipt], client: Client, tmp_path: Path
    ) -> None:
        before = (folder / MANIFEST).read_bytes()
        send(_plan(folder, Choices(with_original=True)))
        assert (folder / MANIFEST).read_bytes() == before
        back = assemble(published_at(client, ASSET_PATH), tmp_path / "back").path
        rows = checkpoints.read_manifest(back)["files"]
        assert [row["digest"] for row in rows] == [digest_file(back / row["path"]) for row in rows]
        assert [row for row in checkpoints.read_manifest(folder)["files"] if "digest" not in row]

    def test_with_the_original_both_manifests_are_one(self, folder: Path, send: Callable[..., Receipt]) -> None:
        write_seal(folder, file_digests=True)
        (about,) = send(_plan(folder, Choices(with_original=True))).checkpoints
        assert about["local_manifest"] == about["published_manifest"] == digest_file(folder / MANIFEST)
        assert about["withheld"] == []

    def test_with_the_original_every_byte_comes_back(
        self, folder: Path, send: Callable[..., Receipt], client: Client, tmp_path: Path
    ) -> None:
        write_seal(folder, file_digests=True)
        send(_plan(folder, Choices(with_original=True)))
        back = assemble(published_at(client, ASSET_PATH), tmp_path / "back").path
        for path in (one for one in folder.rglob("*") if one.is_file()):
            assert (back / path.relative_to(folder)).read_bytes() == path.read_bytes()

    def test_files_lie_flat_and_know_their_path(
        self, folder: Path, send: Callable[..., Receipt], client: Client
    ) -> None:
        send(_plan(folder, Choices(with_original=True)))
        found = client.collection(ASSET_PATH, listed=True)
        assert found is not None
        assert not found.folders
        about = client.file(f"{ASSET_PATH}/original__0.residue.gz")
        assert about is not None
        assert about.metadata["ckpt_path"] == "original/0.residue.gz"
        assert about.metadata["ckpt_role"] == "residue"

    def test_a_second_run_changes_nothing(
        self, folder: Path, send: Callable[..., Receipt], client: Client, server: Server, clock: Clock
    ) -> None:
        send(_plan(folder))
        first = client.collection(ASSET_PATH, listed=True)
        files = len(list((server.desk.config.folder / "files").iterdir()))
        clock.now += 50
        send(_plan(folder))
        assert client.collection(ASSET_PATH, listed=True) == first
        assert len(list((server.desk.config.folder / "files").iterdir())) == files

    def test_another_checkpoint_under_the_same_name(
        self, folder: Path, send: Callable[..., Receipt], tmp_path: Path
    ) -> None:
        send(_plan(folder))
        with pytest.raises(CandleSpecError, match="another file of that name is there"):
            send(_plan(_checkpoint(tmp_path, "due", 3)))

    def test_what_is_above_is_made_only_when_asked_for(
        self, folder: Path, send: Callable[..., Receipt], client: Client
    ) -> None:
        with pytest.raises(InvalidInputError, match="the program is not there"):
            send(_plan(folder), create_parents=False)
        assert client.collection(ASSET_PATH.rpartition("/")[0]) is None

    def test_a_study_that_is_not_described(self, folder: Path, send: Callable[..., Receipt], uploader: Caller) -> None:
        plan = _plan(folder, Choices(study=f"/{STUDY.rpartition('/')[0]}/NEW"))
        with pytest.raises(InvalidInputError, match="the study is not there"):
            send(plan)

    def test_not_more_public_than_the_study(self, folder: Path, send: Callable[..., Receipt], uploader: Caller) -> None:
        uploader.put_collection(STUDY, {"access_group": "REHEARSAL"})
        with pytest.raises(InvalidInputError, match="is more than that of"):
            send(_plan(folder, access_group="public"))

    @pytest.mark.parametrize("number", range(14))
    @pytest.mark.slow
    def test_a_run_that_ends_anywhere_is_completed_by_the_next(
        self, folder: Path, send: Callable[..., Receipt], client: Client, server: Server, tmp_path: Path, number: int
    ) -> None:
        """Every request of a publication is the last one of its run, one after the other."""
        client.service.login()
        server.faults.add("slow", seconds=0, times=number) if number else None
        server.faults.add("drop-response" if number % 2 else "drop-request", times=0)
        with pytest.raises(CandleSpecError):
            send(_plan(folder))
        if (tmp_path / "receipt.json").exists():
            assert json.loads((tmp_path / "receipt.json").read_bytes())["state"] == "incomplete"
        with pytest.raises(CandleSpecError):
            assemble(published_at(client, ASSET_PATH), tmp_path / "early")
        assert not (tmp_path / "early").exists()
        server.faults.clear()
        assert send(_plan(folder)).state == "complete"
        assert _digest(assemble(published_at(client, ASSET_PATH), tmp_path / "back").path) == _digest(folder)

    def test_prepared_on_another_machine(
        self, folder: Path, send: Callable[..., Receipt], client: Client, tmp_path: Path
    ) -> None:
        prepare(_plan(folder), tmp_path / "ready")
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        assert send(read_prepared(tmp_path / "ready")).state == "complete"
        assert not assemble(published_at(client, ASSET_PATH), tmp_path / "back").reports[0].errors

    def test_a_prepared_file_that_was_changed(self, folder: Path, tmp_path: Path) -> None:
        prepare(_plan(folder), tmp_path / "ready")
        next((tmp_path / "ready" / "files").iterdir()).write_bytes(b"other")
        with pytest.raises(CorruptFileError, match="not the file that was prepared"):
            read_prepared(tmp_path / "ready")
        with pytest.raises(MissingPathError):
            read_prepared(tmp_path)


class TestSeries:
    def test_there_and_back(self, series: Path, send: Callable[..., Receipt], reading: Client, tmp_path: Path) -> None:
        receipt = send(_plan(series, access_group="public"))
        assert len(receipt.content_digests) == 3
        back = assemble(published_at(reading, ASSET_PATH), tmp_path / "back").path
        for number in ("001", "002", "003"):
            assert _digest(back / "epochs" / number) == _digest(series / "epochs" / number)
        assert (back / "last.txt").read_text().strip() == "epochs/003"
        assert (back / "best.txt").read_text().strip() == "epochs/002"

    def test_each_folder_has_the_group_of_the_asset(
        self, series: Path, send: Callable[..., Receipt], client: Client
    ) -> None:
        send(_plan(series))
        found = client.collection(f"{ASSET_PATH}/epoch-002")
        assert found is not None
        assert found.metadata["access_group"] == "REHEARSAL"
        assert found.metadata["folder_identifier"] == "epoch-002"

    def test_a_second_run_changes_nothing(self, series: Path, send: Callable[..., Receipt], server: Server) -> None:
        send(_plan(series))
        files = len(list((server.desk.config.folder / "files").iterdir()))
        send(_plan(series))
        assert len(list((server.desk.config.folder / "files").iterdir())) == files


class TestHostileAsset:
    @pytest.fixture
    def published(self, folder: Path, send: Callable[..., Receipt], uploader: Caller) -> str:
        send(_plan(folder))
        return ASSET_PATH[1:]

    @pytest.mark.parametrize("path", ["../evil", "/etc/passwd", "a/../../evil", "C:\\evil", "con"])
    @pytest.mark.slow
    def test_a_path_that_leaves_the_folder(
        self, published: str, uploader: Caller, client: Client, tmp_path: Path, path: str
    ) -> None:
        uploader.put_file(f"{published}/x", b"evil", metadataEntries=entries({"ckpt_path": path}))
        with pytest.raises(CandleSpecError, match="cannot be used"):
            assemble(published_at(client, f"/{published}"), tmp_path / "deep" / "back")
        assert not list(tmp_path.rglob("*evil*"))
        assert not (tmp_path / "deep" / "back").exists()

    def test_other_bytes_than_the_manifest_says(
        self, published: str, server: Server, client: Client, tmp_path: Path
    ) -> None:
        node = server.desk.database.node(f"/{published}/model.safetensors")
        assert node is not None
        stored, _ = server.desk.database.content(node.id)
        stored.write_bytes(bytes(stored.stat().st_size))
        system = server.desk.database.metadata(node.id, system=True)
        system["checksum"] = "0" * 32 + "-7"  # a checksum of parts proves nothing: the manifest's digest does
        server.desk.database.set_metadata(node.id, system, system=True)
        with pytest.raises(CorruptFileError, match="sha256 is not that of the manifest"):
            assemble(published_at(client, f"/{published}"), tmp_path / "back")
        assert not (tmp_path / "back").exists()

    def test_an_asset_without_a_manifest(self, uploader: Caller, client: Client, tmp_path: Path) -> None:
        path = uploader.make_asset(asset_identifier="bare")
        uploader.put_file(f"{path}/m.h5")
        with pytest.raises(MissingPathError, match="no checkpoint, or its publication is not complete"):
            assemble(published_at(client, f"/{path}"), tmp_path / "back")

    def test_a_broken_download_goes_on(self, published: str, server: Server, client: Client, tmp_path: Path) -> None:
        server.faults.add("drop-response", path="model.safetensors?", at=50)
        server.faults.add("drop-response", path="generateDownload", times=0)
        with pytest.raises(CandleSpecError):
            assemble(published_at(client, f"/{published}"), tmp_path / "back")
        assert not (tmp_path / "back").exists()
        server.faults.clear()
        assert not assemble(published_at(client, f"/{published}"), tmp_path / "back").reports[0].errors
        assert not list(tmp_path.glob(f"*{PRIVATE}"))
        with pytest.raises(OutputExistsError):
            assemble(published_at(client, f"/{published}"), tmp_path / "back")
