"""Likely answers come from the training's settings, git and the environment, say so, and keep it when taken."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from candle_spec.cli.describe import command
from candle_spec.errors import CandleSpecError
from candle_spec.manifest.yaml import load_yaml
from candle_spec.repositories.engine.source import Source
from candle_spec.repositories.language.parser import MappingParser
from candle_spec.repositories.language.tree import FACTS, Ask
from candle_spec.repositories.questions import suggestions as suggesting
from candle_spec.repositories.questions.description import DESCRIPTION, gather
from candle_spec.repositories.questions.suggestions import Surroundings
from candle_spec.validation import validate
from tests.helpers import checkpoints
from tests.helpers.calls import run

CANDLE = """\
[Global_Params]
model_name = 'uno'          # of the benchmark
epochs = 20
loss = 'mse'
optimizer = 'adam'
rng_seed = 7102
dense = [1000, 500]
train_sources = ['CCLE', 'GDSC']
test_data = '/lustre/me/gcsi.csv'
data_url = 'https://example.org/data'

[Monitor_Params]
timeout = 3600
epochs = 99
"""
IMPROVE = "[DEFAULT]\nmodel_name = graphdrp\n[Preprocess]\nepochs = 1\n[Train]\nepochs = 7\nmetric_type = regression\n"
JOB = "SLURM_JOB_ACCOUNT SBATCH_ACCOUNT PBS_ACCOUNT LSB_PROJECT_NAME SLURM_CLUSTER_NAME LMOD_SYSTEM_NAME PBS_SERVER"
NAMES = "LSB_CLUSTER_NAME GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL EMAIL ORCID ORCID_ID"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in git, with a checkpoint; nothing of the machine's own surroundings is seen."""
    for name in f"{JOB} {NAMES}".split():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    for words in (
        ["init", "-q"],
        ["config", "user.name", "Ada Lovelace"],
        ["config", "user.email", "ada@example.org"],
        ["config", "remote.origin.url", "https://ada:secret@git.example/x.git"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def checkpoint(folder: Path) -> Path:
    return checkpoints.make("plain", folder).path


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("uno_default_model.txt", CANDLE, {"model_name": "uno", "epochs": 20, "loss": "mse", "dense": [1000, 500]}),
        ("graphdrp_params.ini", IMPROVE, {"epochs": 7, "metric_type": "regression", "model_name": "graphdrp"}),
        ("param_log_file.txt", "{'epochs': 7, 'loss': 'mse'}", {"epochs": 7, "loss": "mse"}),
        ("params.yaml", "Train: {epochs: 7}\nInfer: {epochs: 1}\n", {"epochs": 7}),
        ("params.json", '{"epochs": 7, "loss": null}', {"epochs": 7, "loss": None}),
        ("options.json", '[{"name": "epochs", "type": "int", "default": 7}]', {"epochs": 7}),
    ],
)
def test_settings_of_all_kinds_are_read(tmp_path: Path, name: str, text: str, expected: dict[str, Any]) -> None:
    (tmp_path / name).write_text(text)
    found = suggesting.read_settings(tmp_path / name)
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.txt", b"\xff\xfe"),
        ("x.ini", b"no section\n"),
        ("x.txt", b"{'a': __import__('os')}"),
        ("x.json", b"[1]"),
        ("x.yaml", b"- 1\n"),
        ("x.ini", b""),
    ],
)
def test_what_holds_no_settings_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CandleSpecError):
        suggesting.read_settings(tmp_path / name)


def test_git_and_the_environment_suggest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    around = Surroundings(folder)
    assert around.suggest(Ask("?", "/contact/email")) == suggesting.Suggestion(
        "ada@example.org", "environment", "git config user.email"
    )
    assert around.suggest(Ask("?", "/model/implementation/repository")).value == "https://git.example/x"
    monkeypatch.setenv("ORCID", "0000-0002-1825-0097")
    monkeypatch.setenv("SLURM_CLUSTER_NAME", "polaris")
    monkeypatch.setenv("SLURM_JOB_ACCOUNT", "candle_aesp")
    around = Surroundings(folder)
    person = around.suggest(Ask("?", "/creators", shape="people"))
    assert (person.value, person.detail) == (
        "Ada Lovelace <ada@example.org> 0000-0002-1825-0097",
        "git config user.name, ORCID of the environment",
    )
    assert around.find("site") == suggesting.Suggestion(
        "polaris, account candle_aesp", "environment", "environment variable SLURM_CLUSTER_NAME"
    )
    monkeypatch.setenv("ORCID", "0000-0002-1825-0098")
    assert Surroundings(folder).find("orcid") is None, "its check digit is wrong"


