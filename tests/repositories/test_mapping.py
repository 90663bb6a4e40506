"""The mapping language, instruction by instruction, and that every mapping ends well whatever it reads."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from candle_spec.errors import CandleSpecError
from candle_spec.repositories.engine.broken_rules import broken
from candle_spec.repositories.engine.evaluator import Evaluator
from candle_spec.repositories.engine.mapper import map_source, write_documents
from candle_spec.repositories.engine.record import Finding
from candle_spec.repositories.engine.source import Source, merge
from candle_spec.repositories.language import rules
from candle_spec.repositories.language.parser import MappingParser
from candle_spec.repositories.vocabulary import Vocabulary
from tests.helpers import templates

SOURCE = {
    "name": "net",
    "creators": [{"name": "Ada L", "orcid": "1"}, {"name": "Bob", "email": "b@c.de"}, {"name": "Ada L", "orcid": "1"}],
    "license": {"weights": "MIT"},
    "empty": "",
    "count": 0,
    "flag": False,
}
POOL = {"nodes": {"graph": {"into": "/graph", "id": "id", "ref": "id"}}}
KINDS = {"kinds": Vocabulary("kinds", "closed", {"a": ("alpha",)})}


def evaluate(shape: Any, **head: Any) -> tuple[Any, list[Finding]]:
    parser = MappingParser(KINDS, {"body.md": "# {{ /name }}\n"})
    tree = parser.parse({"records": {"r": shape}, **head})
    assert parser.mistakes == []
    evaluator = Evaluator(tree, Source(dict(SOURCE)), KINDS, "r")
    return evaluator.run(), evaluator.findings


@pytest.mark.parametrize(
    ("shape", "result"),
    [
        ({"a": "x", "b": 1, "c": True}, {"a": "x", "b": 1, "c": True}),
        ({"a": {"$from": "/name"}}, {"a": "net"}),
        ({"a": {"$from": ["/title", "/name"]}}, {"a": "net"}),
        ({"a": {"$from": "/count"}, "b": {"$from": "/flag"}}, {"a": 0, "b": False}),
        ({"a": {"$from": "/empty"}, "b": 1}, None),  # only constants are left
        ({"a": {"$from": "/empty"}, "b": 1, "$keep": True}, {"b": 1}),
        ({"a": {"$from": "/title", "$default": "?"}}, {"a": "?"}),
        ({"a": {"$const": {"free": [1]}}}, {"a": {"free": [1]}}),
        ({"$$schema": "x", "a": {"$from": "/name"}}, {"$schema": "x", "a": "net"}),
        ({"a": {"$from": "/creators/*/name", "$use": ["unique"]}}, {"a": ["Ada L", "Bob"]}),
        ({"a": {"$each": "/creators", "n": {"$from": "item:/email"}}}, {"a": [{"n": "b@c.de"}]}),
        ({"a": {"$each": "/creators", "$as": "p", "$when": "p:/email", "$from": "p:/name"}}, {"a": ["Bob"]}),
        ({"a": {"$each": "/license", "$from": "item:/weights"}}, {"a": ["MIT"]}),  # what is no list is its only item
        (
            {"a": ["x", {"$from": "/creators/*/orcid"}, {"$each": "/creators", "$from": "item:/email"}]},
            {"a": ["x", "1", "1", "b@c.de"]},
        ),
        ({"a": {"$text": "{{ /name }}-{{ /title }}"}, "b": {"$from": "/name"}}, {"b": "net"}),
        ({"a": {"$text": "{{ if /title }}t{{ else }}{{ /name | upper }}{{ end }}"}}, {"a": "NET"}),
        ({"a": {"$text": "{{ if not /title }}none{{ end }}"}}, {"a": "none"}),
        ({"a": {"$text": "{{ each /creators as p }}{{ p:/name }};{{ end }}"}}, {"a": "Ada L;Bob;Ada L;"}),
        ({"a": {"$text": "x\n{{ if /name }}\ny\n{{ end }}\nz"}}, {"a": "x\ny\nz"}),
        ({"a": {"$text": '{{ /creators/*/name | unique | join: " & " }}'}}, {"a": "Ada L & Bob"}),
        ({"a": {"$text_file": "body.md"}}, {"a": "# net\n"}),
        ({"a": {"$from": "/name", "$when": {"equals": ["/license/weights", "MIT"]}}}, {"a": "net"}),
        (
            {"a": {"$from": "/name", "$when": {"not": {"in": ["/name", ["net"]]}}}, "b": {"$from": "/name"}},
            {"b": "net"},
        ),
        ({"a": {"$list": ["b", {"$from": "/name"}], "$use": [{"join": "+"}]}}, {"a": "b+net"}),
        ({"a": {"$use": [{"entries": ["k", "v"]}], "x": {"$from": "/count"}}}, {"a": [{"k": "x", "v": "0"}]}),
    ],
)
def test_instructions(shape: Any, result: Any) -> None:
    assert evaluate(shape)[0] == result


def test_nodes_are_emitted_once_and_cited() -> None:
    shape = {
        "graph": [{"id": "root"}],
        "by": {
            "$each": "/creators",
            "$as": "p",
            "$node": {"id": "#{{ p:/name | slug }}"},
            "name": {"$from": "p:/name"},
        },
        "again": {"$ref": {"id": "#bob"}},
    }
    document, findings = evaluate(shape, **POOL)
    assert document["by"] == [{"id": "#ada-l"}, {"id": "#bob"}, {"id": "#ada-l"}]
    assert document["again"] == {"id": "#bob"}
    assert document["graph"] == [{"id": "root"}, {"id": "#ada-l", "name": "Ada L"}, {"id": "#bob", "name": "Bob"}]
    assert [finding for finding in findings if finding.kind.value == "invalid"] == []


def test_citing_a_node_that_is_not_there_is_invalid() -> None:
    shape = {"graph": [{"id": "root"}], "who": {"$ref": {"id": "#{{ /name }}"}}}
    _, findings = evaluate(shape, **POOL)
    messages = [finding.message for finding in findings if finding.kind.value == "invalid"]
    assert messages == ["it cites '#net', which is not in the record"]


def test_levels_and_questions() -> None:
    ask = {"question": "Title?"}
    shape = {
        "a": {"$from": "/title", "$level": "must", "$ask": ask},
        "b": {"$from": "/subtitle", "$level": "should"},
        "c": {"$level": "may", "d": {"$from": "/nothing", "$level": "must"}},
        "e": {"f": {"$from": "/nothing", "$level": "must"}},
        "g": {"$from": "/name"},
    }
    _, findings = evaluate(shape)
    missing = {finding.target: finding.kind.value for finding in findings if finding.kind.value.startswith("missing")}
    assert missing == {"r:/a": "missing-mandatory", "r:/b": "missing-recommended", "r:/e/f": "missing-mandatory"}
    (asked,) = [finding.ask for finding in findings if finding.ask]
    assert asked.to == "/title"


def test_a_value_that_a_closed_list_refuses_is_invalid_where_it_must_be_there() -> None:
    _, findings = evaluate(
        {"a": {"$from": "/name", "$use": [{"vocabulary": "kinds"}], "$level": "must"}, "b": {"$from": "/name"}}
    )
    assert [f.message for f in findings if f.kind.value == "invalid"] == ["'net' is not in kinds"]


def test_what_nothing_reads_has_no_place() -> None:
    source = merge({"name": "x", "title": "y", "model": {"task": "t", "domain": "d"}})
    source.read |= {"/name", "/model/task"}
    assert sorted(source.unread()) == ["/model/domain", "/title"]


def nested_condition(depth: int) -> Any:
    condition: Any = "/name"
    for _ in range(depth):
        condition = {"not": condition}
    return condition


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("key", templates.KEYS)
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.slow
def test_whatever_a_manifest_holds_a_mapping_ends_well(key: str, data: st.DataObject) -> None:
    """Random values in the places that the template reads: a record, or one of our errors."""
    manifest = templates.manifest(key)
    for member in data.draw(st.lists(st.sampled_from(sorted(manifest)), max_size=4)):
        if member != "schema_version":
            inner = manifest[member]
            if isinstance(inner, dict) and inner and data.draw(st.booleans()):
                inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(JSON)
            elif isinstance(inner, list) and inner and data.draw(st.booleans()):
                inner[0] = data.draw(JSON)
            else:
                manifest[member] = data.draw(JSON)
    with contextlib.suppress(CandleSpecError):
        write_documents(templates.load(key), map_source(templates.load(key), merge(manifest)))


def test_nested_loops_are_bounded() -> None:
    source = Source({"files": [{"path": "x" * 100}] * 400})
    nested = (
        "{{ each /files as a }}{{ each /files as b }}{{ each /files as c }}{{ c:/path }}{{ end }}{{ end }}{{ end }}"
    )
    tree = MappingParser({}, {}).parse({"records": {"r": {"a": {"$text": nested}}}})
    with pytest.raises(CandleSpecError, match="reads and makes more than"):
        Evaluator(tree, source, {}, "r").run()


@pytest.mark.parametrize(
    "shape",
    [
        {"a": {"$text": "{{ if /name }}" * 5000}},
        {"a": {"$text": "{{ each /creators as x }}" * 500 + "{{ end }}" * 500}},
        {"a": {"$from": "/name", "$when": nested_condition(200)}},
    ],
    ids=["if", "each", "when"],
)
def test_depth_is_bounded(shape: Any) -> None:
    parser = MappingParser({}, {})
    parser.parse({"records": {"r": shape}})
    assert any("nested more than 20 deep" in mistake.message for mistake in parser.mistakes)


@pytest.mark.slow
def test_rules_are_bounded() -> None:
    rule = {"id": "r", "level": "must", "record": "r", "each": "/n", "message": "m",
            "assert": {"every": {"of": "/n", "as": "x", "that": {"at_least": ["x:", 0]}}}}  # fmt: skip
    parsed, mistakes = rules.parse({"rules": [rule]})
    assert mistakes == []
    assert list(broken(parsed, {"r": {"n": [1] * 10}})) == []
    with pytest.raises(CandleSpecError, match="look at more than"):
        list(broken(parsed, {"r": {"n": [1] * 2000}}))


def test_half_of_a_surrogate_pair_is_refused_with_its_place() -> None:
    with pytest.raises(CandleSpecError, match="/title: the text is not Unicode"):
        merge({"name": "x", "title": "a\ud83d"})
