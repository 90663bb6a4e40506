"""A series at Hugging Face (a tag for each epoch) and at Zenodo (flat names): there, completed by a rerun, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.digests import digest_file
from candle_spec.publish.zenodo import deposit
from candle_spec.validation import validate
from tests.helpers import checkpoints
from tests.helpers.calls import run
from tests.helpers.services.servers import Hub, Zenodo
from tests.publish.conftest import describe

EPOCHS = ("001", "002", "003")
HUB = ("publish", "run", "--to", "huggingface", "--repository", "lab/run")


@pytest.fixture
def series(here: Path) -> Path:
    """Three epochs; the second is the best, and has other files than its neighbours."""
    root = here / "run"
    (root / "epochs").mkdir(parents=True)
    for number in EPOCHS:
        rows = [("dense/kernel", "F32", [6, 4]), ("dense/bias", "F32", [int(number)])]
        checkpoints.Tiny(rows).write(here / f"e{number}.tiny")
        size = "5GB" if number == "001" else "90B"
        assert run("convert", f"e{number}.tiny", root / "epochs" / number, "-q", "--shard-size", size) == 0
    (root / "last").symlink_to("epochs/003")
    (root / "best").symlink_to("epochs/002")
    return root


def _content(folder: Path) -> str:
    return str(checkpoints.read_manifest(folder)["weights"]["content_digest"])


def _same_series(back: Path, series: Path) -> None:
    for number in EPOCHS:
        assert validate(back / "epochs" / number).errors == []
        assert _content(back / "epochs" / number) == _content(series / "epochs" / number)
    assert (back / "best.txt").read_text() == "epochs/002\n"
    assert (back / "last.txt").read_text() == "epochs/003\n"


def _receipt(service: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(Path(f"run.{service}-receipt.json").read_bytes())
    return made


class TestHuggingFace:
    def test_there_and_back(self, series: Path, hub: Hub) -> None:
        assert run(*HUB) == 0
        repository = hub.repositories["lab/run"]
        assert repository["private"] is True
        assert set(repository["tags"]) == {"epoch-001", "epoch-002", "epoch-003", "best", "last"}
        assert repository["tags"]["best"] == repository["tags"]["epoch-002"]
        assert repository["tags"]["last"] == repository["tags"]["epoch-003"]
        assert run("fetch", "huggingface:lab/run", "back", "--series") == 0
        _same_series(Path("back"), series)
        receipt = _receipt("huggingface")
        assert receipt["state"] == "complete"
        assert [one["path"] for one in receipt["checkpoints"]] == [f"epochs/{number}" for number in EPOCHS]
        published = {row["digest"] for row in receipt["files"] if row["path"] == MANIFEST}
        assert {f"sha256:{one}" for one in published} == {one["published_manifest"] for one in receipt["checkpoints"]}

    def test_every_revision_is_one_whole_checkpoint(self, series: Path, hub: Hub, tmp_path: Path) -> None:
        assert run(*HUB) == 0
        repository = hub.repositories["lab/run"]
        trees = {name: repository["history"][commit] for name, commit in repository["tags"].items()}
        trees["main"] = repository["files"]
        for name, tree in trees.items():
            for path, (data, _) in tree.items():
                (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name / path).write_bytes(data)
            assert validate(tmp_path / name).errors == [], name
            assert "README.md" in tree
        assert _content(tmp_path / "main") == _content(series / "epochs" / "002")
        assert run("fetch", "huggingface:lab/run@epoch-003", "third") == 0
        assert _content(Path("third")) == _content(series / "epochs" / "003")

    def test_a_second_run_changes_nothing(self, series: Path, hub: Hub) -> None:
        assert run(*HUB) == 0
        before = json.dumps(hub.repositories["lab/run"]["tags"]), hub.repositories["lab/run"]["commits"]
        hub.seen.clear()
        assert run(*HUB) == 0
        assert (json.dumps(hub.repositories["lab/run"]["tags"]), hub.repositories["lab/run"]["commits"]) == before
        assert hub.paths("PUT") == []

    @pytest.mark.parametrize("part", ["/commit/main", "/tag/", "/paths-info/", "/refs", "/tree/", "PUT /lfs/"])
    @pytest.mark.parametrize("number", [0, 1, 2])
    @pytest.mark.slow
    def test_a_run_that_ends_anywhere_is_completed_by_the_next(
        self, series: Path, hub: Hub, part: str, number: int
    ) -> None:
        left = [number]
        original = hub.take

        async def take(request: Any) -> Any:
            """From some request of this kind on, all of them fail."""
            if part not in f"{request.method} {request.url.path}":
                return await original(request)
            left[0] -= 1
            fault = await original(request)
            return fault if left[0] >= 0 else JSONResponse({"error": "out of order"}, 400)

        hub.take = take  # type: ignore[method-assign]
        assert run(*HUB) in (1, 3)
        hub.take = original  # type: ignore[method-assign]
        assert run(*HUB) == 0
        assert run("fetch", "huggingface:lab/run", "back", "--series") == 0
        _same_series(Path("back"), series)
        assert hub.repositories["lab/run"]["commits"] <= 4

    def test_best_moves(self, series: Path, hub: Hub) -> None:
        assert run(*HUB) == 0
        (series / "best").unlink()
        (series / "best").symlink_to("epochs/003")
        assert run(*HUB) == 0
        tags = hub.repositories["lab/run"]["tags"]
        assert tags["best"] == tags["epoch-003"]

    def test_another_checkpoint_under_a_tag(self, series: Path, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(*HUB) == 0
        describe(title="Uno, corrected")
        assert run(*HUB) == 1
        assert "another checkpoint is tagged epoch-001" in capsys.readouterr().err

    def test_a_dry_run_shows_what_is_sent(self, series: Path, hub: Hub) -> None:
        assert run(*HUB, "--dry-run", "--out", "ready") == 0
        assert hub.seen == []
        assert run(*HUB) == 0
        shown = [json.loads(path.read_text()) for path in sorted(Path("ready/requests").iterdir())]
        commits = [one for one in shown if "/commit/" in one["path"]]
        sent = [seen for seen in hub.seen if "/commit/" in seen.path and seen.method == "POST"]
        for one, real in zip(commits, sent, strict=False):
            lines = [json.loads(line) for line in real.body.splitlines()]
            large = [line for line in lines if line["key"] == "lfsFile"]
            assert all(line in one["body"] for line in large)
            assert lines[0] == one["body"][0]
        tags = [one["body"]["tag"] for one in shown if "/tag/" in one["path"]]
        assert tags[:3] == ["epoch-001", "epoch-002", "epoch-003"]
        assert set(tags) == set(hub.repositories["lab/run"]["tags"])
        for number in EPOCHS:
            assert validate(Path("ready/files/epochs") / number).errors == []

    def test_no_series_there(self, here: Path, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("publish", "uno.tiny.candle", "--to", "huggingface", "--repository", "lab/uno") == 0
        assert run("fetch", "huggingface:lab/uno", "back", "--series") == 2
        assert "it holds no series" in capsys.readouterr().err

    def test_a_secret_in_one_epoch_keeps_all_here(self, series: Path, hub: Hub) -> None:
        describe(limitations="Get it with hf_" + "t" * 34)
        assert run(*HUB) == 1
        assert hub.seen == []

    def test_the_native_file_is_for_one_checkpoint(self, series: Path, hub: Hub) -> None:
        assert run(*HUB, "--with-native") == 2


class TestZenodo:
    def test_there_and_back(self, series: Path, zenodo: Zenodo) -> None:
        words = ("publish", "run", "--to", "zenodo", "--url", zenodo.url)
        assert run(*words) == 0
        names = set(zenodo.files["101"])
        assert {f"epochs__{number}__{MANIFEST}" for number in EPOCHS} <= names
        assert zenodo.files["101"]["best.txt"] == b"epochs/002\n"
        assert run("fetch", "zenodo:101", "back", "--url", zenodo.url) == 0
        _same_series(Path("back"), series)
        receipt = _receipt("zenodo")
        assert receipt["content_digest"] == _content(series / "epochs" / "002"), "the record is that of the best"
        for one in receipt["checkpoints"]:
            assert one["local_manifest"] == digest_file(series / one["path"] / MANIFEST)
            assert one["published_manifest"] == digest_file(Path("back") / one["path"] / MANIFEST)
        before = len(zenodo.paths("PUT"))
        assert run(*words) == 0
        assert zenodo.paths("PUT")[before:] == ["/api/deposit/depositions/101"]

    def test_more_files_than_a_deposit_takes(
        self, series: Path, zenodo: Zenodo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(deposit, "MOST_FILES", 12)
        assert run("publish", "run", "--to", "zenodo", "--url", zenodo.url, "--dry-run") == 1
        err = capsys.readouterr().err
        assert "files are more than the 12 of a deposit" in err
        assert "publish its best checkpoint alone (SERIES/best)" in err
        assert zenodo.seen == []
        assert run("publish", "run/best", "--to", "zenodo", "--url", zenodo.url) == 0
