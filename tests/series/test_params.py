"""ckpt_* hyperparameters: every key, every old name, every kind of source, the same meaning."""

from __future__ import annotations

import configparser
import dataclasses
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_spec import resources
from candle_spec.errors import InvalidInputError
from candle_spec.readers import settings
from candle_spec.series.policy import values
from candle_spec.series.policy.decisions import SavePolicy
from candle_spec.series.policy.params import TABLE, CheckpointPolicy, definitions, disabled_words
from candle_spec.series.policy.retention import KeepPolicy

from_params = CheckpointPolicy.from_params


def setting(policy: CheckpointPolicy, name: str):
    """Return what a parameter has set."""
    row = next(row for row in definitions() if row["name"] == name)
    room, _, field = row["sets"].rpartition(".")
    part = getattr(policy, room) if room else policy
    return part.get(field) if isinstance(part, dict) else getattr(part, field)


# name, typed value, as the command line has it, as CANDLE's INI has it, as YAML has it, what it sets
ROWS = [
    ("ckpt_restart_mode", "required", "required", "'required'", "required", "required"),
    ("ckpt_restart_mode", "off", "off", "'off'", "off", "off"),
    ("ckpt_save_best", False, "False", "False", "false", False),
    ("ckpt_save_best", True, "yes", "True", "on", True),
    ("ckpt_save_best_metric", "val_accuracy", "val_accuracy", "'val_accuracy'", "val_accuracy", "val_accuracy"),
    ("ckpt_save_best_mode", "max", "max", "'max'", "max", "max"),
    ("ckpt_skip_epochs", 50, "50", "50", "50", 50),
    ("ckpt_save_interval", 25, "25", "25", "25", 25),
    ("ckpt_save_interval", 0, "0", "0", "0", 0),
    ("ckpt_save_weights_only", True, "t", "True", "true", True),
    ("ckpt_save_weights_file", False, "n", "False", "no", False),
    ("ckpt_checksum", True, "1", "True", "true", True),
    ("ckpt_keep_mode", "exponential", "exponential", "'exponential'", "exponential", "exponential"),
    ("ckpt_keep_mode", "all", "all", "'all'", "all", "all"),
    ("ckpt_keep_limit", 3, "3", "3", "3", 3),
    ("ckpt_directory", "./ckpts/", "./ckpts/", "'./ckpts/'", "./ckpts/", "./ckpts/"),
    ("ckpt_metadata", "job 7", "job 7", "'job 7'", "job 7", "job 7"),
    ("ckpt_best_metric_last", 0.25, "0.25", "0.25", "0.25", 0.25),
    ("ckpt_save_seconds", 600, "10m", "600", "10m", 600.0),
    ("ckpt_wall_time", 5400, "1:30:00", "'1:30:00'", "'1:30:00'", 5400.0),
    ("ckpt_save_steps", 1000, "1000", "1000", "1000", 1000),
    (
        "ckpt_repositories",
        ["modac", "zenodo"],
        "modac,zenodo",
        "['modac', 'zenodo']",
        "[modac, zenodo]",
        ("modac", "zenodo"),
    ),
    ("require_json", False, "false", "False", "false", False),
]


@pytest.mark.parametrize(("name", "typed", "cli", "ini", "yaml", "expected"), ROWS)
def test_the_same_meaning_from_every_source(name: str, typed, cli: str, ini: str, yaml: str, expected) -> None:
    from ruamel.yaml import YAML

    assert setting(from_params({name: typed}), name) == expected
    assert setting(from_params({name: cli}), name) == expected
    candle = settings.ini(f"[Global_Params]\n{name} = {ini}   # why\n", "x")["Global_Params"]
    assert setting(from_params(candle), name) == expected
    quoted = configparser.ConfigParser()
    quoted.read_file(io.StringIO(f"[Train]\n{name} = {ini}\n"))
    assert setting(from_params(dict(quoted["Train"])), name) == expected
    assert setting(from_params(YAML(typ="safe").load(f"{name}: {yaml}")), name) == expected
    older = YAML(typ="safe").load(f"%YAML 1.1\n---\n{name}: {yaml}")  # there, off is False
    assert setting(from_params(older), name) == expected


def test_defaults_are_those_of_the_table_and_of_candle() -> None:
    policy = from_params({})
    assert policy.save == SavePolicy()
    assert policy.keep == KeepPolicy()
    assert policy == dataclasses.replace(CheckpointPolicy(), store=policy.store)
    assert (policy.keep.limit, policy.save.every_epochs, policy.restart_mode) == (5, 1, "auto")
    for row in definitions():
        assert setting(from_params({row["name"]: None}), row["name"]) == setting(policy, row["name"])


