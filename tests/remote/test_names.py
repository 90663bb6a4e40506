"""Names that every service can hold."""

from __future__ import annotations

import pytest

from candle_spec.remote import names


@pytest.mark.parametrize(
    ("text", "identifier"),
    [("Uno 1.2", "Uno_1__2"), ("Modèle ü", "Modele_u"), ("a/b;c", "abc"), ("©", ""), ("query", "query_")],
)
def test_identifiers(text: str, identifier: str) -> None:
    assert names.identifier_from(text) == identifier


def test_flat_names() -> None:
    paths = ["model.safetensors", "original/0.gz", "original__0.gz", "a b.txt", "a_b.txt", "download", "ä"]
    flat = names.flat_names(paths)
    assert flat["model.safetensors"] == "model.safetensors"
    assert flat["original__0.gz"] == "original__0.gz"
    assert flat["original/0.gz"] != "original__0.gz"
    assert len(set(flat.values())) == len(paths)
    assert all(not names.segment_fault(name) for name in flat.values())
    assert flat == names.flat_names(reversed(paths))
