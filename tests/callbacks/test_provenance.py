"""What a training says of itself: versions, code, machine; never a secret."""

import subprocess

import numpy as np
import pytest

from candle_spec.callbacks._recording.provenance import provenance
from candle_spec.readers.git import web_address


def git(folder, *words):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)


def fields(**more):
    return {field.pointer: field for field in provenance(**more)}


def test_code_and_its_changes(tmp_path):
    program = tmp_path / "train.py"
    program.write_text("x = 1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    git(tmp_path, "remote", "add", "origin", "https://user:secret@example.org/lab/model.git")
    found = fields(program=program)
    assert len(found["/model/implementation/commit"].value) == 40
    assert found["/model/implementation/commit"].detail == "git"
    assert found["/model/implementation/repository"].value == "https://example.org/lab/model"
    program.write_text("x = 2\n")
    assert "not committed" in fields(program=program)["/model/implementation/commit"].detail


def test_without_git_there_is_no_code(tmp_path):
    program = tmp_path / "train.py"
    program.write_text("x = 1\n")
    assert not [pointer for pointer in fields(program=program) if "implementation" in pointer]


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("git@github.com:lab/model.git", "https://github.com/lab/model"),
        ("ssh://git@example.org:2222/lab/model.git", "https://example.org/lab/model"),
        ("https://token@example.org/lab/model", "https://example.org/lab/model"),
        ("/home/someone/model", ""),
        ("", ""),
    ],
)
def test_addresses(remote, address):
    assert web_address(remote) == address


def test_versions_and_settings():
    found = fields(name="net", hyperparameters={"lr": 0.1}, seconds=2.5)
    assert found["/environment"].value["packages"]["numpy"] == np.__version__
    assert found["/training/hyperparameters"].source == "config"
    assert found["/training/duration_seconds"].value == 2.5
    assert found["/name"].value == "net"
