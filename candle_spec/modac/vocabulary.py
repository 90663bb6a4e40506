"""Which values an attribute may have, as far as it is known: closed, observed, or unknown. None is guessed.

``closed`` comes from rules or from a refusal of the service that names them; ``observed`` are values in use, with their
count and date. Only a closed list blocks a value.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from candle_spec.atomic import Fs, replace_file, write_errors
from candle_spec.canonical import loads, pretty
from candle_spec.errors import CorruptFileError
from candle_spec.modac import rules as rule_sets
from candle_spec.modac.metadata import offered_values
from candle_spec.modac.rules import Rules
from candle_spec.repositories.templates import search
from candle_spec.repositories.templates.library import Library

if TYPE_CHECKING:
    from candle_spec.modac.client import Client

State = Literal["closed", "observed", "unknown"]

NAMES: Final = {
    "domain": "domains",
    "framework": "frameworks",
    "model_platform": "platforms",
    "access_group": "access-groups",
    "asset_type": "asset-types",
}
"""Attributes that have a vocabulary in the template of MoDaC, with its name there."""

WATCHED: Final = ("domain", "framework", "model_platform", "platform_version", "access_group")
"""Attributes of model assets whose values are counted."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The values of one attribute: what is known, from where, and when."""

    state: State = "unknown"
    values: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    source: str = ""
    date: str = ""


@cache
def packaged(attribute: str) -> Vocabulary:
    """Return what the packaged template knows of an attribute's values."""
    if attribute not in NAMES:
        return Vocabulary()
    known = search.choose(Library(search.packaged_folders()), "modac").vocabularies[NAMES[attribute]]
    return Vocabulary(known.status, tuple(known.terms), source="the packaged template")


class Knowledge:
    """What is known of one service: its rules and its vocabularies, in the folder of its state."""

    def __init__(self, place: Path, fs: Fs | None = None) -> None:
        self._vocabulary = place / "vocabulary.json"
        self._rules = place / "rules.json"
        self._fs = fs

    def rules(self) -> Rules:
        """Return the rules that were imported, else the packaged ones, with what refusals taught."""
        base = rule_sets.starter()
        if self._rules.is_file():
            base = rule_sets.parse(
                loads(self._rules.read_bytes(), location=str(self._rules)), location=str(self._rules)
            )
        learnt = {name: one.values for name, one in self._read().items() if one.state == "closed"}
        return base.with_values(learnt)

    def import_rules(self, path: Path) -> Rules:
        """Take over rules: of DME, or the page of MoDaC saved from a browser.

        Raises:
            CorruptFileError: It is neither.
        """
        found = rule_sets.parse(loads(path.read_bytes(), location=str(path)), location=str(path))
        self._write(self._rules, rule_sets.dump(found))
        return found

    def vocabulary(self, attribute: str) -> Vocabulary:
        """Return what is known of an attribute's values."""
        closed = self.rules().closed()
        stored = self._read().get(attribute)
        if attribute in closed:
            source = stored.source if stored and stored.state == "closed" else "rules"
            return Vocabulary("closed", closed[attribute], source=source, date=stored.date if stored else "")
        return stored or packaged(attribute)

    def learn(self, message: str, now: float) -> tuple[str, Vocabulary] | None:
        """Keep the values that a refusal names; returns the attribute with them."""
        offered = offered_values(message)
        if offered is None or not offered[2]:
            return None
        found = Vocabulary("closed", offered[2], source="a refusal of the service", date=_date(now))
        self._write(self._vocabulary, {**self._plain(), offered[0]: asdict(found)})
        return offered[0], found

    def observe(self, client: Client, now: float, attributes: Iterable[str] = WATCHED) -> dict[str, Vocabulary]:
        """Count the values in use among the model assets that may be read; what is closed stays closed."""
        query = {
            "operator": "AND",
            "queries": [{"attribute": "asset_type", "value": "Model", "operator": "EQUAL"}],
        }
        counted: dict[str, Counter[str]] = {name: Counter() for name in attributes}
        for hit in client.query(query):
            for name, counter in counted.items():
                if hit.metadata.get(name):
                    counter[hit.metadata[name]] += 1
        stored = self._read()
        found = {
            name: Vocabulary("observed", tuple(sorted(counter)), dict(counter), client.settings.host, _date(now))
            for name, counter in counted.items()
            if counter and stored.get(name, Vocabulary()).state != "closed"
        }
        self._write(self._vocabulary, {**self._plain(), **{name: asdict(one) for name, one in found.items()}})
        return found

    def _read(self) -> dict[str, Vocabulary]:
        try:
            return {
                name: Vocabulary(one["state"], tuple(one["values"]), dict(one["counts"]), one["source"], one["date"])
                for name, one in self._plain().items()
            }
        except (KeyError, TypeError, AttributeError) as error:
            raise CorruptFileError("this is no list of vocabularies", location=str(self._vocabulary)) from error

    def _plain(self) -> dict[str, Any]:
        if not self._vocabulary.is_file():
            return {}
        document: dict[str, Any] = loads(self._vocabulary.read_bytes(), location=str(self._vocabulary))
        return document

    def _write(self, path: Path, document: Mapping[str, Any]) -> None:
        with write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(path, pretty(json.loads(json.dumps(document))), fs=self._fs)


def _date(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
