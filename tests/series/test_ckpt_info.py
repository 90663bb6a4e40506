"""ckpt-info.json and ckpt.log, as CANDLE's tools read them, and every old layout."""

from __future__ import annotations

import json
import logging
import math
import re
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from candle_spec.errors import CorruptFileError, MissingPartError
from candle_spec.series.candle_files import ckpt_info, ckpt_log, old_layouts
from candle_spec.series.candle_files.ckpt_info import CkptInfo

CANDLES = (
    '{"epoch": 3, "save_best_metric": "val_loss", "best_metric_last": 0.0123, "model_file": "model.h5", '
    '"checksum": "2893457712", "timestamp": "2023-06-30 13:57:26", "time_elapsed": 61.2, "metadata": null}\n'
)
EIGHT = [
    "epoch",
    "save_best_metric",
    "best_metric_last",
    "model_file",
    "checksum",
    "timestamp",
    "time_elapsed",
    "metadata",
]


def test_the_eight_members_and_more_as_valid_json(tmp_path: Path) -> None:
    info = CkptInfo(
        3, "val_loss", -math.inf, metrics={"val_loss": math.nan, "a": 1}, extra={"state_digest": "sha256:0"}
    )
    (tmp_path / "ckpt-info.json").write_bytes(info.to_bytes())

    def refuse(word: str) -> None:
        raise AssertionError(word)

    document = json.loads(info.to_bytes(), parse_constant=refuse)
    assert list(document)[:8] == EIGHT
    assert document["state_digest"] == "sha256:0"
    again = ckpt_info.read(tmp_path / "ckpt-info.json")
    assert again.best_metric_last == -math.inf
    assert math.isnan(again.metrics["val_loss"])
    assert again.extra == info.extra


def test_candles_own_note(tmp_path: Path) -> None:
    (tmp_path / "n").write_text(CANDLES)
    info = ckpt_info.read(tmp_path / "n")
    assert (info.epoch, info.best_metric_last, info.crc32) == (3, 0.0123, 2893457712)
    assert info.to_params()["timestamp"] == "2023-06-30 13:57:26"
    assert info.metadata is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, CkptInfo(4)),
        ({"best_metric_last": math.inf}, CkptInfo(4)),
        ({"save_best_stat": "loss", "best_stat_last": 0.5}, CkptInfo(4, "loss", 0.5)),
        ({"checksum": "__DISABLED__"}, CkptInfo(4)),
        ({"checksum": "17"}, CkptInfo(4, checksum="17")),
        ({"checksum_model": "17", "epoch": 3}, CkptInfo(4, checksum="17")),  # January 2021 counts from 0
        ({"time_elapsed": "__FIRST__"}, CkptInfo(4)),
    ],
)
def test_notes_of_all_versions(tmp_path: Path, change: dict, expected: CkptInfo) -> None:
    (tmp_path / "n").write_text(json.dumps({"epoch": 4} | change))
    assert ckpt_info.read(tmp_path / "n") == expected


NO_NOTES = ["", "[]", "{}", '{"epoch": "x"}', '{"epoch": 1, "model_file": []}', '{"epoch": -1}', '{"epoch": true}']


@pytest.mark.parametrize("text", [*NO_NOTES, '{"epoch": 1'])
def test_no_note(tmp_path: Path, text: str) -> None:
    (tmp_path / "n").write_text(text)
    with pytest.raises(CorruptFileError):
        ckpt_info.read(tmp_path / "n")


def test_a_missing_note(tmp_path: Path) -> None:
    with pytest.raises(MissingPartError):
        ckpt_info.read(tmp_path / "n")


