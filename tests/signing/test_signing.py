"""Signatures: a checkpoint that ``model_signing`` signed, told apart from what was changed since.

The kept one and its later evaluation were signed with a key that was thrown away. ``keys/`` holds its public half, and
that of another one.
"""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest

from candle_spec.digests import digest_file
from candle_spec.errors import CorruptFileError, InvalidInputError, MissingDependencyError, ProofFailedError
from candle_spec.problems import Level, LevelState, Report
from candle_spec.signing import read_signature, verify_with_key
from candle_spec.validation import validate, verdict
from tests.helpers import kept
from tests.helpers.calls import run
from tests.helpers.faults.beside import bundle, write_bundle

KEYS = Path(__file__).parent / "keys"
SIGNED = kept.KEPT / "1.0.0-rc.1" / "signed"
KEY = KEYS / "key.pub"
OTHER = KEYS / "other.pub"
MANIFEST, SIGNATURE = "candle-checkpoint.json", "candle-checkpoint.sig"


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SIGNED, tmp_path / "signed"))


def level(report: Report) -> tuple[LevelState, str]:
    return next((each.state, each.reason) for each in report.levels if each.level is Level.AUTHENTICITY)


def codes(path: Path, **options: Path) -> list[tuple[str, str]]:
    return [(problem.code, problem.location.file) for problem in validate(path, **options).errors]


def test_what_it_says_without_a_key(signed: Path) -> None:
    found = read_signature(signed / SIGNATURE)
    assert found.digest == digest_file(signed / MANIFEST)
    assert found.by == "a key"
    report = validate(signed)
    assert report.ok
    assert level(report) == (LevelState.NOT_RUN, "signed by a key, not verified: give --public-key")
    assert verdict(report).endswith("L8 signed by a key, not verified: give --public-key")


def test_a_certificate_is_compared_by_others(signed: Path) -> None:
    made = bundle((signed / MANIFEST).read_bytes())
    made["verificationMaterial"] = {"x509CertificateChain": {"certificates": []}}
    write_bundle(signed / SIGNATURE, made)
    shutil.rmtree(signed / "evaluations")
    assert level(validate(signed))[1] == "signed by a certificate, not verified: model_signing verify"


@pytest.mark.parametrize(
    ("document", "signature"), [(MANIFEST, SIGNATURE), ("evaluations/0.json", "evaluations/0.sig")]
)
def test_what_is_signed_was_not_changed(signed: Path, document: str, signature: str) -> None:
    data = (signed / document).read_bytes()
    for changed in (data + b"\n", data.replace(b"2026", b"2025", 1), data[:-1]):
        assert changed != data
        (signed / document).write_bytes(changed)
        assert ("CKP8002", signature) in codes(signed)


def test_a_signature_of_something_else(signed: Path) -> None:
    shutil.copy(signed / "evaluations/0.sig", signed / SIGNATURE)
    assert codes(signed) == [("CKP8002", SIGNATURE)]


def test_one_that_is_larger_than_any(signed: Path) -> None:
    (signed / SIGNATURE).write_bytes(b'{"a": "' + b"x" * (4 << 20) + b'"}')
    with pytest.raises(CorruptFileError, match="more than 4194304 bytes"):
        read_signature(signed / SIGNATURE)


def test_a_statement_that_is_nested_too_deeply(signed: Path) -> None:
    made = json.loads((signed / SIGNATURE).read_bytes())
    made["dsseEnvelope"]["payload"] = base64.b64encode(b"[" * 10_000 + b"]" * 10_000).decode()
    write_bundle(signed / SIGNATURE, made)
    with pytest.raises(CorruptFileError, match="no signature") as caught:
        read_signature(signed / SIGNATURE)
    assert caught.value.code == "CKP8001"


def test_a_link_is_no_signature(signed: Path, tmp_path: Path) -> None:
    (signed / SIGNATURE).rename(tmp_path / "elsewhere")
    (signed / SIGNATURE).symlink_to(tmp_path / "elsewhere")
    assert codes(signed) == [("CKP3006", SIGNATURE)]


def test_without_the_library_nothing_is_verified(signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "model_signing", None)
    with pytest.raises(MissingDependencyError, match="model_signing") as caught:
        validate(signed, public_key=KEY)
    assert "candle-spec[signing]" in caught.value.hint


@pytest.mark.framework
class TestKeys:
    """By the library that signed it."""

    @pytest.fixture(autouse=True)
    def library(self) -> None:
        pytest.importorskip("model_signing.verifying")

    def test_the_right_one(self, signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
        report = validate(signed, public_key=KEY)
        assert report.ok
        assert level(report) == (LevelState.OK, "")
        assert run("validate", signed, "--public-key", KEY) == 0
        assert capsys.readouterr().out.rstrip().endswith("L8 ok")

    def test_another_one(self, signed: Path) -> None:
        assert codes(signed, public_key=OTHER) == [("CKP8003", SIGNATURE), ("CKP8003", "evaluations/0.sig")]
        assert run("validate", signed, "--public-key", OTHER, "-q") == 1

    def test_bytes_that_no_key_made(self, signed: Path) -> None:
        made = json.loads((signed / SIGNATURE).read_bytes())
        made["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(b"0" * 70).decode()
        write_bundle(signed / SIGNATURE, made)
        assert codes(signed) == []
        assert codes(signed, public_key=KEY) == [("CKP8003", SIGNATURE)]

    def test_a_statement_that_was_exchanged(self, signed: Path) -> None:
        """The form is right and the manifest is the one that it names: only the key tells."""
        made = json.loads((signed / SIGNATURE).read_bytes())
        forged = bundle((signed / MANIFEST).read_bytes())
        forged["dsseEnvelope"]["signatures"] = made["dsseEnvelope"]["signatures"]
        write_bundle(signed / SIGNATURE, {**forged, "verificationMaterial": made["verificationMaterial"]})
        assert codes(signed) == []
        assert codes(signed, public_key=KEY) == [("CKP8003", SIGNATURE)]

    def test_what_is_no_key(self, signed: Path, tmp_path: Path) -> None:
        (tmp_path / "key").write_text("no key")
        for path in (tmp_path / "key", tmp_path / "nowhere"):
            with pytest.raises(InvalidInputError, match="key"):
                validate(signed, public_key=path)

    def test_one_document(self, signed: Path) -> None:
        verify_with_key(signed / MANIFEST, signed / SIGNATURE, KEY)
        with pytest.raises(ProofFailedError):
            verify_with_key(signed / "model.safetensors", signed / SIGNATURE, KEY)
