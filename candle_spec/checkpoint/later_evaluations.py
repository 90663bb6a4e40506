"""Evaluations that are added after the manifest was sealed: ``evaluations/<n>.json`` beside it.

They are not listed, so that neither seal nor signature of the manifest speaks of them: each names the model that it is
about, has its own digest, and may have its own signature, ``evaluations/<n>.sig``.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from candle_spec.atomic import Fs, private_name, recover, write_errors
from candle_spec.canonical import load_file, pretty
from candle_spec.checkpoint.layout import EVALUATIONS
from candle_spec.checkpoint.manifest_builder import now, timestamp
from candle_spec.digests import digest_json
from candle_spec.errors import CorruptFileError, InvalidInputError
from candle_spec.manifest import CURRENT, check, schema_id
from candle_spec.problems import Severity

SCHEMA: Final = "evaluation"

_NAME: Final = re.compile(r"(0|[1-9][0-9]{0,8})\.json")
_SIGNED: Final = re.compile(r"(0|[1-9][0-9]{0,8})\.(json|sig)")

_NO_LINKS: Final = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK)
"""Errors by which a file system says that it has no hard links, or no more of them."""


@dataclass(frozen=True, slots=True)
class LaterEvaluation:
    """One document of later evaluations.

    Attributes:
        path: Where it is.
        document: What it says.
    """

    path: Path
    document: dict[str, Any]


def evaluation_files(root: Path, listed: Iterable[str] = ()) -> list[Path]:
    """Return the documents of later evaluations of the checkpoint at ``root``, in the order of their numbers.

    Links are none, and neither is what the manifest lists.
    """
    folder = root / EVALUATIONS
    if folder.is_symlink() or not folder.is_dir():
        return []
    known = set(listed)
    found = [
        entry
        for entry in folder.iterdir()
        if _NAME.fullmatch(entry.name) and f"{EVALUATIONS}/{entry.name}" not in known
    ]
    return sorted((entry for entry in found if entry.is_file() and not entry.is_symlink()), key=_number)


def later_files(root: Path, listed: Iterable[str]) -> list[str]:
    """Return the paths of later evaluations and of their signatures: what goes along where a checkpoint goes."""
    found: list[str] = []
    for path in evaluation_files(root, listed):
        signature = path.with_suffix(".sig")
        found.append(f"{EVALUATIONS}/{path.name}")
        if signature.is_file() and not signature.is_symlink():
            found.append(f"{EVALUATIONS}/{signature.name}")
    return found


def _number(path: Path) -> int:
    return int(path.stem)


def read_evaluation(path: Path, content_digest: str) -> LaterEvaluation:
    """Return one document of later evaluations.

    Args:
        path: Where it is.
        content_digest: That of the model beside which it lies.

    Raises:
        CorruptFileError: It is no document of its schema (``CKP4040``), was changed (``CKP4041``), or is about another
            model (``CKP4042``).
    """
    document = load_file(path)
    for fault in check(document, schema=SCHEMA):
        if fault.severity is Severity.ERROR:
            message = f"it is no later evaluation: {fault.location.pointer}: {fault.message}"
            raise CorruptFileError(message, location=str(path), code="CKP4040")
    if document["digest"] != own_digest(document):
        raise CorruptFileError("it was changed after it was written", location=str(path), code="CKP4041")
    if document["content_digest"] != content_digest:
        raise CorruptFileError("it is about another model", location=str(path), code="CKP4042")
    return LaterEvaluation(path, document)


def own_digest(document: Mapping[str, Any]) -> str:
    """Return the digest of a document of later evaluations without its member ``digest``."""
    return digest_json({key: value for key, value in document.items() if key != "digest"})


def new_document(
    content_digest: str,
    evaluations: Sequence[Mapping[str, Any]],
    *,
    creators: Sequence[Mapping[str, Any]] = (),
    description: str = "",
) -> dict[str, Any]:
    """Return a document of later evaluations.

    Args:
        content_digest: That of the model that was measured.
        evaluations: Measured values, as in the manifest.
        creators: Who measured, as in the manifest.
        description: How.

    Raises:
        InvalidInputError: A value is none of the schema.
    """
    document: dict[str, Any] = {
        "$schema": schema_id(SCHEMA),
        "schema_version": CURRENT,
        "content_digest": content_digest,
        "created": timestamp(now()),
    }
    if creators:
        document["creators"] = [dict(person) for person in creators]
    if description:
        document["description"] = description
    document["evaluations"] = [dict(row) for row in evaluations]
    document["digest"] = own_digest(document)
    for fault in check(document, schema=SCHEMA):
        if fault.severity is Severity.ERROR:
            message = f"this is no evaluation: {fault.message}"
            hint = "candle-spec schema show evaluation"
            raise InvalidInputError(message, location=fault.location.pointer, hint=hint, code=fault.code)
    return document


def add_document(root: Path, document: Mapping[str, Any], listed: Iterable[str] = (), *, fs: Fs | None = None) -> Path:
    """Write a document under the next number, durably; none that is there is replaced, and nothing else is touched.

    Args:
        root: The folder of the checkpoint.
        document: The document.
        listed: Paths that the manifest lists, which are no later evaluations.
        fs: The file system; replaced by tests.

    Raises:
        WriteFailedError: The system refused.
        InvalidInputError: ``evaluations`` is a link, or no folder.
    """
    fs = fs or Fs()
    folder = root / EVALUATIONS
    with write_errors(folder):
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise InvalidInputError(f"{EVALUATIONS} is no folder", location=str(folder))
        if not folder.exists():
            fs.make_folder(folder)
            fs.sync_folder(root)
        while True:
            target = folder / f"{_next(folder, listed)}.json"
            if _written(fs, target, pretty(dict(document))):
                return target


def _next(folder: Path, listed: Iterable[str]) -> int:
    """Return the number after the last one that a document or a signature has."""
    names = [entry.name for entry in folder.iterdir()]
    names += [path.removeprefix(f"{EVALUATIONS}/") for path in listed if path.startswith(f"{EVALUATIONS}/")]
    return max((int(name.partition(".")[0]) for name in names if _SIGNED.fullmatch(name)), default=-1) + 1


def _written(fs: Fs, target: Path, data: bytes) -> bool:
    """Write a new file whole, or find that another process was faster."""
    recover(target, fs)
    private = private_name(target)
    try:
        with fs.open_new(private) as file:
            fs.write(file, data)
            fs.sync_file(file)
        try:
            _name(fs, private, target)
        except FileExistsError:
            return False
        fs.sync_folder(target.parent)
    finally:
        if private.exists():
            fs.remove_file(private)
    return True


def _name(fs: Fs, private: Path, target: Path) -> None:
    """Give a file its name by a link, which takes no other's; where there are none, by a rename to a free name."""
    try:
        fs.link(private, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if target.exists():
            raise FileExistsError(errno.EEXIST, "it exists", str(target)) from error
        fs.rename(private, target)
