"""What a word was meant to be: the known one that is most like it."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is most like ``word``, or ``""`` where none is like it."""
    plain = {_plain(each): each for each in known}
    longer = [each for each in plain if len(word) > 2 and each.startswith(_plain(word))]
    if longer:
        return plain[min(longer, key=len)]
    import difflib  # only where a word is unknown: loading it takes longer than checking

    found = difflib.get_close_matches(_plain(word), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else ""


def _plain(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "").replace(" ", "")
