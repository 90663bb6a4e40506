"""An asset from MoDaC straight into a validated checkpoint, or into a series of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from candle_spec.atomic import Fs
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.digests import Progress, no_progress
from candle_spec.errors import MissingPathError, OutputExistsError
from candle_spec.modac.client import Client, Collection
from candle_spec.modac.download import incoming_of
from candle_spec.publish.assemble import Received, assemble
from candle_spec.publish.published import Part, safe_local_path
from candle_spec.series.outline import EPOCHS


def receive(
    client: Client,
    asset: str,
    target: Path,
    *,
    tell: Callable[[str], None] = lambda line: None,
    progress: Progress = no_progress,
    fs: Fs | None = None,
) -> Received:
    """Download an asset; see :func:`candle_spec.publish.assemble.assemble`.

    Args:
        client: The service.
        asset: Path of the asset.
        target: The new folder.
        tell: Called with a line for each file.
        progress: Called with bytes that came in.
        fs: The file system; replaced by tests.

    Raises:
        OutputExistsError: The target is there.
        MissingPathError: There is no such asset, or it holds no manifest: it is not complete.
    """
    if target.exists():
        raise OutputExistsError("the output exists already", location=str(target), hint="name another output")
    found = client.collection(asset, listed=True)
    if found is None:
        raise MissingPathError("there is no such asset", location=f"{client.settings.host}: {asset}")
    pointers = {name: found.metadata.get(f"ckpt_{name}", "") for name in ("best", "last")}
    return assemble(_parts(client, found), pointers, target, tell=tell, progress=progress, fs=fs)


def _parts(client: Client, asset: Collection) -> Iterator[Part]:
    """Yield each collection that holds a checkpoint."""
    if any(path.rpartition("/")[2] == MANIFEST for path in asset.files):
        yield _part(client, asset, "")
        return
    epochs = [path for path in asset.folders if re.fullmatch(r"epoch-[0-9]{1,9}", path.rpartition("/")[2])]
    for path in sorted(epochs):
        folder = client.collection(path, listed=True)
        if folder is not None:
            yield _part(client, folder, f"{EPOCHS}/{path.rpartition('-')[2]}/")
    if not epochs:
        raise MissingPathError(
            f"the asset holds no {MANIFEST}: it is no checkpoint, or its publication is not complete",
            location=asset.path,
            hint="candle-spec modac get shows what is in it; candle-spec modac download FILE fetches one file",
        )


def _part(client: Client, folder: Collection, prefix: str) -> Part:
    sources = dict(_sources(client, folder, prefix))
    return Part(prefix, folder.path, sources.get, lambda path: incoming_of(client, path))


def _sources(client: Client, folder: Collection, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the path in the checkpoint and the path at MoDaC of each file that says it belongs to it."""
    for path in folder.files:
        about = client.file(path)
        source = about.metadata.get("ckpt_path", "") if about else ""
        if source.startswith(prefix) and source:
            yield safe_local_path(source.removeprefix(prefix), location=path), path
