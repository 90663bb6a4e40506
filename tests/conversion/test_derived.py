"""Arrays that were derived from a payload are what the payload says: no digest of the model covers them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.identity import identity
from candle_spec.conversion.convert import convert
from candle_spec.conversion.migration.migrate import migrate
from candle_spec.conversion.restore import restore
from candle_spec.conversion.verify import verify_conversion
from candle_spec.digests import digest_bytes
from candle_spec.validation import validate
from tests.helpers.checkpoints import read_manifest, relist, write_manifest
from tests.helpers.kept import copied
from tests.helpers.native.small import booster

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("derived")
    (folder / "model.ubj").write_bytes(booster().save_raw("ubj"))
    return convert(folder / "model.ubj", folder / "model.candle").path


def forged(checkpoint: Path, target: Path) -> Path:
    """Change one number of a derived array, and everything that speaks of it but the model's identity."""
    shutil.copytree(checkpoint, target)
    manifest = read_manifest(target)
    opened = Checkpoint(target)
    tensor = next(each for each in opened.tensors if each.name == "split_conditions")
    (array,) = tensor.arrays.values()
    place = opened.safetensors(array.file).entry(array.key)
    path = target / array.file
    data = bytearray(path.read_bytes())
    data[place.offset + 3] ^= 0x80  # another sign
    path.write_bytes(data)
    entry = next(row for row in manifest["weights"]["tensors"] if row["name"] == tensor.name)
    entry["digest"] = digest_bytes(bytes(data[place.offset : place.offset + place.size]))
    payload = manifest["weights"]["content_digest"]
    manifest["weights"] |= identity(manifest["weights"]["tensors"]) | {"content_digest": payload}
    relist(target, manifest, array.file)
    manifest.pop("manifest_digest", None)
    write_manifest(target, manifest, pretty=False)
    return target


def test_they_are_derived_again(converted: Path) -> None:
    proof = verify_conversion(converted, predictions=False)
    assert proof.ok
    assert [claim.what for claim in proof.claims if "derived" in claim.what]


def test_what_an_older_version_derived_is_enough(tmp_path: Path) -> None:
    """The kept checkpoint lacks arrays that are derived today; those that it has are right."""
    made = migrate(copied("payload", tmp_path), tmp_path / "new").path
    native = restore(made, tmp_path / "native")[0].path
    assert "base_score" not in {tensor.name for tensor in Checkpoint(made).tensors}
    for proof in (verify_conversion(made, predictions=False), verify_conversion(made, native, predictions=False)):
        assert proof.ok, proof.claims


def test_another_number_is_found(converted: Path, tmp_path: Path) -> None:
    """A forger who lists everything anew deceives whoever looks at digests; the payload knows better."""
    false = forged(converted, tmp_path / "false.candle")
    assert validate(false).errors == []
    proof = verify_conversion(false, predictions=False)
    (claim,) = [claim for claim in proof.claims if claim.holds is False]
    assert "derived" in claim.what
    assert "split_conditions" in claim.detail
