"""Transforms of lists and objects."""

from __future__ import annotations

import json
from typing import Any, Final

from candle_spec import pointer as pointers
from candle_spec.repositories.kinds import Kind
from candle_spec.repositories.transforms.transform import Context, Transform, items
from candle_spec.repositories.values import is_absent, plain_text


def _flatten(value: Any, _: Any, __: Context) -> Any:
    flat: list[Any] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(reversed(item))
        elif not is_absent(item):
            flat.append(item)
    return flat


def _unique(value: Any, _: Any, __: Context) -> Any:
    """Each item once, in the order of the first."""
    return list({json.dumps(item, sort_keys=True): item for item in items(value)}.values())


def _where(value: Any, argument: Any, _: Context) -> Any:
    """Keep the items whose members are as given; a list of values means one of them."""

    def fits(item: Any) -> bool:
        wanted = argument.items()
        return all(pointers.get(item, at) in (want if isinstance(want, list) else [want]) for at, want in wanted)

    return [item for item in items(value) if fits(item)]


def _split(value: Any, argument: Any, _: Context) -> Any:
    return [part for each in plain_text(value).split(argument or ",") if (part := each.strip())]


def _keyed(value: Any, argument: Any, context: Context) -> Any:
    """A list of objects as one object: a member of each is its name, another one (or all others) what stands there."""
    name, inner = argument if isinstance(argument, list) else (argument, "")
    made: dict[str, Any] = {}
    for item in items(value):
        if not isinstance(item, dict) or is_absent(item.get(name)):
            context.note(Kind.LEFT_OUT, f"an item without {name!r}, which would be its name")
            continue
        key = plain_text(item[name])
        if key in made:
            context.note(Kind.LEFT_OUT, f"a second item named {key!r}")
            continue
        made[key] = item.get(inner) if inner else {other: each for other, each in item.items() if other != name}
    return made


def _entries(value: Any, argument: Any, _: Context) -> Any:
    name, text = argument or ("attribute", "value")
    return [{name: key, text: plain_text(inner)} for key, inner in value.items()] if isinstance(value, dict) else value


TRANSFORMS: Final = (
    Transform(
        "join",
        lambda v, a, _: (a or ", ").join(plain_text(i) for i in items(v) if not is_absent(i)),
        ("none", "text"),
        "Joins a list to one text, by default with a comma.",
        (["a", "b"], " / ", "a / b"),
    ),
    Transform(
        "split",
        _split,
        ("none", "text"),
        "Splits a text at each comma (or the text given).",
        ("a, b", None, ["a", "b"]),
    ),
    Transform(
        "first",
        lambda v, *_: items(v)[0] if items(v) else None,
        ("none",),
        "Takes the first item of a list.",
        ([1, 2], None, 1),
    ),
    Transform(
        "flatten",
        _flatten,
        ("none",),
        "Makes one list of lists in lists, without what is empty.",
        ([[1], [[2]]], None, [1, 2]),
    ),
    Transform("unique", _unique, ("none",), "Leaves out what is in the list already.", ([1, 1, 2], None, [1, 2])),
    Transform(
        "where",
        _where,
        ("members",),
        "Keeps the items whose members (by pointer) have the values given.",
        ([{"r": 1}, {"r": 2}], {"/r": 2}, [{"r": 2}]),
    ),
    Transform(
        "member",
        lambda v, a, _: pointers.get(v, a),
        ("pointer",),
        "Takes the value at a pointer in it.",
        ({"a": {"b": 1}}, "/a/b", 1),
    ),
    Transform("count", lambda v, *_: len(items(v)), ("none",), "Counts the items.", ([5, 6], None, 2)),
    Transform(
        "keyed",
        _keyed,
        ("text", "pair"),
        "Makes an object of a list of objects: by a member of each; with two, the second is the value.",
        ([{"id": "a", "n": 1}], "id", {"a": {"n": 1}}),
    ),
    Transform(
        "entries",
        _entries,
        ("none", "pair"),
        "Makes a list of attribute and value (or the two members named) of an object; every value becomes a text.",
        ({"a": 1}, None, [{"attribute": "a", "value": "1"}]),
    ),
)
