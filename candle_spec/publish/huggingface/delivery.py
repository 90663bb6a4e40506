"""A checkpoint, or a series, into a repository: what is there is left alone, what is missing is sent, all is read back.

A series is one repository in which each epoch is a commit with a tag (``epoch-003``), as the field keeps intermediate
checkpoints as revisions: every revision is a whole checkpoint that any reader takes by ``revision=``, and files that
did not change are stored once. ``main`` shows the best epoch; the tags ``best`` and ``last`` name theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from candle_spec.errors import ProofFailedError
from candle_spec.publish.bundle import Item
from candle_spec.publish.huggingface.repository import Repository
from candle_spec.publish.receipts import Receipt


def deliver(
    repository: Repository,
    items: Sequence[Item],
    receipt: Receipt,
    message: str,
    *,
    keep: Callable[[], None] = lambda: None,
    tell: Callable[[str], None] = lambda line: None,
) -> None:
    """Bring all files into a repository in one commit, unless they are there, and verify them.

    Args:
        repository: The repository.
        items: The files.
        receipt: Filled as it goes.
        message: Of the commit.
        keep: Called when the receipt has changed.
        tell: Called with a line for each file.

    Raises:
        InvalidInputError: The repository is public and that was not asked for.
        ProofFailedError: What arrived is not what was sent.
        CandleSpecError: See :meth:`candle_spec.publish.huggingface.repository.Repository.refusals`.
    """
    with repository.refusals():
        _open(repository, receipt)
        keep()
        missing = repository.differing(items)
        for item in items:
            tell(f"{'send' if item in missing else 'present':<8} {item.path}")
        if missing:
            repository.add(missing, message)
        repository.prove(items)
    receipt.files = [_row(item) for item in items]
    receipt.state = "complete"
    keep()


def deliver_series(
    repository: Repository,
    epochs: Mapping[str, Sequence[Item]],
    pointers: Mapping[str, str],
    receipt: Receipt,
    *,
    keep: Callable[[], None] = lambda: None,
    tell: Callable[[str], None] = lambda line: None,
) -> None:
    """Bring each epoch into a repository as one commit with a tag; ``main`` shows the best one.

    At every tag, and at ``main``, the repository is one whole checkpoint and nothing else. A tag that is there is
    verified and left alone.

    Args:
        repository: The repository.
        epochs: Files of each epoch by its tag, in order.
        pointers: Tags that name an epoch by another one's name: ``best`` and ``last``.
        receipt: Filled as it goes.
        keep: Called when the receipt has changed.
        tell: Called with a line for each epoch.

    Raises:
        ProofFailedError: A tag is there with another checkpoint; else see :func:`deliver`.
    """
    with repository.refusals():
        _open(repository, receipt)
        receipt.files = []
        keep()
        for tag, items in epochs.items():
            tell(f"{_epoch(repository, tag, items):<8} {tag}")
            receipt.files += [{**_row(item), "revision": tag} for item in items]
            keep()
        shown = epochs[pointers.get("best") or pointers.get("last") or list(epochs)[-1]]
        repository.hold(shown, "Show the best checkpoint")
        repository.prove(shown)
        _point(repository, pointers)
    receipt.state = "complete"
    keep()


def _open(repository: Repository, receipt: Receipt) -> None:
    repository.open()
    receipt.page = repository.page


def _epoch(repository: Repository, tag: str, items: Sequence[Item]) -> str:
    """Bring one epoch in, unless its tag is there; returns what was done."""
    if tag in repository.tags():
        if repository.differing(items, tag):
            raise ProofFailedError(
                f"another checkpoint is tagged {tag}",
                location=repository.name,
                hint="publish to another repository, or delete the tag on the web page",
            )
        return "present"
    repository.tag(tag, repository.hold(items, f"Publish {tag}"))
    repository.prove(items, tag)
    return "sent"


def _point(repository: Repository, pointers: Mapping[str, str]) -> None:
    """Let the tags ``best`` and ``last`` name the commits of their epochs."""
    tags = repository.tags()
    for name, tag in pointers.items():
        if tags.get(name) != tags[tag]:
            repository.tag(name, tags[tag], instead=name in tags)


def _row(item: Item) -> dict[str, Any]:
    return {"path": item.path, "size": item.size, "digest": item.sha256}
