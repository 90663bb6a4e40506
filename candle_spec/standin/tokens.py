"""Tokens of the stand-in: JWT, HS256, the claim of the service (``USER_ID_TOKEN_CLAIM``) and ``exp``.

https://www.rfc-editor.org/rfc/rfc7519
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

CLAIM = "USER_ID_TOKEN_CLAIM"


def make(email: str, expires: float, key: bytes) -> str:
    """Return a signed token for a user."""
    parts = [_encoded({"alg": "HS256"}), _encoded({CLAIM: email, "exp": int(expires)})]
    signed = ".".join(parts)
    return f"{signed}.{_base64(_signature(signed, key))}"


def read(token: str, now: float, key: bytes) -> str:
    """Return the user that a token names.

    Raises:
        ValueError: It is no token of this server, or it has expired.
    """
    signed, dot, signature = token.rpartition(".")
    if not dot or not hmac.compare_digest(_base64(_signature(signed, key)).encode(), signature.encode()):
        raise ValueError("not a token of this server")
    claims = json.loads(_decoded(signed.partition(".")[2]))
    if claims["exp"] <= now:
        raise ValueError("the token has expired")
    return str(claims[CLAIM])


def _signature(signed: str, key: bytes) -> bytes:
    return hmac.new(key, signed.encode(), hashlib.sha256).digest()


def _encoded(value: Any) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
