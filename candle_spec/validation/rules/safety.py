"""L5: nothing in the checkpoint could harm whoever opens it, and nothing private is published by accident."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from candle_spec import pointer
from candle_spec.checkpoint.code_files import START, kind_of_code
from candle_spec.checkpoint.contents import code_in_words
from candle_spec.problems import Problem, Severity
from candle_spec.validation.context import Context, at
from candle_spec.validation.private_words import home_folder_in, personal_in, secrets_in

_PEOPLE: Final = re.compile(r"/(creators|contributors|contact|funding)(/|$)")
_LONGEST: Final = 10_000
_TELLING: Final = re.compile(r"[@/\\_-]|A[KS]IA|[0-9]\.[0-9]+\.[0-9]")
"""What every pattern needs: most texts of a manifest have nothing of it."""
_STATE_BYTES: Final = 16 << 20
"""How much of a state tree is looked at for private texts: what names folders stands beside few tensors."""


def pickles(context: Context) -> Iterator[Problem]:
    """A residue may hold a pickle: inert here, but restoring the native file brings it back."""
    for index, found in enumerate(pointer.get(context.manifest, "/security/inert_pickle") or []):
        if found["unknown_imports"] and any(True for _ in context.files("residue")):
            names = ", ".join(found["unknown_imports"][:3])
            problem = at(
                "CKP5001",
                f"the native file's pickle would import {names}: it is kept, inert, in the residue",
                pointer=f"/security/inert_pickle/{index}/unknown_imports",
            )
            strict = context.options.strict_safe
            yield replace(problem, severity=Severity.ERROR) if strict else problem


def code(context: Context) -> Iterator[Problem]:
    """Files that are code are declared as code, or are the model's own topology, named in the manifest."""
    declared = pointer.get(context.manifest, "/security/embedded_code") or []
    named = {entry.get("path") for entry in declared}
    for record in context.files():
        path = record["path"]
        if path in context.headers or not context.readable(path):
            continue  # safetensors, which cannot be code whatever its length field looks like; or not here
        context.count("files")
        what = _looks_like_code(context, path, record["role"])
        if what and record["role"] != "code" and not (record["role"] == "topology" and path in named):
            yield at("CKP5002", f"{path!r} is {what}, but is not declared as code", file=path)
    for index, entry in enumerate(declared):
        yield at("CKP5003", code_in_words(entry), pointer=f"/security/embedded_code/{index}")


def _looks_like_code(context: Context, path: str, role: str) -> str:
    with (context.root / path).open("rb") as file:
        return kind_of_code(path, file.read(START), packed=role != "residue")  # what a residue holds is inert


def privacy(context: Context) -> Iterator[Problem]:
    """Texts of the manifest hold no personal path, address or token, but where people are named on purpose."""
    for place, value in pointer.texts(context.words):
        if len(value) > _LONGEST or "sha256:" in value[:7] or _PEOPLE.match(place):
            continue
        if not _TELLING.search(value):
            continue
        for what in dict.fromkeys(what for _, what in (*secrets_in(value), *personal_in(value))):
            yield at("CKP5020", f"the text holds {what}", pointer=place)


def private_state(context: Context) -> Iterator[Problem]:
    """The state tree, which keeps what the native file says, may name folders of its authors, or hold a token."""
    for record in context.files("state-tree"):
        if not context.readable(record["path"]):
            continue
        with (context.root / record["path"]).open("rb") as file:
            text = file.read(_STATE_BYTES).decode("utf-8", "replace")
        found = [*home_folder_in(text), *(what for _, what in secrets_in(text))]
        for what in dict.fromkeys(found):
            yield at("CKP5020", f"the state holds {what}", file=record["path"])


RULES = (pickles, code, privacy, private_state)
