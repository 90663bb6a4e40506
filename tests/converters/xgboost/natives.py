"""Small checkpoints of XGBoost, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.native.small import booster


def as_json(folder: Path) -> None:
    (folder / "m").write_bytes(booster().save_raw("json"))


def as_ubjson(folder: Path) -> None:
    (folder / "m").write_bytes(booster().save_raw("ubj"))


FUZZED = {"xgboost-json": ("m", as_json), "xgboost-ubj": ("m", as_ubjson)}