def test_every_fact_has_an_answer_or_none(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    bare = Surroundings(tmp_path_factory.mktemp("bare"))
    assert [word for word in FACTS if bare.find(word) is not None] == []
    assert {word for word in FACTS if Surroundings(folder).find(word)} == {
        "user-name",
        "user-email",
        "person",
        "repository",
    }


def test_settings_win_over_surroundings_and_the_list_decides(folder: Path) -> None:
    from candle_spec.repositories.vocabulary import Vocabulary

    around = Surroundings(folder, {"Metric_Type": "regression", "layers": ["a, b", "c"]}, "x.ini")
    types = Vocabulary("types", "closed", {"Regression": (), "Classification": ()})
    ask = Ask("?", "/x", vocabulary="types", suggest=("config:metric_type", "repository"))
    assert around.suggest(ask, types) == suggesting.Suggestion("Regression", "config", "x.ini: metric_type")
    assert around.suggest(Ask("?", "/x", suggest=("repository",)), types) is None, "its list refuses it"
    assert around.suggest(Ask("?", "/x", choices=("A", "b"), suggest=("config:layers",))) is None
    assert around.suggest(Ask("?", "/x", suggest=("config:layers",))).value == '"a, b", c'


def test_a_template_that_suggests_from_nowhere_is_told() -> None:
    parser = MappingParser({}, {})
    shape = {"a": {"$from": "/name", "$ask": {"question": "?", "suggest": ["config:x", "env:TOKEN"]}}}
    parser.parse({"records": {"r": shape}})
    assert [mistake.message for mistake in parser.mistakes] == ["nothing suggests 'env:TOKEN'"]


def _describe(*words: object, typed: str = "") -> Result:
    return CliRunner().invoke(command, [str(word) for word in words], input=typed, standalone_mode=False)


def _rows(path: Path) -> dict[str, dict[str, str]]:
    document, _ = load_yaml(path.read_bytes(), location=str(path))
    return {row["pointer"]: row for row in document.get("field_sources", ())}


def test_a_suggestion_that_is_taken_keeps_where_it_is_from(folder: Path, checkpoint: Path) -> None:
    (folder / "uno_default_model.txt").write_text(CANDLE)
    result = _describe(
        checkpoint, "--for", "cff", "--config", "uno_default_model.txt", "--into-manifest", typed="\nMIT\n1.0.0\ny\n"
    )
    assert result.exception is None, result.output
    assert "suggested by git config user.name" in result.output
    assert "/training/epochs  20  (from uno_default_model.txt: epochs)" in result.output
    rows = _rows(folder / DESCRIPTION)
    assert (rows["/creators"]["source"], rows["/creators"]["detail"]) == ("environment", "git config user.name")
    assert (rows["/training/loss"]["source"], rows["/training/loss"]["detail"]) == (
        "config",
        "uno_default_model.txt: loss",
    )
    manifest = checkpoints.read_manifest(checkpoint)
    assert manifest["training"]["hyperparameters"]["dense"] == [1000, 500]
    assert manifest["training"]["seed"] == 7102
    assert manifest["training"]["datasets"] == [
        {"name": "CCLE", "role": "train"},
        {"name": "GDSC", "role": "train"},
        {"name": "gcsi.csv", "role": "test"},
    ]
    origins = {row["pointer"]: row for row in manifest["field_sources"]}
    assert origins["/training/epochs"]["source"] == "config"
    assert origins["/training/epochs"]["detail"].startswith(
        "uno_default_model.txt: epochs, taken in candle-model.yaml:"
    )
    assert validate(checkpoint).errors == []


def test_an_answer_in_other_words_is_the_users(folder: Path, checkpoint: Path) -> None:
    result = _describe(checkpoint, "--for", "cff", typed="Grace Hopper\n" * 9)
    assert "suggested by git config user.name" in result.output
    assert "/creators" not in _rows(folder / DESCRIPTION)
    source = gather(checkpoints.read_manifest(checkpoint), checkpoint)
    assert str(source.origin("/creators")).startswith(f"user: {DESCRIPTION}:")


def test_a_value_that_was_changed_by_hand_is_the_users(folder: Path, checkpoint: Path) -> None:
    (folder / "uno.txt").write_text(CANDLE)
    assert run("describe", checkpoint, "--for", "cff", "--config", "uno.txt", "--accept-suggestions") == 0
    source = gather(checkpoints.read_manifest(checkpoint), checkpoint)
    assert source.origin("/training/loss").source == "config"
    path = folder / DESCRIPTION
    path.write_text(path.read_text().replace("loss: mse\n", "loss: mae\n"))
    source = gather(checkpoints.read_manifest(checkpoint), checkpoint)
    assert source.document["training"]["loss"] == "mae"
    assert source.origin("/training/loss").source == "user"
    assert "field_sources" not in source.document or not any(
        row["pointer"] == "/training/loss" for row in source.document["field_sources"]
    )


def test_suggestions_are_taken_without_asking_and_answers_win(folder: Path, checkpoint: Path) -> None:
    (folder / "graphdrp_params.ini").write_text(IMPROVE)
    (folder / "answers.yaml").write_text("creators: [{name: Grace Hopper}]\n")
    words = ("--answers", "answers.yaml", "--config", "graphdrp_params.ini", "--accept-suggestions")
    assert run("describe", checkpoint, "--for", "improve", "--for", "cff", *words) == 0
    document, _ = load_yaml((folder / DESCRIPTION).read_bytes(), location="")
    answers = document["extensions"]["https://w3id.org/candle-spec/repositories/improve/1"]
    assert (answers["model_type"], answers["original_github"]) == ("Regression", "https://git.example/x")
    assert document["creators"] == [{"name": "Grace Hopper"}]
    assert "/creators" not in _rows(folder / DESCRIPTION)


def test_the_manifests_own_hyperparameters_suggest(folder: Path, checkpoint: Path) -> None:
    manifest = checkpoints.read_manifest(checkpoint)
    manifest["training"] = {"hyperparameters": {"metric_type": "classification", "epochs": 3}}
    checkpoints.write_manifest(checkpoint, manifest)
    assert run("describe", checkpoint, "--for", "improve", "--accept-suggestions") == 0
    rows = _rows(folder / DESCRIPTION)
    at = "/extensions/https:~1~1w3id.org~1candle-spec~1repositories~1improve~11/model_type"
    assert rows[at]["detail"] == "hyperparameters of the manifest: metric_type"
    assert rows["/training/epochs"]["detail"] == "hyperparameters of the manifest: epochs"


def test_an_answer_that_no_manifest_takes_is_asked_for_again(folder: Path, checkpoint: Path) -> None:
    inputs = json.dumps([{"name": "x", "type": "image", "format": "raw", "num_channels": 1, "dtype": "float32"}])
    questions = 12
    typed = "".join(f"{line}\n" for line in ["-"] * questions)
    first = _describe(checkpoint, "--for", "monai", typed=typed)
    asked = [line for line in first.output.splitlines() if "/" in line.split(" ")[0] and "monai" in line]
    where = next(number for number, line in enumerate(asked) if "tensors go into" in line)
    lines = ["-"] * where + ["image, mask", inputs] + ["-"] * questions
    result = _describe(checkpoint, "--for", "monai", typed="".join(f"{line}\n" for line in lines))
    assert "image" in result.output
    document, _ = load_yaml((folder / DESCRIPTION).read_bytes(), location="")
    assert document["extensions"]["https://w3id.org/candle-spec/repositories/monai-bundle/1"]["inputs"] == json.loads(
        inputs
    )


def test_a_source_without_settings_offers_nothing(folder: Path) -> None:
    around = suggesting.surroundings(folder, Source({"model": {"implementation": {"repository": "https://x.org/y"}}}))
    assert around.offered(Source({"model": {"implementation": {"repository": "https://x.org/y"}}})) == {}
