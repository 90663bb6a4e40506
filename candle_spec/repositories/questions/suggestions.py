"""Likely answers, each with where it is from: a training's settings, and what the surroundings say.

Settings are a file that the user names (CANDLE's ``default_model.txt``, IMPROVE's ``*_params.ini``, a log of
parameters, YAML or JSON), or what the manifest keeps of them. Of the surroundings only git, a job's own names of its
cluster and account, and ``ORCID`` are read; no file of tokens is opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from candle_spec import limits
from candle_spec import pointer as pointers
from candle_spec.canonical import loads
from candle_spec.errors import CorruptFileError, LimitExceededError, MissingPathError
from candle_spec.manifest.yaml import load_yaml
from candle_spec.readers import git, settings
from candle_spec.repositories.engine.source import Source
from candle_spec.repositories.language.forms import FORMS
from candle_spec.repositories.language.tree import CONFIG, Ask
from candle_spec.repositories.values import is_absent, plain_text
from candle_spec.repositories.vocabulary import Vocabulary

_STAGES: Final = ("Train", "DEFAULT", "Global_Params", "Global Params")
"""Sections whose settings win over those of others."""

_USUAL: Final[Mapping[str, tuple[str, ...]]] = {
    "/title": ("config:title", "config:model_name"),
    "/version": ("config:version", "tag"),
    "/model/task": ("config:task", "config:metric_type"),
    "/creators": ("person",),
    "/contact/name": ("user-name",),
    "/contact/email": ("user-email",),
    "/model/implementation/repository": ("repository",),
}
"""What suggests answers that go into the manifest proper, where a question does not say."""

_OFFERED: Final[Mapping[str, tuple[str, ...]]] = {
    "/training/epochs": ("config:epochs",),
    "/training/loss": ("config:loss",),
    "/training/seed": ("config:rng_seed", "config:seed"),
    "/training/optimizer/name": ("config:optimizer",),
    "/training/compute/site": ("site",),
    "/model/implementation/repository": ("repository",),
}
"""What is known without being asked for."""

_DATASETS: Final[Mapping[str, str]] = {
    "train_sources": "train",
    "train_data": "train",
    "val_data": "validation",
    "test_sources": "test",
    "test_data": "test",
}
"""Settings that name data, and what the data is for."""

_ACCOUNTS: Final = ("SLURM_JOB_ACCOUNT", "SBATCH_ACCOUNT", "PBS_ACCOUNT", "LSB_PROJECT_NAME")
_CLUSTERS: Final = ("SLURM_CLUSTER_NAME", "LMOD_SYSTEM_NAME", "PBS_SERVER", "LSB_CLUSTER_NAME")
_LINE: Final = 2000


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A likely answer.

    Attributes:
        value: The answer as a person would type it; where nobody is asked, the value itself.
        source: ``config`` or ``environment``, as in ``field_sources``.
        detail: Which file and key, or which fact.
    """

    value: Any
    source: str
    detail: str


@dataclass(slots=True)
class Surroundings:
    """What can suggest answers about one checkpoint.

    Args:
        folder: The folder around it, which git may know.
        config: A training's settings.
        origin: Where they are from.
    """

    folder: Path
    config: Mapping[str, Any] = field(default_factory=dict)
    origin: str = ""
    _facts: dict[str, tuple[str, str]] = field(default_factory=dict)

    def find(self, word: str) -> Suggestion | None:
        """Return what a word of ``suggest`` leads to."""
        if word.startswith(CONFIG):
            key = word.removeprefix(CONFIG)
            value = next((value for name, value in self.config.items() if name.lower() == key.lower()), None)
            return None if is_absent(value) else Suggestion(value, "config", f"{self.origin}: {key}"[:_LINE])
        if word not in self._facts:
            self._facts[word] = self._fact(word)
        value, detail = self._facts[word]
        return Suggestion(value, "environment", detail) if value else None

    def suggest(self, ask: Ask, vocabulary: Vocabulary | None = None) -> Suggestion | None:
        """Return the likely answer of a question, as it would be typed; one that its list refuses is none."""
        for word in (*ask.suggest, *_USUAL.get(ask.to, ())):
            found = self.find(word)
            if found is None:
                continue
            text = _typed(found.value)
            if vocabulary is not None:
                match, text = vocabulary.find(text)
                text = "" if match == "refused" else text
            elif ask.choices:
                text = next((choice for choice in ask.choices if choice.lower() == text.lower()), "")
            if text:
                return Suggestion(text, found.source, found.detail)
        return None

    def offered(self, source: Source) -> dict[str, Suggestion]:
        """Return what is known and stands nowhere yet, by pointer; nobody asks for it, and a person may take it."""
        found: dict[str, Suggestion] = {}
        if self.config and pointers.get(source.document, "/training/hyperparameters") is None:
            found["/training/hyperparameters"] = Suggestion(dict(self.config), "config", self.origin)
        datasets = list(_datasets(self.config))
        if datasets and pointers.get(source.document, "/training/datasets") is None:
            found["/training/datasets"] = Suggestion(datasets, "config", self.origin)
        for at, words in _OFFERED.items():
            if pointers.get(source.document, at) is not None:
                continue
            for suggestion in filter(None, map(self.find, words)):
                if _fits(at, suggestion.value):
                    found[at] = suggestion
                    break
        return found

    def _fact(self, name: str) -> tuple[str, str]:
        """Return one of ``FACTS``, and where it is from."""
        match name:
            case "user-name":
                return _first(self._git("user.name"), _variables("GIT_AUTHOR_NAME"))
            case "user-email":
                return _first(self._git("user.email"), _variables("GIT_AUTHOR_EMAIL", "EMAIL"))
            case "orcid":
                value, detail = _variables("ORCID", "ORCID_ID")
                return (value, detail) if FORMS["orcid"].fits(value) else ("", "")
            case "person":
                return self._person()
            case "repository":
                return git.web_address(self._git("remote.origin.url")[0]), "git remote origin"
            case "tag":
                return git.ask(self.folder, "describe", "--tags", "--abbrev=0").removeprefix("v"), "newest git tag"
            case "site":
                (cluster, detail), (account, _) = _variables(*_CLUSTERS), _variables(*_ACCOUNTS)
                return (f"{cluster}, account {account}" if cluster and account else cluster), detail
        return "", ""

    def _person(self) -> tuple[str, str]:
        name, detail = self._fact("user-name")
        mail, orcid = self._fact("user-email")[0], self._fact("orcid")[0]
        if not name:
            return "", ""
        text = f"{name} <{mail}>" if mail else name
        return (f"{text} {orcid}", f"{detail}, ORCID of the environment") if orcid else (text, detail)

    def _git(self, key: str) -> tuple[str, str]:
        return git.ask(self.folder, "config", "--get", key), f"git config {key}"


