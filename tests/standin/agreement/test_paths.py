"""Names that the client sends arrive as they are; those that it does not send would not, or are words of the routes."""

from __future__ import annotations

import re

import hypothesis
import hypothesis.strategies as st
import pytest

from candle_spec.errors import InvalidInputError
from candle_spec.modac.names import checked_path, identifier_fault, path_problem, segment_fault
from candle_spec.standin import paths
from tests.helpers.standin.fates import kept, owned, route_words

PLAIN = re.compile(r"[A-Za-z0-9._-]+")
OTHERS = ("v2", "api", "registration", "authenticate", "model", "Download", "Collection", "queryx", "collections")
PIECES = st.sampled_from([*sorted(route_words()), *OTHERS, "a", "Z", "9", ".", "..", "_", "-", "m.h5"])
ODD = st.sampled_from([*list(" %;\\?#~+äé\xa0\x07@'\"{"), "%20", "%2e", "%2F", "/"])
SEGMENTS = st.lists(PIECES | st.one_of(PIECES, ODD), min_size=1, max_size=3).map("".join) | PIECES


@hypothesis.settings(max_examples=150)
@hypothesis.given(SEGMENTS)
@pytest.mark.slow
def test_a_segment_arrives_or_is_not_sent(segment: str) -> None:
    if segment_fault(segment):
        assert not PLAIN.fullmatch(segment) or segment in route_words() or set(segment) == {"."}, "refused for nothing"
    else:
        assert kept(segment)


@pytest.mark.slow
def test_each_character() -> None:
    for character in map(chr, range(0x20, 0x17F)):
        segment = f"a{character}"
        if not segment_fault(segment):
            assert kept(segment), segment
        else:
            assert not PLAIN.fullmatch(segment), segment


def test_words_of_the_routes() -> None:
    assert {word for word in (*route_words(), *OTHERS) if segment_fault(word)} == route_words()


def test_segments_of_dots() -> None:
    for dots in (".", ".."):
        assert segment_fault(dots)
        assert not kept(dots)
    assert not segment_fault(".a")
    assert kept(".a")


def test_no_segment_at_all() -> None:
    assert segment_fault("")
    assert not kept("")


@hypothesis.given(SEGMENTS | st.just(""))
def test_an_identifier_is_one_of_the_web_page(identifier: str) -> None:
    page = re.fullmatch(paths.part("identifier")["pattern"], identifier)
    assert (identifier_fault(identifier) == "") == bool(page and identifier and identifier not in route_words())


@hypothesis.given(st.lists(SEGMENTS.filter(lambda text: "/" not in text), min_size=1, max_size=4), st.booleans())
def test_a_path_is_as_good_as_its_segments(segments: list[str], slash: bool) -> None:
    path, good = "/" + "/".join(segments), not any(map(segment_fault, segments))
    assert (path_problem(path) == "") == good
    assert path_problem(path[1:])
    try:
        assert checked_path(path[1:] + "/" * slash) == paths.normal(path + "/")
    except InvalidInputError:
        assert not good
    else:
        assert good


def test_how_long_a_path_may_be() -> None:
    """The data base of the service counts without the first slash, the client with it: one character of reserve."""
    for length in (300, 499, 500, 502, 503, 600):
        assert (path_problem("/".ljust(length, "x")) == "") == owned(length), length
