"""One repository at Hugging Face, through ``huggingface_hub``: what is in it, what is put into it, what is read back.

Endpoints that are called: https://huggingface.co/docs/hub/api and ``huggingface_hub`` itself (create, preupload, LFS
batch, commit, paths-info).
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

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
from candle_spec.remote.addresses import Secret
from candle_spec.remote.bounded import bound_answers

MAIN: Final = "main"
_ATTRIBUTES: Final = ".gitattributes"
"""The service makes it: it says which files are large."""

_BATCH: Final = 500


class Repository:
    """A repository as one user.

    Args:
        name: ``owner/name``.
        token: The user's token, with the right to write.
        endpoint: Address of the service.
        public: Whether everybody may see it.
    """

    def __init__(self, name: str, token: Secret, endpoint: str, *, public: bool = False) -> None:
        self.name, self.page = name, f"{endpoint}/{name}"
        self._public, self._token = public, token
        self._hub = require("huggingface_hub", extra="huggingface", purpose="publish to Hugging Face")
        bound_answers(self._hub.get_session())
        self._api = self._hub.HfApi(endpoint=endpoint, token=token.reveal(), library_name="candle-spec")

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn the library's errors into ours; none of them repeats the token.

        Raises:
            LoginError: The token is missing rights.
            ServiceRefusedError: The service refuses.
            ServiceError: It cannot be reached, or is out of order.
        """
        try:
            yield
        except CandleSpecError:
            raise
        except self._hub.errors.HfHubHTTPError as error:
            raise self._refusal(error) from None
        except (self._hub.errors.HTTPError, OSError, RuntimeError, ValueError) as error:
            raise ServiceError(  # the library's texts may hold signed addresses
                f"the connection to Hugging Face failed: {type(error).__name__}",
                location=self.name,
                hint="what was sent stays sent: run the command again, it goes on"
                + ("; HF_HUB_DISABLE_XET=1 does without its second store" if _has_xet() else ""),
            ) from None

    def _refusal(self, error: Any) -> CandleSpecError:
        status = error.response.status_code if error.response is not None else 0
        words = str(error.server_message or f"status {status}").replace(self._token.reveal(), "<secret>")[:2000]
        if status in (401, 403):
            hint = "the token needs the right to write to this repository"
            return LoginError(f"Hugging Face refuses the token: {words}", location=self.name, hint=hint)
        kind = ServiceError if status >= 500 or not status else ServiceRefusedError
        return kind(f"Hugging Face answers {status}: {words}", location=self.name)

    def open(self) -> None:
        """Make the repository, if need be; it is private unless something else was asked for.

        Raises:
            InvalidInputError: It is public and that was not asked for.
        """
        self._hub.utils.disable_progress_bars()
        self._api.create_repo(self.name, private=not self._public, exist_ok=True, repo_type="model")
        if not self._api.repo_info(self.name, repo_type="model").private and not self._public:
            raise InvalidInputError(
                "the repository is public", location=self.name, hint="make it private, or add --public"
            )

    def differing(self, items: Sequence[Item], revision: str = MAIN) -> list[Item]:
        """Return the files that are not there, or there with other content."""
        found: dict[str, Any] = {}
        for start in range(0, len(items), _BATCH):
            paths = [item.path for item in items[start : start + _BATCH]]
            rows = self._api.get_paths_info(self.name, paths, revision=revision, repo_type="model")
            found |= {row.path: row for row in rows if hasattr(row, "blob_id")}
        return [item for item in items if not _same(item, found.get(item.path))]

    def prove(self, items: Sequence[Item], revision: str = MAIN) -> None:
        """Read back what was sent.

        Raises:
            ProofFailedError: What arrived is not what was sent.
        """
        wrong = self.differing(items, revision)
        if wrong:
            raise ProofFailedError(
                f"what arrived is not what was sent: {', '.join(item.path for item in wrong[:5])}",
                location=self.name,
            )

    def add(self, items: Sequence[Item], message: str, *, without: Sequence[str] = ()) -> str:
        """Make one commit that adds files and removes those at the paths ``without``; returns it."""
        operations: list[Any] = [self._hub.CommitOperationDelete(path) for path in without]
        for item in items:
            source = str(item.local) if item.local else item.data
            operations.append(self._hub.CommitOperationAdd(item.path, source))
        made = self._api.create_commit(self.name, operations, commit_message=message, repo_type="model")
        return str(made.oid)

    def hold(self, items: Sequence[Item], message: str) -> str:
        """Let ``main`` hold these files and no others; returns its commit."""
        wanted = {item.path for item in items} | {_ATTRIBUTES}
        tree = self._api.list_repo_tree(self.name, recursive=True, repo_type="model")
        others = [row.path for row in tree if hasattr(row, "blob_id") and row.path not in wanted]
        missing = self.differing(items)
        if others or missing:
            return self.add(missing, message, without=others)
        return str(self._api.repo_info(self.name, repo_type="model").sha)

    def tags(self) -> dict[str, str]:
        """Return the commit of each tag."""
        return {tag.name: tag.target_commit for tag in self._api.list_repo_refs(self.name, repo_type="model").tags}

    def tag(self, name: str, commit: str, *, instead: bool = False) -> None:
        """Let a tag name a commit; ``instead`` of the one that it names."""
        if instead:
            self._api.delete_tag(self.name, tag=name, repo_type="model")
        self._api.create_tag(self.name, tag=name, revision=commit, repo_type="model")


def _has_xet() -> bool:
    """Whether the library sends large files by Xet, to a store at another host."""
    return importlib.util.find_spec("hf_xet") is not None and not os.environ.get("HF_HUB_DISABLE_XET")


def _same(item: Item, row: Any) -> bool:
    if row is None or row.size != item.size:
        return False
    return bool(row.lfs.sha256 == item.sha256) if row.lfs else bool(row.blob_id == item.git_blob)
