"""A template, loaded: from its compiled form in the package, or from the YAML files of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from candle_spec.errors import CandleSpecError, CorruptFileError, InvalidInputError
from candle_spec.manifest.documents import Document, load_document
from candle_spec.repositories.language import rules as rule_language
from candle_spec.repositories.language.parser import MappingParser
from candle_spec.repositories.language.terms import Mistake
from candle_spec.repositories.language.tree import MappingTree
from candle_spec.repositories.templates import inheritance
from candle_spec.repositories.templates.folder import Folder
from candle_spec.repositories.vocabulary import Vocabulary, parse

TEMPLATE: Final = "template.yaml"
MAPPING: Final = "mapping.yaml"
RULES: Final = "rules.yaml"
IMPORT: Final = "import.yaml"
EXTENSION: Final = "extension.schema.json"
VOCABULARIES: Final = "vocab/"
ALL: Final = "all"
"""Name of all forms of a template together."""

TEXT_SUFFIXES: Final = (".md", ".rst", ".txt")

DOCUMENTS: Final = {
    TEMPLATE: "template",
    MAPPING: "template/mapping",
    RULES: "template/rules",
    IMPORT: "template/mapping",
}
"""The documents of a template, and the schema of each."""


@dataclass(slots=True)
class Sources:
    """The documents of a template as values, in the form in which they are compiled.

    Attributes:
        documents: By file name; one that the template does not have is not there.
        vocabularies: By name.
        texts: By path.
        extension: The schema of its own extension.
    """

    documents: dict[str, Any] = field(default_factory=dict)
    vocabularies: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    extension: Any = None

    def to_json(self) -> dict[str, Any]:
        """The compiled form."""
        return {
            "documents": self.documents,
            "vocabularies": self.vocabularies,
            "texts": self.texts,
            "extension": self.extension,
        }


def is_text(name: str) -> bool:
    """Whether a file is a text that mappings name."""
    return name.endswith(TEXT_SUFFIXES) and name != "README.md" and not name.startswith("examples/")


def read_sources(folder: Folder) -> tuple[Sources, dict[str, Document], list[tuple[str, CandleSpecError]]]:
    """Read the files of a template.

    Returns:
        Their values; the documents with the places of their values, by file; the files that cannot be read.
    """
    sources, documents = Sources(), {}
    failed: list[tuple[str, CandleSpecError]] = []
    for name in folder.names():
        is_vocabulary = name.startswith(VOCABULARIES) and name.endswith(".yaml")
        try:
            if name in DOCUMENTS or is_vocabulary or name == EXTENSION:
                documents[name] = load_document(folder.read(name), name)
            elif is_text(name):
                sources.texts[name] = folder.read(name).decode("utf-8")
        except UnicodeDecodeError as error:
            failed.append((name, CorruptFileError(f"the text is not UTF-8 at byte {error.start}", location=name)))
        except CandleSpecError as error:
            failed.append((name, error))
    for name, document in documents.items():
        if name == EXTENSION:
            sources.extension = document.value
        elif name in DOCUMENTS:
            sources.documents[name] = document.value
        else:
            sources.vocabularies[name.removeprefix(VOCABULARIES).removesuffix(".yaml")] = document.value
    about = sources.documents.get(TEMPLATE)
    if isinstance(about, dict) and isinstance(about.get("extends"), str):
        try:
            sources = _extended(folder, about["extends"], sources)
        except CandleSpecError as error:
            failed.append((TEMPLATE, error))
    return sources, documents, failed


def _extended(folder: Folder, key: str, own: Sources) -> Sources:
    folder.base = inheritance.base_of(folder, key)
    base, _, failed = read_sources(folder.base)
    if failed or "extends" in base.documents.get(TEMPLATE, {}):
        why = failed[0][1].message if failed else "it extends another one itself"
        raise InvalidInputError(f"the template {key} cannot be extended: {why}")
    documents = {**base.documents, **own.documents}
    for name in (MAPPING, IMPORT):
        if name in base.documents and name in own.documents:
            documents[name] = inheritance.merged(base.documents[name], own.documents[name])
    if RULES in base.documents and RULES in own.documents:
        documents[RULES] = inheritance.merged_rules(base.documents[RULES], own.documents[RULES])
    vocabularies, texts = {**base.vocabularies, **own.vocabularies}, {**base.texts, **own.texts}
    return Sources(documents, vocabularies, texts, own.extension if own.extension is not None else base.extension)


@dataclass(slots=True)
class Template:
    """One template.

    Attributes:
        folder: Its files.
        about: ``template.yaml``.
        tree: Its mapping.
        vocabularies: Its vocabularies.
        rules: Its rules.
        importing: The mapping from a record to a manifest, where it has one.
        extension: The schema of its own extension.
        mistakes: What is wrong with its documents, by file.
        form: The form in which records are made; ``""`` for all outputs.
    """

    folder: Folder
    about: Mapping[str, Any]
    tree: MappingTree
    vocabularies: Mapping[str, Vocabulary]
    rules: list[rule_language.Rule]
    importing: MappingTree | None
    extension: Any
    mistakes: dict[str, list[Mistake]]
    form: str = ""

    @property
    def id(self) -> str:
        """Name of the repository."""
        return str(self.about["id"])

    @property
    def key(self) -> str:
        """Id and version: ``huggingface/1.0.0``; a form that is not the usual one stands behind the id."""
        form = f":{self.form}" if self.form and self.form != next(iter(self.forms)) else ""
        return f"{self.about['id']}{form}/{self.about['version']}"

    @property
    def forms(self) -> dict[str, list[str]]:
        """The ids of the outputs of each form, the usual form first."""
        return {form["id"]: list(form["outputs"]) for form in self.about.get("forms", ())}

    @property
    def outputs(self) -> list[Mapping[str, Any]]:
        """The documents that it makes."""
        wanted = self.forms.get(self.form)
        return [output for output in self.about["outputs"] if wanted is None or output["id"] in wanted]

    def in_form(self, form: str = "") -> Template:
        """Return the template for one form, by default the usual one; ``all`` is every one.

        Raises:
            InvalidInputError: It has no such form.
        """
        forms = self.forms
        if form not in ("", ALL, *forms):
            known = ", ".join((*forms, ALL)) if forms else "it has one form only"
            raise InvalidInputError(f"{self.id} has no form {form!r}", hint=known)
        return replace(self, form="" if form == ALL else form or next(iter(forms), ""))

    @property
    def extension_uri(self) -> str:
        """URI of its own extension, ``""`` where it has none."""
        return str(self.extension["$id"]) if isinstance(self.extension, dict) and "$id" in self.extension else ""


def build(folder: Folder, sources: Sources) -> Template:
    """Make a template of its documents, which fit their schemas; mistakes beyond are collected."""
    uri = str(sources.extension.get("$id", "")) if isinstance(sources.extension, dict) else ""
    vocabularies = {name: parse(name, document) for name, document in sources.vocabularies.items()}
    mistakes: dict[str, list[Mistake]] = {}

    def mapping(name: str, own: str) -> MappingTree:
        parser = MappingParser(vocabularies, sources.texts, own)
        tree = parser.parse(sources.documents.get(name) or {})
        mistakes[name] = parser.mistakes
        return tree

    tree = mapping(MAPPING, uri)
    rules, mistakes[RULES] = rule_language.parse(sources.documents.get(RULES) or {})
    importing = mapping(IMPORT, "") if IMPORT in sources.documents else None
    about = sources.documents.get(TEMPLATE) or {}
    return Template(folder, about, tree, vocabularies, rules, importing, sources.extension, mistakes)
