"""What holds between versions, shown by made-up later ones: nothing new is read wrongly, nothing old is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.seal import write_seal
from candle_spec.errors import UnknownVersionError
from candle_spec.manifest import CURRENT, check, migrations
from candle_spec.problems import Severity
from candle_spec.validation import validate
from tests.helpers import checkpoints, drafts
from tests.helpers.calls import run
from tests.helpers.drafts import knowing  # noqa: F401 - a fixture
from tests.helpers.kept import DEV_1, kinds


@pytest.fixture
def encoded(tmp_path: Path) -> Path:
    return checkpoints.make("encoded", tmp_path).path


def as_written_in(version: str, at: Path) -> Path:
    """Let a checkpoint be one of a draft."""
    checkpoints.write_manifest(at, drafts.written(checkpoints.read_manifest(at), version), pretty=False)
    return at


def found(at: Path, severity: Severity) -> list[list[str]]:
    return [[each.code, each.location.pointer] for each in validate(at) if each.severity is severity]


@pytest.mark.parametrize("version", drafts.VERSIONS)
def test_what_is_new_is_said_and_only_a_feature_stops_a_reader(version: str, encoded: Path) -> None:
    draft, at = drafts.read(version), as_written_in(version, encoded)
    assert sorted(found(at, Severity.WARNING)) == sorted(draft["warnings"])
    assert sorted(found(at, Severity.ERROR)) == sorted(draft["errors"])
    opened = Checkpoint(at).checked()
    if draft["errors"]:
        with pytest.raises(UnknownVersionError, match="requires the feature"):
            opened.state_dict(framework="numpy")
        assert run("validate", at) == 1
    else:
        assert opened.state_dict(framework="numpy").keys() == {"phase", "gain", "twin"}
        assert run("validate", at) == 0
    assert run("inspect", at) == 0


@pytest.mark.parametrize("version", drafts.VERSIONS)
def test_what_may_hold_more_than_is_known_is_not_written(version: str, encoded: Path) -> None:
    at = as_written_in(version, encoded)
    before = checkpoints.read_manifest(at)
    with pytest.raises(UnknownVersionError):
        write_seal(at)
    assert checkpoints.read_manifest(at) == before


@pytest.mark.parametrize(
    ("members", "code", "pointer"),
    [
        ({"maturity": "research", "name": 5}, "CKP1003", "/name"),
        ({"weights": {"kind": "voxels"}}, "CKP1003", "/weights/kind"),
        ({"dates": {}}, "CKP1001", "/dates"),
    ],
)
def test_a_newer_version_excuses_no_fault(members: dict[str, Any], code: str, pointer: str, encoded: Path) -> None:
    manifest = drafts.written(checkpoints.read_manifest(encoded), "1.1.0") | members
    errors = [(each.code, each.location.pointer) for each in check(manifest) if each.severity is Severity.ERROR]
    assert any(each[0] == code and each[1].startswith(pointer) for each in errors)


def test_a_typing_mistake_is_one_in_a_version_that_is_known(encoded: Path) -> None:
    manifest = checkpoints.read_manifest(encoded)
    for members in ({"maturity": "research"}, {"base_models": [{"identifier": {}, "relation": "pruned"}]}):
        assert any(each.severity is Severity.ERROR for each in check(manifest | members))


@pytest.mark.usefixtures("knowing")
def test_a_later_package_knows_what_is_new(encoded: Path) -> None:
    for version in drafts.VERSIONS:
        manifest = drafts.written(checkpoints.read_manifest(encoded), version)
        assert check(manifest) == []
        assert check(manifest, engine="reference") == []
        wrong = [each.code for each in check(manifest | {"maturity": "unheard"})]
        assert wrong == ["CKP1003"]


@pytest.mark.usefixtures("knowing")
def test_a_later_package_reads_what_this_one_wrote(tmp_path: Path) -> None:
    """What needs a feature from some version on needed none before."""
    at = checkpoints.make("plain", tmp_path).path
    assert checkpoints.read_manifest(at)["schema_version"] == CURRENT
    assert validate(at).ok
    assert Checkpoint(at).state(framework="numpy")


@pytest.mark.usefixtures("knowing")
@pytest.mark.parametrize("kind", kinds())
def test_every_version_leads_to_the_newest(kind: str) -> None:
    opened = Checkpoint(DEV_1 / kind)
    for version in drafts.VERSIONS:
        made = migrations.migrate(opened.document, version, known=drafts.steps())
        assert [each for each in check(made) if each.severity is Severity.ERROR] == []
        assert made["weights"] == opened.document["weights"]
    assert [step.target for step in migrations.chain("1.0.0-dev.1", "1.7.0", drafts.steps())] == [
        CURRENT,
        *drafts.VERSIONS,
    ]