def test_every_key_of_candle_is_there() -> None:
    names = "restart_mode save_best save_best_metric skip_epochs save_interval save_weights_only save_weights_file "
    names += "checksum keep_mode keep_limit directory metadata best_metric_last timestamp_last"
    wanted = {*(f"ckpt_{name}" for name in names.split()), "require_json"}
    assert {row["name"] for row in definitions() if row.get("candle")} == wanted


@pytest.mark.parametrize(
    ("params", "name", "expected"),
    [
        ({"restart": True}, "ckpt_restart_mode", "auto"),
        ({"restart": "required"}, "ckpt_restart_mode", "required"),
        ({"restart": "False"}, "ckpt_restart_mode", "off"),
        ({"ckpt_mode": "required"}, "ckpt_restart_mode", "required"),
        ({"checksum": "True"}, "ckpt_checksum", True),
        ({"checksum_model": True}, "ckpt_checksum", True),
        ({"ckpt_save_internal": 4}, "ckpt_save_interval", 4),
        ({"ckpt_save_all": True}, "ckpt_save_interval", 1),
        ({"ckpt_save_each": "yes"}, "ckpt_save_interval", 1),
        ({"save_best_stat": "loss"}, "ckpt_save_best_metric", "loss"),
        ({"ckpt_save_best_stat": "loss"}, "ckpt_save_best_metric", "loss"),
        ({"save_best_only": True}, "ckpt_save_best_only", True),
        ({"save_weights_only": True}, "ckpt_save_weights_only", True),
        ({"ckpt_best_stat_last": 0.5}, "ckpt_best_metric_last", 0.5),
        ({"best_stat_last": 0.5}, "ckpt_best_metric_last", 0.5),
        ({"ckpt_keep_count": 3}, "ckpt_keep_limit", 3),
        ({"ckpt_keep_all": "True"}, "ckpt_keep_mode", "all"),
        ({"ckpt_keep_all": False}, "ckpt_keep_mode", "linear"),
        ({"ckpt_keep_modulus": 10}, "ckpt_keep_every", 10),
        ({"ckpt_keep_interval": 10}, "ckpt_keep_every", 10),
        ({"ckpt_clean": True}, "ckpt_keep_limit", 1),
        ({"clean": True}, "ckpt_keep_limit", 1),
        ({"metadata": "node 7"}, "ckpt_metadata", "node 7"),
        ({"ckpt_keep_mode": "count", "ckpt_keep_count": 3}, "ckpt_keep_limit", 3),
        ({"ckpt_keep_mode": "count"}, "ckpt_keep_mode", "linear"),
        ({"ckpt_keep_mode": "last"}, "ckpt_keep_limit", 1),
        ({"ckpt_keep_mode": "last", "ckpt_keep_limit": 2}, "ckpt_keep_limit", 2),
        ({"ckpt_restart_mode": True}, "ckpt_restart_mode", "auto"),
        ({"ckpt_restart_mode": False}, "ckpt_restart_mode", "off"),
    ],
)
def test_old_names_and_values(params: dict, name: str, expected) -> None:
    assert setting(from_params(params), name) == expected


def test_every_alias_names_a_parameter() -> None:
    names = {row["name"] for row in definitions()}
    for alias in resources.read_json(TABLE)["aliases"]:
        assert alias["means"] in names
        assert alias["name"] not in names


def test_the_current_name_wins() -> None:
    policy = from_params({"ckpt_keep_limit": 7, "ckpt_keep_count": 3})
    assert policy.keep.limit == 7
    assert "ckpt_keep_count is an old name of ckpt_keep_limit" in policy.warnings[0]


