"""Vocabularies of repositories: lists of terms that are closed, observed or unknown, and how a value is looked up.

``closed``: the repository takes these and no others. ``observed``: values seen in use, with count and date; others may
be taken too. ``unknown``: the repository has a list that nobody here has seen. Only a closed one refuses a value; with
the others a value is kept and reported as unverified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from candle_spec.manifest.spelling import nearest

_NEAR: Final = 100
"""Characters of a value that are compared with terms, where it is none of them."""

Status = Literal["closed", "observed", "unknown"]
Match = Literal["exact", "matched", "unverified", "refused"]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One vocabulary.

    Attributes:
        name: Its name in the template.
        status: What the list is worth.
        terms: The repository's terms, as it writes them, with the words that mean the same.
    """

    name: str
    status: Status
    terms: Mapping[str, tuple[str, ...]]

    def find(self, value: str) -> tuple[Match, str]:
        """Look a value up.

        Returns:
            ``exact`` with the value; ``matched`` with the term that means the same; ``unverified`` with the value
            itself; ``refused`` with the nearest term, or ``""``.
        """
        if value in self.terms:
            return "exact", value
        plain = _plain(value)
        for term, aliases in self.terms.items():
            if plain == _plain(term) or plain in map(_plain, aliases):
                return "matched", term
        if self.status != "closed":
            return "unverified", value
        return "refused", nearest(value[:_NEAR], self.terms)


def _plain(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum() or letter in "+#.")


def parse(name: str, document: Mapping[str, Any]) -> Vocabulary:
    """Return the vocabulary of a document that fits ``schemas/repository-vocabulary``."""
    terms = {str(term["id"]): tuple(term.get("aliases", ())) for term in document.get("terms", ())}
    return Vocabulary(name, document["status"], terms)
