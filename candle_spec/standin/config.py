"""What a stand-in is made of: its rules, users, limits and clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from candle_spec.canonical import loads
from candle_spec.errors import CorruptFileError
from candle_spec.standin.facts import limit
from candle_spec.standin.rules import RuleSet, packaged

BANNER: Final = "candle-spec stand-in of MoDaC: a test double, not the service"

DEMO_PASSWORD: Final = "rehearse"  # noqa: S105 - printed by the stand-in itself
"""Of the users that a stand-in has when none are given; it guards nothing."""


@dataclass(frozen=True, slots=True)
class User:
    """One account: ``is_write`` makes an uploader; a user without a group has no permission anywhere."""

    email: str
    password: str
    is_write: bool = True
    groups: tuple[str, ...] = ()


DEMO_USERS: Final = (
    User("uploader@example.org", DEMO_PASSWORD, True, ("REHEARSAL",)),
    User("colleague@example.org", DEMO_PASSWORD, True, ("REHEARSAL",)),
    User("reader@example.org", DEMO_PASSWORD, False, ("READERS",)),
)


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of a stand-in; the defaults are those of the service (``limits.json``).

    Attributes:
        folder: Where it keeps its data base and its files.
        rules: Metadata rules.
        users: Accounts, each created once.
        clock: Seconds since 1970, for tokens, dates and expiry.
        token_minutes: Life of a token.
        request_limit: Bytes of a whole upload request.
        over_limit: What a larger one gets: an error page, or a reset connection.
        sync_upload_limit: Bytes of an attached file that the server behind accepts.
        sync_download_limit: Bytes of a file that it sends itself.
        part_size: Bytes of a part in the archive; it makes the checksums.
        search_delay: Seconds until a registration shows up in queries.
        task_polls: How often a task is asked for before it is complete.
        url_seconds: Life of a presigned address.
        page_size: Hits of a query where none is asked for.
        endpoints: Folders that stand in for Globus endpoints and S3 buckets, by their id.
    """

    folder: Path
    rules: RuleSet = field(default_factory=packaged)
    users: tuple[User, ...] = DEMO_USERS
    clock: Callable[[], float] = time.time
    token_minutes: int = limit("token_minutes")
    request_limit: int = limit("request_bytes")
    over_limit: Literal["error", "reset"] = "error"
    sync_upload_limit: int = limit("sync_upload_bytes")
    sync_download_limit: int = limit("sync_download_bytes")
    part_size: int = limit("part_bytes")
    search_delay: float = 0.0
    task_polls: int = 2
    url_seconds: int = limit("url_seconds")
    page_size: int = limit("page_size")
    endpoints: Mapping[str, Path] = field(default_factory=dict)


_PLAIN: Final = {
    "token_minutes": int,
    "request_limit": int,
    "over_limit": str,
    "sync_upload_limit": int,
    "sync_download_limit": int,
    "part_size": int,
    "search_delay": float,
    "task_polls": int,
    "url_seconds": int,
    "page_size": int,
}


def read_config(path: Path, config: Config) -> Config:
    """Return ``config`` with what a JSON file says: the members above, ``users``, ``endpoints``, ``restrictMetadata``.

    Raises:
        CorruptFileError: It is no such file.
    """
    document = loads(path.read_bytes(), location=str(path))
    try:
        changes: dict[str, Any] = {name: kind(document[name]) for name, kind in _PLAIN.items() if name in document}
        if "users" in document:
            changes["users"] = tuple(_user(user) for user in document["users"])
        if "endpoints" in document:
            changes["endpoints"] = {name: Path(folder) for name, folder in document["endpoints"].items()}
        if "restrictMetadata" in document:
            changes["rules"] = replace(config.rules, restricted=bool(document["restrictMetadata"]))
        unknown = set(document) - {*_PLAIN, "users", "endpoints", "restrictMetadata"}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptFileError(f"this is no configuration of a stand-in: {error}", location=str(path)) from error
    if unknown:
        raise CorruptFileError(f"there is no setting {', '.join(sorted(unknown))}", location=str(path))
    return replace(config, **changes)


def _user(row: dict[str, Any]) -> User:
    return User(row["email"], row["password"], bool(row.get("isWrite", True)), tuple(row.get("groups", ())))
