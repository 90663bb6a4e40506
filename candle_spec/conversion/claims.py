"""One claim of a certificate, and whether it still holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim.

    Attributes:
        what: The claim, for example ``"42 tensors equal"``.
        holds: ``True``, ``False``, or ``None`` where it could not be checked.
        detail: What differs, or why it was not checked.
    """

    what: str
    holds: bool | None
    detail: str = ""
