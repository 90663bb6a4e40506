"""Publish to Hugging Face through ``huggingface_hub``: a private repository, one commit, everything read back.

A series is one repository in which each epoch is a commit with a tag (``epoch-003``), as the field keeps intermediate
checkpoints as revisions: every revision is a whole checkpoint that any reader takes by ``revision=``, and files that
did not change are stored once. ``main`` shows the best epoch; the tags ``best`` and ``last`` name theirs.

Endpoints that it calls: https://huggingface.co/docs/hub/api and ``huggingface_hub`` itself (create, preupload, LFS
batch, commit, paths-info).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from candle_spec.checkpoint.layout import README_MARK
from candle_spec.errors import (
    CandleSpecError,
    InvalidInputError,
    LoginError,
    ProofFailedError,
    ServiceError,
    ServiceRefusedError,
)
from candle_spec.optional import require
from candle_spec.publish.bundle import Item
from candle_spec.publish.receipts import Receipt
from candle_spec.remote.addresses import Secret
from candle_spec.remote.bounded import bound_answers

ENDPOINT: Final = "https://huggingface.co"
SERVICE: Final = "huggingface"
_MAIN: Final = "main"
_ATTRIBUTES: Final = ".gitattributes"
"""The service makes it: it says which files are large."""

_SAMPLE: Final = 512
_BATCH: Final = 500


def marked(record: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the record's files with the card marked as generated: beside a manifest, it is then no foreign file."""
    files = dict(record)
    card = files.get("README.md")
    if card is not None:
        head, line, body = card.partition(b"\n---\n")
        files["README.md"] = head + line + b"\n" + README_MARK + b"\n" + body if line else README_MARK + b"\n" + card
    return files


def requests(repository: str, items: Sequence[Item], message: str, *, public: bool = False) -> list[dict[str, Any]]:
    """Return the bodies of the requests, in order, as they will be sent.

    Which files go through LFS the service says in its answer to the second one; the commit is shown with all of them
    as it names large files, by SHA-256 and size.
    """
    return [_creation(repository, public=public), *_one_commit(repository, items, message)]


def series_requests(
    repository: str, epochs: Mapping[str, Sequence[Item]], pointers: Mapping[str, str], *, public: bool = False
) -> list[dict[str, Any]]:
    """Return the bodies of the requests that publish a series, in order, as :func:`requests` does.

    ``{commit}`` is what the answer to the commit before names. What is there already is left out of the real ones.
    """
    tag_path = f"/api/models/{repository}/tag"
    made = [_creation(repository, public=public)]
    for tag, items in epochs.items():
        made += _one_commit(repository, items, f"Publish {tag}")
        made.append({"method": "POST", "path": f"{tag_path}/{{commit}}", "body": {"tag": tag}})
    for name, tag in pointers.items():
        made.append({"method": "POST", "path": f"{tag_path}/{{commit of {tag}}}", "body": {"tag": name}})
    return made


def _creation(repository: str, *, public: bool) -> dict[str, Any]:
    owner, name = repository.split("/")
    visibility = "public" if public else "private"
    body = {"name": name, "organization": owner, "visibility": visibility, "type": "model"}
    return {"method": "POST", "path": "/api/repos/create", "body": body}


def _one_commit(repository: str, items: Sequence[Item], message: str) -> list[dict[str, Any]]:
    samples = [
        {"path": item.path, "sample": base64.b64encode(_sample(item)).decode("ascii"), "size": item.size}
        for item in items
    ]
    header = {"key": "header", "value": {"summary": message, "description": ""}}
    files = [
        {"key": "lfsFile", "value": {"path": item.path, "algo": "sha256", "oid": item.sha256, "size": item.size}}
        for item in items
    ]
    return [
        {"method": "POST", "path": f"/api/models/{repository}/preupload/main", "body": {"files": samples}},
        {"method": "POST", "path": f"/api/models/{repository}/commit/main", "body": [header, *files]},
    ]


def _sample(item: Item) -> bytes:
    return next(item.blocks(), b"")[:_SAMPLE]


