"""Fetch what was published at Hugging Face or Zenodo back into a validated checkpoint, or a series of them.

Only the files that a manifest lists are fetched, each streamed to a private name with a bound on its size, resumed
where it broke off, and held against the service's checksum and the manifest's digest.

Endpoints: https://huggingface.co/docs/hub/api (revision, tree, refs, resolve) and https://developers.zenodo.org/
(records, deposit files; the content of a file at ``/api/records/<n>[/draft]/files/<name>/content``). Large files of
Hugging Face lie at another host, to which it redirects; the token does not go there. Those that it keeps by Xet come
over the same address for readers that do not know Xet.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import InvalidInputError, MissingPathError, ServiceError
from candle_spec.publish.published import Part
from candle_spec.remote.checks import HashCheck
from candle_spec.remote.incoming import Incoming
from candle_spec.remote.json_api import JsonApi
from candle_spec.remote.names import flat_names, marked_name
from candle_spec.series.outline import EPOCHS

EPOCH_TAG: Final = "epoch-"
"""Before the number of an epoch in the name of a tag at Hugging Face."""

_EPOCH: Final = re.compile(rf"{EPOCH_TAG}([0-9]{{1,9}})")
_FLAT_EPOCH: Final = re.compile(rf"{EPOCHS}__([0-9]{{1,9}})__{re.escape(MANIFEST)}")
_ZENODO: Final = re.compile(r"(?:10\.[0-9]{4,9}/zenodo\.)?([0-9]{1,15})")
_POINTER_BYTES: Final = 64
_HEX: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Published:
    """What there is to fetch: checkpoints, and what ``best`` and ``last`` of a series name."""

    parts: tuple[Part, ...]
    pointers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Stored:
    """A file at a service: its address, size and checksum."""

    path: str
    size: int
    algorithm: str
    checksum: str

    def check(self) -> HashCheck:
        state = hashlib.new(self.algorithm.removesuffix("-blob"), usedforsecurity=False)
        if self.algorithm.endswith("-blob"):
            state.update(f"blob {self.size}\0".encode())  # https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
        return HashCheck(state, self.checksum)


def _incoming(api: JsonApi, files: Mapping[str, _Stored], name: str) -> Incoming:
    stored = files[name]
    location = f"{api.host}: {name}"

    def opened(start: int) -> Any:
        return api.content(stored.path, start, location)

    return Incoming(location, stored.size, stored.check, opened, api.http.patience.attempts, api.http.wait)


# Hugging Face


def hugging_face(api: JsonApi, repository: str, revision: str = "main", *, series: bool = False) -> Published:
    """Return the checkpoint of a repository at a revision, or all its tagged epochs.

    Args:
        api: Hugging Face.
        repository: ``owner/name``.
        revision: A branch, a tag or a commit.
        series: Fetch the checkpoints of all tags ``epoch-<number>``.

    Raises:
        MissingPathError: There is no such repository or revision, or it has no epochs.
        ServiceError: It answers in a shape that is not known.
    """
    if not series:
        return Published((_at(api, repository, _commit(api, repository, revision), ""),), {})
    tags = _tags(api, repository)
    epochs = {match[1]: commit for name, commit in sorted(tags.items()) if (match := _EPOCH.fullmatch(name))}
    if not epochs:
        raise MissingPathError(
            f"the repository has no tag {EPOCH_TAG}<number>: it holds no series",
            location=f"{api.host}: {repository}",
            hint="fetch it without --series",
        )
    parts = tuple(_at(api, repository, commit, f"{EPOCHS}/{number}/") for number, commit in epochs.items())
    named = {commit: f"{EPOCHS}/{number}" for number, commit in epochs.items()}
    return Published(parts, {name: named[tags[name]] for name in ("best", "last") if tags.get(name) in named})


def _commit(api: JsonApi, repository: str, revision: str) -> str:
    found = api.json("GET", f"/api/models/{repository}/revision/{quote(revision, safe='')}", missing_ok=True)
    if found is None:
        raise MissingPathError("there is no such repository or revision", location=f"{repository}@{revision}")
    return _sha(found.get("sha") if isinstance(found, dict) else None)


def _sha(value: Any) -> str:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise ServiceError("the service named a commit in a shape that is not known")
    return value


def _tags(api: JsonApi, repository: str) -> dict[str, str]:
    found = api.json("GET", f"/api/models/{repository}/refs", missing_ok=True)
    if found is None:
        raise MissingPathError("there is no such repository", location=f"{api.host}: {repository}")
    try:
        return {str(row["name"]): _sha(row["targetCommit"]) for row in found["tags"]}
    except (KeyError, TypeError) as error:
        raise ServiceError("the service listed its tags in a shape that is not known") from error


def _at(api: JsonApi, repository: str, commit: str, prefix: str) -> Part:
    """Return the checkpoint at one commit."""
    files: dict[str, _Stored] = {}
    for rows in api.pages(f"/api/models/{repository}/tree/{commit}?recursive=true"):
        try:
            files |= {row["path"]: _of_hub(repository, commit, row) for row in rows if row["type"] == "file"}
        except (KeyError, TypeError, ValueError) as error:
            raise ServiceError("the service listed its files in a shape that is not known") from error
    found = {path: path for path in files}
    return Part(prefix, f"{api.host}: {repository}@{commit[:12]}", found.get, partial(_incoming, api, files))


def _of_hub(repository: str, commit: str, row: Mapping[str, Any]) -> _Stored:
    path = f"/{repository}/resolve/{commit}/{quote(str(row['path']))}"
    if "lfs" in row:
        return _Stored(path, int(row["lfs"]["size"]), "sha256", str(row["lfs"]["oid"]))
    return _Stored(path, int(row["size"]), "sha1-blob", str(row["oid"]))


# Zenodo


def zenodo_number(text: str) -> str:
    """Return the number of a record from a number or a DOI.

    Raises:
        InvalidInputError: It is neither.
    """
    match = _ZENODO.fullmatch(text)
    if match is None:
        raise InvalidInputError(f"{text!r} is no record of Zenodo", hint="such as zenodo:1234567")
    return match[1]


def zenodo(api: JsonApi, number: str) -> Published:
    """Return the checkpoint, or the series, of a record; or of the user's own draft, where it is none yet.

    Raises:
        MissingPathError: There is no such record, or it holds no checkpoint.
        ServiceError: It answers in a shape that is not known.
    """
    files = _record(api, number)
    parts = tuple(_parts(api, number, files))
    if not parts:
        raise MissingPathError(f"the record holds no {MANIFEST}", location=f"{api.host}: {number}")
    series = any(part.prefix for part in parts)
    return Published(parts, {name: _pointer(api, files, name) for name in ("best", "last")} if series else {})


def _record(api: JsonApi, number: str) -> dict[str, _Stored]:
    """Return the files of a record by name; draft files where there is no record and a token is given."""
    found = api.json("GET", f"/api/records/{number}", missing_ok=True)
    if found is None and not api.known:
        raise MissingPathError(
            "there is no such record", location=f"{api.host}: {number}", hint="a draft needs its owner's token"
        )
    try:
        if found is not None:
            number = str(int(found["id"]))  # of the newest version, where the number is that of all versions
            rows = [(row["key"], row["size"], row["checksum"]) for row in found["files"]]
        else:
            listed = api.json("GET", f"/api/deposit/depositions/{number}/files")
            rows = [(row["filename"], row["filesize"], row["checksum"]) for row in listed]
        draft = "" if found is not None else "draft/"
        return {str(name): _of_zenodo(f"/api/records/{number}/{draft}files", *row) for row in rows for name in row[:1]}
    except (KeyError, TypeError, ValueError) as error:
        raise ServiceError("the service listed its files in a shape that is not known", location=number) from error


def _of_zenodo(files: str, name: str, size: Any, checksum: Any) -> _Stored:
    return _Stored(f"{files}/{quote(str(name), safe='')}/content", int(size), "md5", str(checksum).removeprefix("md5:"))


def _parts(api: JsonApi, number: str, files: Mapping[str, _Stored]) -> Iterable[Part]:
    location = f"{api.host}: {number}"
    if MANIFEST in files:
        yield Part("", location, partial(_flat, files, ""), partial(_incoming, api, files))
        return
    for name in sorted(files):
        if match := _FLAT_EPOCH.fullmatch(name):
            prefix = f"{EPOCHS}/{match[1]}/"
            yield Part(prefix, location, partial(_flat, files, prefix), partial(_incoming, api, files))


def _flat(files: Mapping[str, _Stored], prefix: str, path: str) -> str | None:
    """Return the flat name of a file; where two met, it is the marked one."""
    whole = prefix + path
    plain = flat_names([whole])[whole]
    return next((name for name in (marked_name(whole), plain) if name in files), None)


def _pointer(api: JsonApi, files: Mapping[str, _Stored], name: str) -> str:
    """Return what ``best`` or ``last`` names, from the small text file that says it."""
    stored = files.get(f"{name}.txt")
    if stored is None or stored.size > _POINTER_BYTES:
        return ""
    with api.content(stored.path, 0, f"{api.host}: {name}.txt") as blocks:
        text = b"".join(itertools.islice(blocks, _POINTER_BYTES))[:_POINTER_BYTES]
    return text.decode("ascii", "replace").strip()
