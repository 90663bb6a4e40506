"""Signatures: what a bundle of OpenSSF Model Signing says without a key, and whether a key made it."""

from candle_spec.signing.bundle import Signature, read_signature
from candle_spec.signing.keys import verify_with_key

__all__ = ["Signature", "read_signature", "verify_with_key"]
