"""All templates that were found, loaded when they are asked for: the compiled form, or the files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from candle_spec.errors import CorruptFileError
from candle_spec.repositories.templates import inheritance
from candle_spec.repositories.templates.document_checks import check_documents
from candle_spec.repositories.templates.folder import Folder
from candle_spec.repositories.templates.template import TEMPLATE, Sources, Template, build, read_sources


def load(folder: Folder) -> Template:
    """Load a template that is known to be sound: the compiled form, or the files.

    Raises:
        CorruptFileError: A file cannot be read, or breaks its rules; ``candle-spec template test`` says all.
    """
    compiled = folder.compiled()
    if compiled is not None:
        sources = Sources(**compiled)
        if extended := sources.documents[TEMPLATE].get("extends"):
            folder.base = inheritance.base_of(folder, extended)
        return build(folder, sources)
    sources, documents, failed = read_sources(folder)
    problems = check_documents(folder, sources, documents, failed)
    if problems:
        first = problems[0]
        place = f"{folder.label}/{first.location.file}:{first.location.line}:{first.location.column}"
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise CorruptFileError(
            f"{first.message}{more}", location=place, hint=f"candle-spec template test {folder.label}", code=first.code
        )
    return build(folder, sources)


class Library:
    """All templates that are found, loaded when asked for.

    Args:
        folders: The folders by ``<id>/<version>``, from :mod:`candle_spec.repositories.templates.search`.
    """

    def __init__(self, folders: Mapping[str, Folder]) -> None:
        self._folders = dict(folders)
        self._loaded: dict[str, Template] = {}

    @cached_property
    def keys(self) -> list[str]:
        """All keys, sorted."""
        return sorted(self._folders)

    def get(self, key: str) -> Template:
        """Return one template by its key."""
        if key not in self._loaded:
            self._loaded[key] = load(self._folders[key])
        return self._loaded[key]