def test_stamps() -> None:
    local, utc = ckpt_info.stamps(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert utc == "2026-01-02T03:04:05+00:00"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", local)


def write(folder: Path, epoch: int, data: bytes = b"model", **more: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.h5").write_bytes(data)
    note = {"epoch": epoch, "model_file": "model.h5", "checksum": str(zlib.crc32(data))} | more
    (folder / "ckpt-info.json").write_text(json.dumps(note))
    return folder


@pytest.mark.parametrize("root", ["", "save/ckpts", "ckpts", "save"])
def test_last_then_the_newest_epoch(tmp_path: Path, root: str) -> None:
    folder = tmp_path / root
    for epoch in (1, 2, 999, 1000):
        write(folder / "epochs" / f"{epoch:03d}", epoch)
    (folder / "last").symlink_to(folder / "epochs" / "002")
    found, refused = old_layouts.find(tmp_path)
    assert found is not None
    assert (found.info.epoch, refused) == (2, [])
    (folder / "last").unlink()
    (folder / "last").symlink_to("nowhere")
    assert old_layouts.find(tmp_path)[0].info.epoch == 1000


def test_a_damaged_one_is_passed_over_and_named(tmp_path: Path) -> None:
    for epoch in (1, 2, 3, 4):
        write(tmp_path / "epochs" / f"{epoch:03d}", epoch)
    (tmp_path / "epochs/004/model.h5").write_bytes(b"mOdel")
    (tmp_path / "epochs/003/ckpt-info.json").unlink()
    (tmp_path / "epochs/002/model.h5").unlink()
    found, refused = old_layouts.find(tmp_path)
    assert found.info.epoch == 1
    assert ["CRC-32" in refused[0].reason, "ckpt-info.json" in refused[1].reason, "model.h5" in refused[2].reason] == [
        True
    ] * 3
    assert old_layouts.find(tmp_path, checksum=False)[0].info.epoch == 4
    (tmp_path / "epochs/004/ckpt-info.json").unlink()
    loose, _ = old_layouts.find(tmp_path, require_json=False)
    assert (loose.folder.name, loose.info) == ("004", None)


def test_saved_without_a_checksum_restarts_with_one(tmp_path: Path) -> None:
    write(tmp_path / "epochs/001", 1, checksum="__DISABLED__")
    assert old_layouts.find(tmp_path, checksum=True)[0].info.epoch == 1


@pytest.mark.parametrize(("place", "epoch"), [("save/ckpt-good", 5), ("ckpt-good", 5)])
def test_early_2021(tmp_path: Path, place: str, epoch: int) -> None:
    write(tmp_path / place, epoch)
    assert old_layouts.find(tmp_path)[0].info.epoch == epoch


def test_uno_and_nothing(tmp_path: Path) -> None:
    assert old_layouts.find(tmp_path) == (None, [])
    (tmp_path / "save").mkdir()
    (tmp_path / "save/model-ckpt.h5").write_bytes(b"x")
    assert old_layouts.find(tmp_path)[0].model.name == "model-ckpt.h5"


def test_a_model_file_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    write(tmp_path / "epochs/001", 1, model_file="../../secret")
    found, refused = old_layouts.find(tmp_path)
    assert found is None
    assert refused


def test_the_lines_that_tools_parse() -> None:
    line = ckpt_log.wrote(68_263_000, 0.512)
    assert line == "model wrote: 65.101 MB in 0.512 seconds (127.15 MB/s)."
    assert line.split()[7].startswith("(127.15")
    assert ckpt_log.wrote(10, 0.0).startswith("model wrote: 0.000 MB in 0.000 seconds (")
    assert ckpt_log.checksummed(1 << 20, 2.0) == "checksummed: 1.000 MB in 2.000 seconds (0.50 MB/s)."
    assert ckpt_log.restarting(3, "t") == ("restarting: epoch=3 timestamp=t", "restarting from epoch: 3")
    assert ckpt_log.kept([1, 2]) == ("checkpoints kept: 2", "checkpoints list: [1, 2]")
    assert ckpt_log.final_epoch(7) == "writing final epoch 7 ..."


def test_the_log_on_screen_and_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = [ckpt_log.CkptLog() for _ in range(3)]
    for number, log in enumerate(logs):
        log.info("before the directory is known")
        log.open(tmp_path / f"{number}.log")
        log.info("checkpoints kept: 1")
    assert capsys.readouterr().out.count("checkpoints kept: 1\n") == 3
    for number in range(3):
        lines = (tmp_path / f"{number}.log").read_text().splitlines()
        assert len(lines) == 2
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d CandleCkpt: checkpoints kept: 1", lines[1])


def test_other_loggers(tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    ckpt_log.CkptLog(None).info("quiet")
    with caplog.at_level(logging.INFO, logger="mine"):
        ckpt_log.CkptLog(logging.getLogger("mine")).info("hello")
    quiet = ckpt_log.CkptLog(verbose=False)
    quiet.debug("detail")
    assert caplog.messages == ["hello"]
    assert capsys.readouterr().out == ""
    lost = ckpt_log.CkptLog()
    lost.open(tmp_path / "no" / "such" / "folder.log")
    lost.info("said all the same")
    assert "said all the same" in capsys.readouterr().out
