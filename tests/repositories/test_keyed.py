"""Objects of lists, and defaults that are empty."""

from __future__ import annotations

from typing import Any

import pytest

from candle_spec.repositories.engine.evaluator import Evaluator
from candle_spec.repositories.engine.source import Source
from candle_spec.repositories.kinds import Kind
from candle_spec.repositories.language.parser import MappingParser
from candle_spec.repositories.transforms import TRANSFORMS
from candle_spec.repositories.transforms.transform import Context


@pytest.mark.parametrize(
    ("value", "argument", "made", "left_out"),
    [
        ([{"id": "a", "n": 1}, {"id": "b"}], "id", {"a": {"n": 1}, "b": {}}, 0),
        ([{"id": 0, "n": "x"}], ["id", "n"], {"0": "x"}, 0),
        ([{"id": "a", "n": 1}, {"id": "a", "n": 2}], ["id", "n"], {"a": 1}, 1),
        ([{"n": 1}, "text"], "id", {}, 2),
    ],
)
def test_keyed(value: Any, argument: Any, made: Any, left_out: int) -> None:
    context = Context()
    assert TRANSFORMS["keyed"].run(value, argument, context) == made
    assert [note.kind for note in context.notes] == [Kind.LEFT_OUT] * left_out


def test_an_empty_default_stands() -> None:
    shape = {"title": {"$from": "/title"}, "range": {"$from": "/range", "$default": []}, "none": {"$from": "/none"}}
    parser = MappingParser({}, {}, "")
    tree = parser.parse({"records": {"record": shape}})
    assert parser.mistakes == []
    evaluator = Evaluator(tree, Source({"title": "x"}), {}, "record")
    assert evaluator.run() == {"title": "x", "range": []}
    assert [finding.target for finding in evaluator.findings if finding.kind is Kind.DEFAULTED] == ["record:/range"]
