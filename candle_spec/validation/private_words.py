"""What a text should not tell everybody: keys and tokens, personal paths, addresses, identifiers of patients."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

SECRETS: Final = (
    ("a private key", re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY")),
    ("a key of AWS", re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("a token of GitHub", re.compile(r"\b(gh[opsur]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22})")),
    ("a token of Hugging Face", re.compile(r"\bhf_[A-Za-z0-9]{30}")),
    ("a secret key", re.compile(r"\bsk-[A-Za-z0-9_-]{20,200}")),
    ("a token (JWT)", re.compile(r"\beyJ[A-Za-z0-9_-]{8,400}\.eyJ[A-Za-z0-9_-]{8,2000}\.")),
    ("a password in an address", re.compile(r"[a-z]{2,10}://[^/\s:@]{1,100}:[^/\s:@]{1,100}@")),
)
"""What is never sent anywhere."""

_SIGNS: Final = ("PRIVATE KEY", "A", "_", "hf_", "sk-", ".eyJ", "://")
"""For each of them what stands in every one of its kind."""

EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")

HOME_FOLDER: Final = (
    "a path of somebody's home folder",
    re.compile(r"(?:^|[\s\"'=:(])(/home/|/Users/|[A-Za-z]:\\{1,2}Users\\{1,2})[A-Za-z0-9._-]+"),
)

_HOME_SIGNS: Final = ("/home/", "/Users/", ":\\")

PERSONAL: Final = (
    HOME_FOLDER,
    ("an e-mail address", EMAIL),
    (
        "a DICOM UID",
        re.compile(
            r"(?<![\w.])(?!1\.2\.840\.10008\.)(?=[0-9.]{20,65}(?![0-9]))[0-2](?:\.(?:0|[1-9][0-9]{0,38})){4,31}(?!\w|\.[0-9])"
        ),
    ),
)
"""What belongs to a person. The UIDs of the DICOM standard itself (1.2.840.10008) tell nothing."""


def secrets_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield position and kind of every secret in a text."""
    for (what, pattern), sign in zip(SECRETS, _SIGNS, strict=True):
        if sign not in text:  # a text is long, and an expression slow where it may begin with any letter
            continue
        yield from ((match.start(), what) for match in pattern.finditer(text))


def home_folder_in(text: str) -> list[str]:
    """Return the kind of a personal path, once, if there is one in a text."""
    what, pattern = HOME_FOLDER
    return [what] if any(sign in text for sign in _HOME_SIGNS) and pattern.search(text) else []


def personal_in(text: str, allowed: frozenset[str] = frozenset()) -> Iterator[tuple[int, str]]:
    """Yield position and kind of everything personal in a text, but for the e-mail addresses that are ``allowed``."""
    for what, pattern in PERSONAL:
        yield from ((match.start(), what) for match in pattern.finditer(text) if match.group() not in allowed)
