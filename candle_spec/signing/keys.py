"""Compare a signature with a public key, by the library that makes such signatures: nothing of it is written here."""

from __future__ import annotations

from pathlib import Path

from candle_spec.errors import InvalidInputError, ProofFailedError
from candle_spec.optional import require


def verify_with_key(document: Path, signature: Path, public_key: Path) -> None:
    """Make sure that a signature of a document was made with the private half of a key.

    Args:
        document: The file that was signed.
        signature: The bundle.
        public_key: The key, of an elliptic curve, in a PEM file.

    Raises:
        MissingDependencyError: The library is not installed.
        InvalidInputError: There is no such key, or it is no key of an elliptic curve.
        ProofFailedError: Another key made it, or it is of other bytes (``CKP8003``).
    """
    verifying = require("model_signing.verifying", extra="signing", purpose="compare a signature with a key")
    if not public_key.is_file():
        raise InvalidInputError("there is no such key", location=str(public_key))
    try:
        verifier = verifying.Config().use_elliptic_key_verifier(public_key=public_key)
    except ValueError as error:
        hint = "a public key of the curve P-256, P-384 or P-521, as PEM"
        raise InvalidInputError(f"the key cannot be used: {error}", location=str(public_key), hint=hint) from error
    try:
        verifier.verify(document, signature)
    except Exception as error:
        message = f"the signature was not made with the key {public_key.name}: {error}"
        raise ProofFailedError(message, location=str(signature), code="CKP8003") from error
