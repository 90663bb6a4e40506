"""Publish to Hugging Face through ``huggingface_hub``: a private repository, one commit, everything read back.

Endpoints that it calls: https://huggingface.co/docs/hub/api and ``huggingface_hub`` itself (create, preupload, LFS
batch, commit, paths-info).
"""

from __future__ import annotations

import base64
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
from candle_spec.modac.settings import Secret
from candle_spec.optional import require
from candle_spec.publish.bundle import Item
from candle_spec.publish.receipts import Receipt

ENDPOINT: Final = "https://huggingface.co"
SERVICE: Final = "huggingface"
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
    owner, name = repository.split("/")
    visibility = "public" if public else "private"
    samples = [
        {"path": item.path, "sample": base64.b64encode(_sample(item)).decode("ascii"), "size": item.size}
        for item in items
    ]
    create = {"name": name, "organization": owner, "visibility": visibility, "type": "model"}
    header = {"key": "header", "value": {"summary": message, "description": ""}}
    files = [
        {"key": "lfsFile", "value": {"path": item.path, "algo": "sha256", "oid": item.sha256, "size": item.size}}
        for item in items
    ]
    return [
        {"method": "POST", "path": "/api/repos/create", "body": create},
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
                hint="what was sent stays sent: run the command again, it goes on",
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
            self._hub.utils.disable_progress_bars()
            self._api.create_repo(repository, private=not public, exist_ok=True, repo_type="model")
            if not self._api.repo_info(repository, repo_type="model").private and not public:
                raise InvalidInputError(
                    "the repository is public", location=repository, hint="make it private, or add --public"
                )
            receipt.page = f"{self.endpoint}/{repository}"
            keep()
            missing = self._differing(repository, items)
            for item in items:
                tell(f"{'send' if item in missing else 'present':<8} {item.path}")
            if missing:
                add = self._hub.CommitOperationAdd
                operations = [add(item.path, str(item.local) if item.local else item.data) for item in missing]
                self._api.create_commit(repository, operations, commit_message=message, repo_type="model")
            wrong = self._differing(repository, items)
            if wrong:
                raise ProofFailedError(
                    f"what arrived is not what was sent: {', '.join(item.path for item in wrong[:5])}",
                    location=repository,
                )
        receipt.files = [{"path": item.path, "size": item.size, "sha256": item.sha256} for item in items]
        receipt.state = "complete"
        keep()

    def _differing(self, repository: str, items: Sequence[Item]) -> list[Item]:
        """Return the files that are not there, or there with other content."""
        found: dict[str, Any] = {}
        for start in range(0, len(items), _BATCH):
            paths = [item.path for item in items[start : start + _BATCH]]
            rows = self._api.get_paths_info(repository, paths, repo_type="model")
            found |= {row.path: row for row in rows if hasattr(row, "blob_id")}
        return [item for item in items if not _same(item, found.get(item.path))]


def _same(item: Item, row: Any) -> bool:
    if row is None or row.size != item.size:
        return False
    return bool(row.lfs.sha256 == item.sha256) if row.lfs else bool(row.blob_id == item.git_blob)