def checked_repository(repository: str) -> str:
    """Return the name of a repository.

    Raises:
        InvalidInputError: It is not ``owner/name``.
    """
    owner, slash, name = repository.partition("/")
    if not slash or not owner or not name or "/" in name:
        raise InvalidInputError(f"{repository!r} is no repository", hint="--repository OWNER/NAME")
    return repository


class Hub:
    """Hugging Face as one user.

    Args:
        token: The user's token, with the right to write.
        endpoint: Address of the service.
    """

    def __init__(self, token: Secret, endpoint: str = ENDPOINT) -> None:
        self.endpoint = endpoint
        self._hub = require("huggingface_hub", extra="huggingface", purpose="publish to Hugging Face")
        bound_answers(self._hub.get_session())
        self._token = token
        self._api = self._hub.HfApi(endpoint=endpoint, token=token.reveal(), library_name="candle-spec")

    @contextmanager
    def _refusals(self, repository: str) -> Iterator[None]:
        """Turn the library's errors into ours; none of them repeats the token."""
        try:
            yield
        except CandleSpecError:
            raise
        except self._hub.errors.HfHubHTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            words = str(error.server_message or f"status {status}").replace(self._token.reveal(), "<secret>")[:2000]
            if status in (401, 403):
                hint = "the token needs the right to write to this repository"
                raise LoginError(f"Hugging Face refuses the token: {words}", location=repository, hint=hint) from None
            kind = ServiceError if status >= 500 or not status else ServiceRefusedError
            raise kind(f"Hugging Face answers {status}: {words}", location=repository) from None
        except (
            self._hub.errors.HTTPError,
            OSError,
            RuntimeError,
            ValueError,
        ) as error:  # texts may hold signed addresses
            raise ServiceError(
                f"the connection to Hugging Face failed: {type(error).__name__}",
                location=repository,
                hint="what was sent stays sent: run the command again, it goes on"
                + ("; HF_HUB_DISABLE_XET=1 does without its second store" if _has_xet() else ""),
            ) from None

    def publish(
        self,
        repository: str,
        items: Sequence[Item],
        receipt: Receipt,
        *,
        message: str,
        public: bool = False,
        keep: Callable[[], None] = lambda: None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Bring all files into a repository in one commit, unless they are there, and verify them.

        Raises:
            InvalidInputError: The repository is public and that was not asked for.
            LoginError: The token is missing rights.
            ServiceRefusedError: The service refuses.
            ServiceError: It cannot be reached, or is out of order.
            ProofFailedError: What arrived is not what was sent.
        """
        with self._refusals(repository):
            self._open(repository, receipt, public=public)
            keep()
            missing = self._differing(repository, items)
            for item in items:
                tell(f"{'send' if item in missing else 'present':<8} {item.path}")
            if missing:
                add = self._hub.CommitOperationAdd
                operations = [add(item.path, str(item.local) if item.local else item.data) for item in missing]
                self._api.create_commit(repository, operations, commit_message=message, repo_type="model")
            self._prove(repository, items)
        receipt.files = [_row(item) for item in items]
        receipt.state = "complete"
        keep()

    def publish_series(
        self,
        repository: str,
        epochs: Mapping[str, Sequence[Item]],
        pointers: Mapping[str, str],
        receipt: Receipt,
        *,
        public: bool = False,
        keep: Callable[[], None] = lambda: None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Bring each epoch into a repository as one commit with a tag; ``main`` shows the best one.

        At every tag, and at ``main``, the repository is one whole checkpoint and nothing else. A tag that is there is
        verified and left alone.

        Args:
            repository: ``owner/name``.
            epochs: Files of each epoch by its tag, in order.
            pointers: Tags that name an epoch by another one's name: ``best`` and ``last``.
            receipt: Filled as it goes.
            public: Whether everybody may see it.
            keep: Called when the receipt has changed.
            tell: Called with a line for each epoch.

        Raises:
            ProofFailedError: A tag is there with another checkpoint; else see :meth:`publish`.
        """
        with self._refusals(repository):
            self._open(repository, receipt, public=public)
            receipt.files = []
            keep()
            for tag, items in epochs.items():
                tell(f"{self._epoch(repository, tag, items):<8} {tag}")
                receipt.files += [{**_row(item), "revision": tag} for item in items]
                keep()
            shown = epochs[pointers.get("best") or pointers.get("last") or list(epochs)[-1]]
            self._exactly(repository, shown, "Show the best checkpoint")
            self._prove(repository, shown)
            self._point(repository, pointers)
        receipt.state = "complete"
        keep()

    def _open(self, repository: str, receipt: Receipt, *, public: bool) -> None:
        """Make the repository, if need be; it is private unless something else was asked for."""
        self._hub.utils.disable_progress_bars()
        self._api.create_repo(repository, private=not public, exist_ok=True, repo_type="model")
        if not self._api.repo_info(repository, repo_type="model").private and not public:
            raise InvalidInputError(
                "the repository is public", location=repository, hint="make it private, or add --public"
            )
        receipt.page = f"{self.endpoint}/{repository}"

    def _tags(self, repository: str) -> dict[str, str]:
        """The commit of each tag."""
        return {tag.name: tag.target_commit for tag in self._api.list_repo_refs(repository, repo_type="model").tags}

    def _epoch(self, repository: str, tag: str, items: Sequence[Item]) -> str:
        if tag in self._tags(repository):
            if self._differing(repository, items, tag):
                raise ProofFailedError(
                    f"another checkpoint is tagged {tag}",
                    location=repository,
                    hint="publish to another repository, or delete the tag on the web page",
                )
            return "present"
        commit = self._exactly(repository, items, f"Publish {tag}")
        self._api.create_tag(repository, tag=tag, revision=commit, repo_type="model")
        self._prove(repository, items, tag)
        return "sent"

    def _exactly(self, repository: str, items: Sequence[Item], message: str) -> str:
        """Let ``main`` hold these files and no others; returns its commit."""
        wanted = {item.path for item in items} | {_ATTRIBUTES}
        tree = self._api.list_repo_tree(repository, recursive=True, repo_type="model")
        others = [row.path for row in tree if hasattr(row, "blob_id") and row.path not in wanted]
        operations: list[Any] = [self._hub.CommitOperationDelete(path) for path in others]
        for item in self._differing(repository, items):
            source = str(item.local) if item.local else item.data
            operations.append(self._hub.CommitOperationAdd(item.path, source))
        if not operations:
            return str(self._api.repo_info(repository, repo_type="model").sha)
        made = self._api.create_commit(repository, operations, commit_message=message, repo_type="model")
        return str(made.oid)

    def _point(self, repository: str, pointers: Mapping[str, str]) -> None:
        """Let the tags ``best`` and ``last`` name the commits of their epochs."""
        tags = self._tags(repository)
        for name, tag in pointers.items():
            if tags.get(name) == tags[tag]:
                continue
            if name in tags:
                self._api.delete_tag(repository, tag=name, repo_type="model")
            self._api.create_tag(repository, tag=name, revision=tags[tag], repo_type="model")

    def _prove(self, repository: str, items: Sequence[Item], revision: str = _MAIN) -> None:
        wrong = self._differing(repository, items, revision)
        if wrong:
            raise ProofFailedError(
                f"what arrived is not what was sent: {', '.join(item.path for item in wrong[:5])}",
                location=repository,
            )

    def _differing(self, repository: str, items: Sequence[Item], revision: str = _MAIN) -> list[Item]:
        """Return the files that are not there, or there with other content."""
        found: dict[str, Any] = {}
        for start in range(0, len(items), _BATCH):
            paths = [item.path for item in items[start : start + _BATCH]]
            rows = self._api.get_paths_info(repository, paths, revision=revision, repo_type="model")
            found |= {row.path: row for row in rows if hasattr(row, "blob_id")}
        return [item for item in items if not _same(item, found.get(item.path))]


def _has_xet() -> bool:
    """Whether the library sends large files by Xet, to a store at another host."""
    import importlib.util

    return importlib.util.find_spec("hf_xet") is not None and not os.environ.get("HF_HUB_DISABLE_XET")


def _row(item: Item) -> dict[str, Any]:
    return {"path": item.path, "size": item.size, "sha256": item.sha256}


def _same(item: Item, row: Any) -> bool:
    if row is None or row.size != item.size:
        return False
    return bool(row.lfs.sha256 == item.sha256) if row.lfs else bool(row.blob_id == item.git_blob)
