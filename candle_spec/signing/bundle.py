"""The signature of one document: a bundle of Sigstore around a statement of in-toto, as ``model_signing`` makes it.

https://github.com/sigstore/model-transparency describes the statement, https://github.com/secure-systems-lab/dsse the
envelope, https://docs.sigstore.dev/about/bundle/ the bundle. What is read here says of which bytes the signature
speaks; that it was made by somebody's key, only :mod:`candle_spec.signing.keys` knows.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from candle_spec.canonical import load_file, loads
from candle_spec.errors import CandleSpecError, CorruptFileError
from candle_spec.manifest import CURRENT, check
from candle_spec.problems import Severity

LONGEST: Final = 4 << 20
"""Bytes of a bundle: those with certificates and a log's proof have some ten thousand."""

MALFORMED: Final = "CKP8001"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature says.

    Attributes:
        digest: Digest of the document that was signed, ``sha256:…``.
        by: What made it: ``a key``, ``a certificate``.
    """

    digest: str
    by: str


def read_signature(path: Path, location: str = "") -> Signature:
    """Return what a signature says; no key is needed, and none is asked.

    Args:
        path: The bundle.
        location: Its name, for messages.

    Raises:
        CorruptFileError: It is no bundle of one file (``CKP8001``).
    """
    where = location or str(path)
    try:
        bundle = load_file(path, location=where, most=LONGEST)
        _refuse(bundle, "signature", where)
        statement = loads(_bytes(bundle["dsseEnvelope"]["payload"], where), location=f"{where}: payload")
        _refuse(statement, "signature/statement", where)
    except CandleSpecError as error:
        if error.code == MALFORMED:
            raise
        raise CorruptFileError(f"it is no signature: {error.message}", location=where, code=MALFORMED) from error
    _bytes(bundle["dsseEnvelope"]["signatures"][0]["sig"], where)
    resource = statement["predicate"]["resources"][0]["digest"]
    if statement["subject"][0]["digest"]["sha256"] != hashlib.sha256(bytes.fromhex(resource)).hexdigest():
        message = "the digest of its subject does not follow from its one resource"
        raise CorruptFileError(message, location=where, code=MALFORMED)
    return Signature(
        f"sha256:{resource}", "a key" if "publicKey" in bundle["verificationMaterial"] else "a certificate"
    )


def _refuse(document: Any, schema: str, where: str) -> None:
    """Refuse what breaks its schema."""
    faults = [found for found in check(document, schema=schema, version=CURRENT) if found.severity is Severity.ERROR]
    if faults:
        message = f"it is no signature of one file: {faults[0].location.pointer}: {faults[0].message}"
        raise CorruptFileError(message, location=where, code=MALFORMED)


def _bytes(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CorruptFileError("it holds text that is no base64", location=where, code=MALFORMED) from error
