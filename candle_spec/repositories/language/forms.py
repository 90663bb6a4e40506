"""Forms that a text can have, by name: what rules may ask for instead of writing regular expressions.

Each is checked in time linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from candle_spec.manifest.identifiers import fault_of


@dataclass(frozen=True, slots=True)
class Form:
    """One form: its name, what it is in words, and its check."""

    name: str
    words: str
    fits: Callable[[str], bool]


def _by(pattern: str) -> Callable[[str], bool]:
    return lambda text: re.compile(pattern).fullmatch(text) is not None


def _email(text: str) -> bool:
    name, at, host = text.partition("@")
    labels = host.split(".")
    good = all(label and re.fullmatch(r"[A-Za-z0-9-]+", label) for label in labels)
    return bool(name and at and len(labels) > 1 and good and re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+", name))


def _date(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _plain(text: str) -> bool:
    return not any(unicodedata.category(letter) == "Cc" and letter not in "\n\t" for letter in text) and (
        "\u00a0" not in text
    )


_ALL: Final = (
    Form("identifier", "letters, digits, _ and -", _by(r"[A-Za-z0-9_-]+")),
    Form("segment", "letters, digits, ., _ and -", _by(r"[A-Za-z0-9._-]+")),
    Form(
        "path", "segments of letters, digits, ., _ and -, joined by /", _by(r"/?[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")
    ),
    Form("email", "an e-mail address", _email),
    Form("doi", "a DOI without https://doi.org/", _by(r"10\.[0-9]{4,9}/[!-~]+")),
    Form("orcid", "an ORCID with a right check digit", lambda text: not fault_of("orcid", text)),
    Form("uri", "a URI", _by(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")),
    Form("web", "an address that starts with http:// or https://", _by(r"https?://[!-~]+")),
    Form("date", "a day, YYYY-MM-DD", _date),
    Form("year", "a year, YYYY", _by(r"[0-9]{4}")),
    Form(
        "version", "numbers joined by dots, with a suffix or not", _by(r"[0-9]+(?:\.[0-9]+)*(?:[-+.][0-9A-Za-z.+-]+)?")
    ),
    Form("semver", "major.minor.patch", _by(r"[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")),
    Form("sha256", "64 hexadecimal digits", _by(r"[0-9a-f]{64}")),
    Form("md5", "32 hexadecimal digits", _by(r"[0-9a-f]{32}")),
    Form("hub-id", "name or owner/name, as on Hugging Face", _by(r"[A-Za-z0-9._-]{1,96}(?:/[A-Za-z0-9._-]{1,96})?")),
    Form("language", "an ISO 639 code, with a region or not", _by(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})?")),
    Form("line", "one line", lambda text: "\n" not in text and "\r" not in text),
    Form("plain", "free of control characters and of non-breaking spaces", _plain),
)

FORMS: Final[Mapping[str, Form]] = {form.name: form for form in _ALL}
"""All forms by name."""
