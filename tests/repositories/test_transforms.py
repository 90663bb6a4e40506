"""The table of transforms: its examples are true, and whatever the value, each gives a value or says why not."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_spec.repositories.kinds import Kind
from candle_spec.repositories.language.forms import FORMS
from candle_spec.repositories.markup.html import to_html
from candle_spec.repositories.transforms import TRANSFORMS, wrong_argument
from candle_spec.repositories.transforms.transform import Context, TransformError
from candle_spec.repositories.transforms.units import convert
from candle_spec.repositories.vocabulary import Vocabulary
from tests.helpers import templates

VOCABULARIES = {
    "frameworks": Vocabulary("frameworks", "closed", {"pytorch": ("torch",), "keras": ()}),
    "seen": Vocabulary("seen", "observed", {"a": ()}),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def run(name: str, value: Any, argument: Any = None) -> Any:
    return TRANSFORMS[name].run(value, argument, Context(VOCABULARIES))


@pytest.mark.parametrize("name", list(TRANSFORMS))
def test_examples_are_true(name: str) -> None:
    value, argument, result = TRANSFORMS[name].example
    assert run(name, value, argument) == result
    assert wrong_argument(name, argument, VOCABULARIES) == ""


@pytest.mark.parametrize("name", list(TRANSFORMS))
@given(value=JSON)
@pytest.mark.slow
def test_every_value_gives_a_value_or_a_reason(name: str, value: Any) -> None:
    argument = TRANSFORMS[name].example[1]
    before = json.dumps(value)
    try:
        first = run(name, value, argument)
    except TransformError:
        first = None
    assert json.dumps(value) == before, "a transform changes nothing in place"
    json.dumps(first)
    if first is not None:
        assert run(name, value, argument) == first


@given(st.text())
def test_an_identifier_has_the_form_of_one(text: str) -> None:
    slug = run("slug", text, "identifier")
    assert slug == "" or FORMS["identifier"].fits(slug)
    assert run("slug", slug, "identifier") == slug


@given(st.text(), st.integers(0, 40))
def test_truncated_text_fits_and_starts_alike(text: str, limit: int) -> None:
    context = Context()
    cut = TRANSFORMS["truncate"].run(text, {"bytes": limit}, context)
    assert len(cut.encode()) <= limit
    assert text.startswith(cut)
    assert bool(context.notes) == (cut != text)
    assert all(note.kind is Kind.TRUNCATED for note in context.notes)


@given(st.text(alphabet="<>&\"'`*_[]()!#-\n ajs:criptonel=/0", max_size=200))
def test_html_has_harmless_elements_only(markdown: str) -> None:
    class Look(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            assert tag in templates.HTML, tag
            for name, value in attributes:
                assert name in ("href", "title", "class", "start"), name
                assert not re.match(r"\s*(javascript|vbscript|data|file):", value or "", re.I)

    Look().feed(to_html(markdown))


@pytest.mark.parametrize(
    ("value", "kind", "result"),
    [("pytorch", None, "pytorch"), ("Torch", Kind.VOCABULARY_MATCHED, "pytorch")],
)
def test_a_closed_vocabulary(value: str, kind: Kind | None, result: str) -> None:
    context = Context(VOCABULARIES)
    assert TRANSFORMS["vocabulary"].run(value, "frameworks", context) == result
    assert [note.kind for note in context.notes] == ([kind] if kind else [])


def test_a_closed_vocabulary_refuses_and_names_the_nearest() -> None:
    with pytest.raises(TransformError, match="nearest: 'pytorch'"):
        run("vocabulary", "pytroch", "frameworks")


def test_a_list_that_is_not_closed_refuses_nothing() -> None:
    context = Context(VOCABULARIES)
    assert TRANSFORMS["vocabulary"].run("zzz", "seen", context) == "zzz"
    assert [note.kind for note in context.notes] == [Kind.UNVERIFIED]


def test_units() -> None:
    assert convert(1.1, "kg", "g") == pytest.approx(1100)
    assert convert(1, "kW.h", "J") == 3_600_000
    assert convert(1, "kg", "s") is None
    assert convert(1, "parsec", "m") is None


@pytest.mark.parametrize(
    ("name", "argument", "message"),
    [
        ("trunkate", {"bytes": 1}, "did you mean 'truncate'"),
        ("truncate", 5, "truncate takes limit"),
        ("vocabulary", "nope", "no vocabulary 'nope'"),
        ("date", "iso", "date takes day or year"),
        ("join", 1, "join takes none or text"),
    ],
)
def test_wrong_calls(name: str, argument: Any, message: str) -> None:
    assert message in wrong_argument(name, argument, VOCABULARIES)
