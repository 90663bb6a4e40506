"""A publication made by a program: what would be sent, what speaks against it, without a command or a service."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import InvalidInputError, MissingPathError
from candle_spec.publish import registry
from candle_spec.publish.destination import Audience
from candle_spec.publish.draft import Form, drafted
from candle_spec.publish.receipts import Receipt, keep, read_receipt, receipt_path
from candle_spec.publish.sources import Selection, chosen, source_of
from tests.publish.conftest import describe

FORM = Form("huggingface", ("card", "results"), dict)
CHECKPOINT = Path("uno.tiny.candle")


def test_a_checkpoint(here: Path) -> None:
    with ExitStack() as scratch:
        draft = drafted(Selection(CHECKPOINT), FORM, scratch)
    paths = [item.path for item in draft.items]
    assert paths[-1] == MANIFEST
    assert {"README.md", "model.safetensors"} <= set(paths)
    assert (draft.remarks, draft.leaks, draft.epochs) == ((), (), {})
    assert draft.checkpoints[0]["content_digest"] == draft.content_digest


def test_what_is_missing_and_what_is_left_out(here: Path) -> None:
    describe(extensions={})
    with ExitStack() as scratch:
        draft = drafted(Selection(CHECKPOINT), Form("zenodo", ("deposit",)), scratch)
        assert [remark.attribute for remark in draft.remarks] == ["access_right"]
        assert all(remark.blocking for remark in draft.remarks)
        other = drafted(Selection(CHECKPOINT), Form("zenodo", ("record",)), scratch)
    assert other.remarks == (), "an output that is not sent does not count"


def test_the_native_file_lives_as_long_as_it_is_needed(here: Path) -> None:
    with ExitStack() as scratch:
        draft = drafted(Selection(CHECKPOINT, with_native=True), FORM, scratch)
        (native,) = [item for item in draft.items if item.path == "uno.model.tiny"]
        assert native.local is not None
        assert native.local.read_bytes() == Path("uno.tiny").read_bytes()
    assert not native.local.exists()


def test_nothing_named_nothing_there_something_damaged(here: Path) -> None:
    with ExitStack() as scratch:
        with pytest.raises(InvalidInputError, match="no checkpoint is named"):
            drafted(Selection(None), FORM, scratch)
        with pytest.raises(MissingPathError):
            source_of(here / "none")
        (CHECKPOINT / "state.json").write_text("{}")
        with pytest.raises(InvalidInputError, match="the checkpoint has errors"):
            drafted(Selection(CHECKPOINT), FORM, scratch)


def test_a_series_stands_for_the_checkpoints_that_are_named(here: Path) -> None:
    root = here / "run"
    (root / "epochs").mkdir(parents=True)
    CHECKPOINT.rename(root / "epochs" / "007")
    (root / "best").symlink_to("epochs/007")
    assert chosen([root, here], None) == [root, here]
    for epoch in ("best", "all", "7", "007"):
        assert [one.name for one in chosen([root], epoch)] == ["007"]
    with pytest.raises(InvalidInputError, match="no checkpoint '8'") as refused:
        chosen([root], "8")
    assert refused.value.hint == "last, best, all or one of 7"


def test_a_destination_is_of_use_without_a_command(here: Path) -> None:
    destination = registry.find("huggingface")
    assert destination is not None
    describe(limitations="Trained in /home/ada/runs.")
    values = {"repository": "lab/uno"}
    with destination.prepared(Selection(CHECKPOINT), values, Audience()) as shipment:
        assert shipment.blocked
        assert [remark.message for remark in shipment.remarks] == [
            "the text holds a path of somebody's home folder: --accept-personal sends it"
        ]
        assert shipment.overview is not None
        assert shipment.overview.place == "https://huggingface.co/lab/uno"
    with destination.prepared(Selection(CHECKPOINT), {**values, "accept_personal": True}, Audience()) as shipment:
        assert not shipment.blocked
    with pytest.raises(InvalidInputError, match="not given: repository"):
        destination.prepared(Selection(CHECKPOINT), {}, Audience())


def test_a_receipt_stands_beside_and_is_read_again(here: Path) -> None:
    path = receipt_path(CHECKPOINT.resolve(), "shelf")
    assert path.name == "uno.tiny.candle.shelf-receipt.json"
    assert read_receipt(path) is None
    receipt = Receipt("https://example.org", "lab/uno")
    keep(receipt, path, lambda: 1_800_000_000.0)
    assert read_receipt(path) == receipt
    assert receipt.date == "2027-01-15T08:00:00Z"
