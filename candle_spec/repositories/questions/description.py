"""Model descriptions (``candle-model.yaml``) and site profiles: found, read, written with comments kept.

Both have the shape of the manifest. A description is true of a whole study and found upwards from the checkpoint; a
site profile holds what is true of everything that a group publishes (base path, program, access group, contact).
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from candle_spec import pointer as pointers
from candle_spec.atomic import Fs, replace_file
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.seal import refuse_other_version
from candle_spec.digests import digest_json
from candle_spec.errors import CorruptFileError, MissingPathError
from candle_spec.manifest.documents import Document, load_document
from candle_spec.manifest.schema import new_errors
from candle_spec.repositories.engine.importer import store
from candle_spec.repositories.engine.source import SOURCES, Origin, Source, merge

DESCRIPTION: Final = "candle-model.yaml"
SITE_VARIABLE: Final = "CANDLE_SPEC_SITE"
_LEVELS: Final = 64


def find_description(checkpoint: Path) -> Path | None:
    """Return the nearest description in the folders above a checkpoint."""
    folder = checkpoint.resolve()
    for parent in [folder, *folder.parents][:_LEVELS]:
        if (parent / DESCRIPTION).is_file():
            return parent / DESCRIPTION
    return None


def home(checkpoint: Path) -> Path:
    """Return where answers about a checkpoint go: its description, or a new one beside it."""
    return find_description(checkpoint) or checkpoint.resolve().parent / DESCRIPTION


def find_site() -> Path | None:
    """Return the site profile: the file that the environment names, or the user's own."""
    if named := os.environ.get(SITE_VARIABLE):
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # a batch job may have no home
    path = Path(home) / "candle-spec" / "site.yaml"
    return path if path.is_file() else None


def read(path: Path) -> Document:
    """Read a description or a site profile.

    Raises:
        MissingPathError: There is none.
        CorruptFileError: It is not YAML, or not an object.
    """
    if not path.is_file():
        raise MissingPathError("there is no such file", location=str(path))
    document = load_document(path)
    if not isinstance(document.value, dict):
        raise CorruptFileError(
            "it holds no object", location=str(path), hint="write members of the manifest, such as title:"
        )
    return document


def gather(
    manifest: Mapping[str, Any], checkpoint: Path | None, model_file: Path | None = None, site: Path | None = None
) -> Source:
    """Return what a mapping reads of a checkpoint: manifest, description, site profile.

    Raises:
        CorruptFileError: A description or profile says something that no manifest may, with file, line and column.
    """
    described = model_file or (find_description(checkpoint) if checkpoint else None)
    profile = site or find_site()
    added = [read(path) for path in (described, profile) if path is not None]
    source = merge(manifest, *added)
    _refuse_faults(source, manifest, added)
    return source


def _refuse_faults(source: Source, manifest: Mapping[str, Any], added: list[Document]) -> None:
    """A fault that the manifest alone does not have comes from what was added."""
    if not added:
        return
    for problem in new_errors(source.document, manifest):
        at = problem.location.pointer
        for document in added:
            if pointers.get(document.value, at) is not None or pointers.get(document.value, at.rpartition("/")[0]):
                line, column = document.positions.find(at)
                place = f"{document.location}:{line}:{column}"
                raise CorruptFileError(problem.message, location=place, hint=problem.hint, code=problem.code)


def described_manifest(manifest: Mapping[str, Any], source: Source) -> dict[str, Any]:
    """Return the manifest with what was added to it, each value in ``field_sources`` with its file and line."""
    made = dict(source.document)
    rows = list(manifest.get("field_sources", ()))
    stated = {row["pointer"] for row in rows}
    for at, origin in source.origins.items():
        if at not in stated:
            value = pointers.get(made, at)
            row = {"pointer": at, "source": origin.source, "detail": origin.detail, "value_digest": digest_json(value)}
            rows.append(row)
    if rows:
        made["field_sources"] = rows
    return made


def write_into_manifest(checkpoint: Checkpoint, source: Source) -> None:
    """Write into the manifest of a checkpoint what description and site profile add to it.

    Raises:
        InvalidInputError: The manifest would have faults that it has not.
        UnknownVersionError: It is of another version than this package writes.
    """
    refuse_other_version(checkpoint)
    store(checkpoint.path, checkpoint.document, described_manifest(checkpoint.document, source))


def update(
    path: Path, answers: Mapping[str, Any], origins: Mapping[str, Origin] | None = None, *, fs: Fs | None = None
) -> bytes:
    """Write answers into a description (a new one where there is none), with its comments and order kept.

    Args:
        path: The description.
        answers: Values by JSON Pointer.
        origins: Where those are from that the user did not give, by JSON Pointer.
        fs: The file system; replaced by tests.

    Returns:
        The bytes written.
    """
    data = updated(path, answers, origins)
    replace_file(path, data, fs=fs)
    return data


def updated(path: Path, answers: Mapping[str, Any], origins: Mapping[str, Origin] | None = None) -> bytes:
    """Return the description with answers in it; nothing is written."""
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    document: Any = CommentedMap()
    if path.is_file():
        read(path)  # strictly: nothing that readers differ about is rewritten
        document = yaml.load(path.read_bytes())
    for at, value in answers.items():
        pointers.put(document, at, value)
    rows = [row for row in document.get(SOURCES) or () if row.get("pointer") not in answers]
    for at, origin in (origins or {}).items():
        row = {"pointer": at, "source": origin.source, "detail": origin.detail}
        rows.append({**row, "value_digest": digest_json(answers[at])})
    if rows or SOURCES in document:
        document[SOURCES] = rows
    text = io.BytesIO()
    yaml.dump(document, text)
    return text.getvalue()
