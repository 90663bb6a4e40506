"""Find what was published at Hugging Face: the checkpoint of one revision, or all epochs that have a tag.

Endpoints: https://huggingface.co/docs/hub/api (revision, tree, refs, resolve). Large files lie at another host, to
which it redirects; the token does not go there. Those that it keeps by Xet come over the same address for readers that
do not know Xet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from candle_spec.errors import InvalidInputError, MissingPathError, ServiceError
from candle_spec.publish.destination import Access
from candle_spec.publish.huggingface.requests import EPOCH_TAG, TOKENS, checked_repository, endpoint_from
from candle_spec.publish.published import Part, Published
from candle_spec.remote.json_api import JsonApi, StoredFile
from candle_spec.remote.tokens import token_if_given
from candle_spec.series.outline import EPOCHS

_EPOCH: Final = re.compile(rf"{EPOCH_TAG}([0-9]{{1,9}})")
_HEX: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@contextmanager
def published(address: str, access: Access) -> Iterator[Published]:
    """Find what there is to fetch.

    Args:
        address: ``owner/name[@revision]``.
        access: How it is fetched.

    Raises:
        InvalidInputError: The address is none.
        MissingPathError: There is no such repository or revision, or it has no epochs.
        ServiceError: The service answers in a shape that is not known.
    """
    repository, at, revision = address.partition("@")
    checked_repository(repository)
    if at and (access.series or not revision):
        words = "--series takes all epochs, not one revision" if access.series else "no revision is named"
        raise InvalidInputError(words)
    token = token_if_given("HF_TOKEN", access.token_file, where=TOKENS)
    with JsonApi(endpoint_from(access.url), token, extra="huggingface") as api:
        yield _found(api, repository, revision or "main", series=access.series)


def _found(api: JsonApi, repository: str, revision: str, *, series: bool) -> Published:
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
    name = f"{repository.rpartition('/')[2]}.candle"
    if not series:
        return Published(name, (_at(api, repository, _commit(api, repository, revision), ""),))
    tags = _tags(api, repository)
    epochs = {match[1]: commit for tag, commit in sorted(tags.items()) if (match := _EPOCH.fullmatch(tag))}
    if not epochs:
        raise MissingPathError(
            f"the repository has no tag {EPOCH_TAG}<number>: it holds no series",
            location=f"{api.host}: {repository}",
            hint="fetch it without --series",
        )
    parts = tuple(_at(api, repository, commit, f"{EPOCHS}/{number}/") for number, commit in epochs.items())
    named = {commit: f"{EPOCHS}/{number}" for number, commit in epochs.items()}
    pointers = {pointer: named[tags[pointer]] for pointer in ("best", "last") if tags.get(pointer) in named}
    return Published(name, parts, pointers)


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
    files: dict[str, StoredFile] = {}
    for rows in api.pages(f"/api/models/{repository}/tree/{commit}?recursive=true"):
        try:
            files |= {row["path"]: _of_hub(repository, commit, row) for row in rows if row["type"] == "file"}
        except (KeyError, TypeError, ValueError) as error:
            raise ServiceError("the service listed its files in a shape that is not known") from error
    found = {path: path for path in files}
    return Part(prefix, f"{api.host}: {repository}@{commit[:12]}", found.get, partial(api.incoming, files))


def _of_hub(repository: str, commit: str, row: Mapping[str, Any]) -> StoredFile:
    path = f"/{repository}/resolve/{commit}/{quote(str(row['path']))}"
    if "lfs" in row:
        return StoredFile(path, int(row["lfs"]["size"]), "sha256", str(row["lfs"]["oid"]))
    return StoredFile(path, int(row["size"]), "sha1-blob", str(row["oid"]))