def _datasets(config: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield data sets by the last part of their names: folders and addresses are of one machine."""
    for key, value in config.items():
        for name in value if isinstance(value, list) else [value]:
            last = name.rstrip("/").rpartition("/")[2] if isinstance(name, str) else ""
            if key.lower() in _DATASETS and 0 < len(last) <= 200 and last.isprintable():
                yield {"name": last, "role": _DATASETS[key.lower()]}


def _first(*found: tuple[str, str]) -> tuple[str, str]:
    return next((each for each in found if each[0]), ("", ""))


def _variables(*names: str) -> tuple[str, str]:
    for name in names:
        if value := " ".join(os.environ.get(name, "").split())[:_LINE]:
            return value, f"environment variable {name}"
    return "", ""


def _typed(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f'"{text}"' if "," in text else text for text in map(plain_text, value))
    return " ".join(plain_text(value).split())


def _fits(at: str, value: Any) -> bool:
    if at.endswith(("/epochs", "/seed")):
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()


def surroundings(folder: Path, source: Source, config: Path | None = None) -> Surroundings:
    """Return what can suggest answers: a file of settings, or the manifest's own, and the surroundings.

    Raises:
        MissingPathError: There is no such file.
        CorruptFileError: It is no file of settings.
        LimitExceededError: It is too long.
    """
    if config is not None:
        return Surroundings(folder, read_settings(config), config.name)
    kept = pointers.get(source.document, "/training/hyperparameters")
    return Surroundings(folder, kept if isinstance(kept, dict) else {}, "hyperparameters of the manifest")


def read_settings(path: Path) -> dict[str, Any]:
    """Read a file of settings: INI, a Python dictionary as text, YAML, or JSON. Nothing in it is evaluated.

    Raises:
        MissingPathError: There is no such file.
        CorruptFileError: It is none of these.
        LimitExceededError: It is too long.
    """
    if not path.is_file():
        raise MissingPathError("there is no such file of settings", location=str(path))
    if path.stat().st_size > limits.SETTINGS_BYTES:
        raise LimitExceededError(f"settings of {path.stat().st_size} bytes", location=str(path))
    data = path.read_bytes()
    if path.suffix in (".yaml", ".yml", ".json"):
        lenient = path.suffix != ".json"
        value = load_yaml(data, location=str(path), lenient=True)[0] if lenient else loads(data, location=str(path))
        return dict(_members(value, str(path)))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptFileError(f"the text is not UTF-8 at byte {error.start}", location=str(path)) from error
    if text.lstrip().startswith("{"):
        return settings.literal(text, str(path))
    return dict(_members(settings.ini(text, str(path)), str(path)))


def _members(value: Any, location: str) -> Iterator[tuple[str, Any]]:
    """Yield settings: members, those of sections (a stage's own first), or the defaults of a list of options."""
    if isinstance(value, list):
        value = {row["name"]: row.get("default") for row in value if isinstance(row, dict) and "name" in row}
    if not isinstance(value, dict) or not value:
        raise CorruptFileError("it holds no settings", location=location, hint="INI, YAML, JSON or a log of parameters")
    sections = [value[name] for name in _STAGES if isinstance(value.get(name), dict)]
    if not sections and all(isinstance(inner, dict) for inner in value.values()):
        sections = list(value.values())
    seen: set[str] = set()
    for rows in sections or [value]:
        for key, inner in rows.items():
            if str(key) not in seen:
                seen.add(str(key))
                yield str(key), inner