def test_a_parameter_of_the_model_that_looks_like_an_old_name_is_left() -> None:
    policy = from_params({"clean": "tokens", "restart": "warm", "checksum": "md5"})
    assert (policy.keep.limit, policy.restart_mode, policy.checksum) == (5, "auto", False)
    assert len(policy.warnings) == 3


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("ckpt_save_intervall", "ckpt_save_interval"),
        ("ckpt_keep_limits", "ckpt_keep_limit"),
        ("ckpt_dir", "ckpt_directory"),
        ("ckpt_restart", "ckpt_restart_mode"),
    ],
)
def test_unknown_keys_name_the_nearest(key: str, nearest: str) -> None:
    (warning,) = from_params({key: "x"}).warnings
    assert key in warning
    assert warning.endswith(f"the nearest is {nearest}")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"ckpt_save_interval": -1}, "ckpt_save_interval: a number from 0"),
        ({"ckpt_save_interval": "often"}, "ckpt_save_interval: a number"),
        ({"ckpt_save_interval": 2.5}, "whole number"),
        ({"ckpt_save_interval": "inf"}, "whole number"),
        ({"ckpt_save_interval": True}, "a number is expected"),
        ({"ckpt_keep_limit": 0}, "ckpt_keep_limit: a number from 1"),
        ({"ckpt_save_best": "maybe"}, "ckpt_save_best: a truth value"),
        ({"ckpt_keep_mode": "exponentail"}, "did you mean exponential"),
        ({"ckpt_save_seconds": "soon"}, "a duration"),
        ({"ckpt_keep_count": "few"}, "a number"),
        ({"epochs": "ten"}, "epochs: a number"),
    ],
)
def test_wrong_values_name_the_parameter(params: dict, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        from_params(params)


def test_interval_0_warns_and_names_the_setting() -> None:
    policy = from_params({"ckpt_save_interval": 0, "epochs": 10})
    assert not policy.enabled
    assert policy.warnings == (disabled_words(),)
    assert "ckpt_save_interval is 0" in policy.describe("/x")
    assert from_params({"ckpt_save_interval": 0, "ckpt_save_seconds": "10m"}).enabled


def test_repositories_are_named() -> None:
    assert from_params({"ckpt_repositories": "modac zenodo"}).repositories == ("modac", "zenodo")


def test_without_a_weights_file_nothing_is_saved_and_that_is_said() -> None:
    policy = from_params({"ckpt_save_weights_file": "False"})
    assert not policy.enabled
    assert policy.describe("/x") == policy.warnings[0]
    assert "ckpt_save_weights_file is False" in policy.warnings[0]


def test_what_users_believe_wrongly_is_said() -> None:
    assert "nothing will be saved" in from_params({"ckpt_skip_epochs": 50, "epochs": 20}).warnings[0]
    assert "set ckpt_save_best_mode" in from_params({"ckpt_save_best_metric": "wibble"}).warnings[0]
    assert from_params({"ckpt_save_best_metric": "wibble", "ckpt_save_best_mode": "max"}).warnings == ()


def test_the_line_at_the_start() -> None:
    line = from_params(
        {
            "ckpt_save_interval": 5,
            "ckpt_save_best_metric": "val_r2",
            "ckpt_keep_mode": "exponential",
            "ckpt_skip_epochs": 3,
        }
    ).describe("/out/ckpts")
    assert line == (
        "checkpoints: full state every 5 epochs, at each better val_r2 (higher is better), at the end from epoch 3 on"
        " -> /out/ckpts; kept: 5 of growing age and the best; restart: auto"
    )


def test_parameters_are_not_changed_and_become_json() -> None:
    import numpy

    params = {
        "data_type": numpy.float32,
        "dense": [1, 2],
        "lr": numpy.float64(0.5),
        "nan": float("nan"),
        "ckpt_directory": None,
    }
    before = dict(params)
    policy = from_params(params)
    assert {**params, "nan": 0} == {**before, "nan": 0}
    assert policy.hyperparameters == {
        "data_type": "float32",
        "dense": [1, 2],
        "lr": 0.5,
        "nan": {"$float": "nan"},
        "ckpt_directory": None,
    }


def test_the_directory() -> None:
    assert from_params({}).folder("/out") == "/out/ckpts"
    assert from_params({"ckpt_directory": "c"}).folder("/out") == "c"
    assert from_params({"ckpt_directory": "None"}).folder("/out") == "/out/ckpts"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), (90, 90), ("1.5h", 5400), ("10 m", 600), ("2d", 172800), ("0:10:00", 600), ("1-00:00:10", 86410)],
)
def test_durations(text, seconds: float) -> None:
    assert values.duration(text) == seconds


@given(
    st.dictionaries(
        st.sampled_from([row["name"] for row in definitions()]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text())),
        max_size=6,
    )
)
def test_any_values_give_a_policy_or_a_named_error(params: dict) -> None:
    named = ""
    try:
        policy = from_params(params)
    except InvalidInputError as error:
        named = error.message.split(":")[0].split(" ")[0]
    assert named in params if named else policy.keep.limit >= 1 and policy.save.every_epochs >= 0
