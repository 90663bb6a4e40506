"""Find what was published at Zenodo: the checkpoint or the series of a record, or of the user's own draft.

Endpoints: https://developers.zenodo.org/ (records, deposit files; the content of a file at
``/api/records/<n>[/draft]/files/<name>/content``).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import InvalidInputError, MissingPathError, ServiceError
from candle_spec.publish.destination import Access
from candle_spec.publish.published import Part, Published
from candle_spec.publish.zenodo.deposit import ENDPOINT, tokens_at
from candle_spec.remote.addresses import checked_url
from candle_spec.remote.json_api import JsonApi, StoredFile
from candle_spec.remote.names import flat_names, marked_name
from candle_spec.remote.tokens import token_if_given
from candle_spec.series.outline import EPOCHS

_FLAT_EPOCH: Final = re.compile(rf"{EPOCHS}__([0-9]{{1,9}})__{re.escape(MANIFEST)}")
_NUMBER: Final = re.compile(r"(?:10\.[0-9]{4,9}/zenodo\.)?([0-9]{1,15})")
_POINTER_BYTES: Final = 64


@contextmanager
def published(address: str, access: Access) -> Iterator[Published]:
    """Find what there is to fetch.

    Args:
        address: The number of a record, or its DOI.
        access: How it is fetched.

    Raises:
        InvalidInputError: The address is none.
        MissingPathError: There is no such record, or it holds no checkpoint.
        ServiceError: The service answers in a shape that is not known.
    """
    access.refuse_series("Zenodo")
    number, endpoint = _number(address), checked_url(access.url or ENDPOINT, usual=ENDPOINT)
    token = token_if_given("ZENODO_TOKEN", access.token_file, where=tokens_at(endpoint))
    with JsonApi(endpoint, token, extra="zenodo") as api:
        yield _found(api, number)


def _number(text: str) -> str:
    """Return the number of a record from a number or a DOI.

    Raises:
        InvalidInputError: It is neither.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise InvalidInputError(f"{text!r} is no record of Zenodo", hint="such as zenodo:1234567")
    return match[1]


def _found(api: JsonApi, number: str) -> Published:
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
    pointers = {name: _pointer(api, files, name) for name in ("best", "last")} if series else {}
    return Published(f"zenodo-{number}.candle", parts, pointers)


def _record(api: JsonApi, number: str) -> dict[str, StoredFile]:
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


def _of_zenodo(files: str, name: str, size: Any, checksum: Any) -> StoredFile:
    return StoredFile(
        f"{files}/{quote(str(name), safe='')}/content", int(size), "md5", str(checksum).removeprefix("md5:")
    )


def _parts(api: JsonApi, number: str, files: Mapping[str, StoredFile]) -> Iterable[Part]:
    location = f"{api.host}: {number}"
    if MANIFEST in files:
        yield Part("", location, partial(_flat, files, ""), partial(api.incoming, files))
        return
    for name in sorted(files):
        if match := _FLAT_EPOCH.fullmatch(name):
            prefix = f"{EPOCHS}/{match[1]}/"
            yield Part(prefix, location, partial(_flat, files, prefix), partial(api.incoming, files))


def _flat(files: Mapping[str, StoredFile], prefix: str, path: str) -> str | None:
    """Return the flat name of a file; where two met, it is the marked one."""
    whole = prefix + path
    plain = flat_names([whole])[whole]
    return next((name for name in (marked_name(whole), plain) if name in files), None)


def _pointer(api: JsonApi, files: Mapping[str, StoredFile], name: str) -> str:
    """Return what ``best`` or ``last`` names, from the small text file that says it."""
    stored = files.get(f"{name}.txt")
    if stored is None or stored.size > _POINTER_BYTES:
        return ""
    with api.content(stored.path, 0, f"{api.host}: {name}.txt") as blocks:
        text = b"".join(itertools.islice(blocks, _POINTER_BYTES))[:_POINTER_BYTES]
    return text.decode("ascii", "replace").strip()
