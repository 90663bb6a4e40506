"""One save: files, private folder, name; :mod:`candle_spec.series.saves.save` says in which order and why."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from candle_spec.checkpoint import inventory, manifest_file
from candle_spec.checkpoint.folder_writer import FolderWriter, state_documents
from candle_spec.checkpoint.identity import identity
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.checkpoint.manifest_builder import Inputs, tensor_entries
from candle_spec.digests import digest_bytes
from candle_spec.errors import WriteFailedError
from candle_spec.series import replacing
from candle_spec.series.candle_files.save_note import with_state_digest
from candle_spec.series.layout import folder_name
from candle_spec.series.live import Live, read_live, scan
from candle_spec.series.saves.file_groups import Seen, seen_in
from candle_spec.series.saves.holdings import Holdings
from candle_spec.series.saves.manifest import add_run
from candle_spec.series.saves.private_folder import PrivateFolder
from candle_spec.series.saves.shared_files import SharedFiles
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.store import GROUP_SAVES, GROUP_SECONDS, Certify, Documents, Store
from candle_spec.series.verify import faults_of
from candle_spec.weights.shards import GroupPlan, PlannedFile


@dataclass(slots=True)
class Saving:
    """One save.

    Attributes:
        committing: Whether the checkpoint may have got its name.
        unchanged: Whether nothing had to be written.
        replaced: Whether it took the place of another state.
        written: Bytes written.
        shared: Bytes shared.
        manifest: The manifest.
    """

    store: Store
    state: TrainingState
    document: Documents | None = None
    certify: Certify | None = None
    committing: bool = False
    unchanged: bool = False
    replaced: bool = False
    written: int = 0
    shared: int = 0
    manifest: dict[str, Any] = field(default_factory=dict)
    _durable: bool = True
    _distrusted: set[tuple[int, int]] = field(default_factory=set)
    _seen: Seen | None = None

    def run(self) -> Live:
        """Save, and return the checkpoint."""
        plans = self.store.grouping.plan(self.state.contents, self.state.stable, self.store.settings.shard_bytes)
        existing = self._existing()
        if existing is not None and self._is_same(existing, plans):
            return self._keep(existing)
        self._check_space(plans)
        self._begin_attempt()
        self._durable = self._is_durable()
        with PrivateFolder(self.store.layout.staging, self.store.fs, durable=self._durable) as folder:
            self._write(folder, plans)
            folder.sync_files(self.store.writer.pool if self.store.writer else None)
            folder.sync_folders()
            self.committing = True
            path = self._commit(folder, existing)
            self.replaced = existing is not None
        return self._learn(path, existing)

    # What is there already

    def _folder(self) -> str:
        """The name of the folder: of the epoch, or of the step, inside an epoch or within one that is saved already."""
        if self.state.inside_epoch and self.state.step:
            return folder_name(self.state.epoch, self.state.step)
        plain = folder_name(self.state.epoch)
        for live in self.store.current():
            step = live.point.step
            if live.path.name == plain and step is not None and self._is_later(live, step):
                return folder_name(self.state.epoch, self.state.step)
        return plain

    def _is_later(self, live: Live, step: int) -> bool:
        """Whether this state comes later in the same epoch: not where the training went back to before it."""
        if self.state.step is None or self.state.step <= step:
            return False
        attempt = self.store.attempt
        if attempt is None or attempt.restarted_from is None or live.attempt == attempt.number:
            return True
        return live.point.order <= attempt.restarted_from.order

    def _existing(self) -> Path | None:
        path = self.store.layout.epochs / self._folder()
        return path if os.path.lexists(path) else None

    def _is_same(self, path: Path, plans: Sequence[GroupPlan]) -> bool:
        """Whether the checkpoint that is there holds this very state, and is sound."""
        live = next((live for live in self.store.live if live.path == path), None)
        if live is None or path in self.store.doubtful:
            return False
        entries = tensor_entries(Inputs(self.state.contents, plans, self._all_digests(plans)))
        if identity(entries)["state_digest"] != live.point.state_digest:
            return False
        documents = state_documents(self.state.contents)
        documents |= {side.path: side.data for side in self.state.contents.payload if isinstance(side.data, bytes)}
        if any(live.files[p].content.digest != digest_bytes(d) for p, d in documents.items() if p in live.files):
            return False
        streamed = any(not isinstance(side.data, bytes) for side in self.state.contents.payload)
        if streamed or not documents.keys() <= live.files.keys():
            return False
        if faults_of(path, self.store.settings.jobs):
            self._distrusted = live.inodes()
            return False
        return True

    def _keep(self, path: Path) -> Live:
        """Leave the checkpoint as it is; an earlier try may not have got as far as making its name durable."""
        self.unchanged = True
        live = next(live for live in self.store.live if live.path == path)
        self.store.fs.sync_folder(self.store.layout.epochs)
        self.manifest = manifest_file.read(path / MANIFEST)
        self.shared = sum(held.size for held in live.files.values())
        return live

    # Before anything is touched

    def _check_space(self, plans: Sequence[GroupPlan]) -> None:
        files = [file for plan in plans for file in plan.files if not self._is_quiet(file)]
        need = sum(file.header.file_size for file in files)
        free = self.store.fs.free_space(self.store.layout.staging)
        if need > free:
            raise WriteFailedError(
                f"the checkpoint needs {need:,} bytes and {free:,} are free",
                location=str(self.store.layout.root),
                hint="free space, keep fewer checkpoints (ckpt_keep_limit), or name a folder on another disk",
            )

    def _begin_attempt(self) -> None:
        """Without a word from the caller, the training goes on from the newest checkpoint before this state."""
        if self.store.attempt is not None:
            return
        mine = (self.state.epoch, self.state.step or 0)
        before = [live.point for live in self.store.current() if live.point.order < mine]
        if self.store.live or not self.store.record.attempts:
            self.store.begin_attempt(before[-1] if before else None)
        else:
            self.store.attempt = self.store.record.attempts[-1]

    def _is_durable(self) -> bool:
        store = self.store
        if store.settings.durability != "group":
            return store.settings.durability == "commit"
        if store.at_risk >= GROUP_SAVES - 1 or time.monotonic() - store.durable_at >= GROUP_SECONDS:
            store.durable_at = time.monotonic()
            return True
        return False

    # The files

    def _write(self, folder: PrivateFolder, plans: Sequence[GroupPlan]) -> None:
        files = SharedFiles(self.store, folder, self._holdings(), self._is_quiet)
        writer = FolderWriter(files)
        writer.weights(plans)
        writer.settle()
        writer.contents(self.state.contents)
        self._add_documents(writer, plans)
        certificate = self.certify(writer, plans) if self.certify is not None else {}
        made, entries = writer.manifest(self.state.contents, plans, certificate)
        self._seen = seen_in(inventory.parse(entries))
        add_run(made, self.store, self.state)
        self.manifest = writer.finish(made, sealed=True)
        self.written, self.shared = files.written, files.shared

    def _holdings(self) -> Holdings:
        """What may be shared: of all live checkpoints that are not in doubt, and of other runs."""
        store = self.store
        paranoid = store.settings.paranoid_every
        return Holdings(
            [live for live in store.live if live.path not in store.doubtful],
            store.others,
            store.settings.min_copies,
            store.fs,
            store.record.file_system,
            never=self._distrusted,
            paranoid=bool(paranoid) and store.saves % paranoid == paranoid - 1,
        )

    def _add_documents(self, writer: FolderWriter, plans: Sequence[GroupPlan]) -> None:
        """Write the documents of the caller, which get to know the identity of the state."""
        if self.document is None:
            return
        entries = tensor_entries(Inputs(self.state.contents, plans, writer.part_digests))
        digest = identity(entries)["state_digest"] if entries else ""
        for side in self.document(writer.path, tuple(writer.records)):
            writer.side(with_state_digest(side, digest))

    def _is_quiet(self, file: PlannedFile) -> bool:
        return self.store.grouping.is_quiet(file, self.state.stable)

    def _all_digests(self, plans: Sequence[GroupPlan]) -> dict[tuple[str, str], str]:
        writer = self.store.writable()
        running = {
            (file.name, key): writer.digest(part.part.data)
            for plan in plans
            for file in plan.files
            for key, part in file.parts.items()
        }
        return {key: future.result() for key, future in running.items()}

    # The name

    def _commit(self, folder: PrivateFolder, existing: Path | None) -> Path:
        path = self.store.layout.epochs / self._folder()
        try:
            self._name(folder, path, existing)
        except OSError:
            self.store.doubtful.add(path)  # whether its name is durable, nobody can say: it is made again next time
            with suppress(OSError):  # the next save or opening tries again
                replacing.recover(self.store.layout, self.store.fs)
            self.store.live, self.store.faulty = scan(self.store.layout)
            raise
        self.store.doubtful.discard(path)
        return path

    def _name(self, folder: PrivateFolder, path: Path, existing: Path | None) -> None:
        store = self.store
        if existing is not None:
            replacing.replace(store, folder, existing)
        else:
            store.fs.rename(folder.path, path)
            folder.renamed()
        if self._durable:
            store.fs.sync_folder(store.layout.epochs)
            store.lax.discard(path)
            store.at_risk = 0
        else:
            store.lax.add(path)
            store.at_risk += 1
        if existing is not None:
            replacing.finish(store)

    def _learn(self, path: Path, existing: Path | None) -> Live:
        """Take the new checkpoint among the live ones."""
        if self._seen is not None:
            self.store.grouping.observe(self._seen)
        live = read_live(path)
        self.store.live = [other for other in self.store.live if other.path not in (path, existing)]
        self.store.live.append(live)
        self.store.live.sort(key=lambda each: each.point.order)
        self.store.faulty = [(other, why) for other, why in self.store.faulty if other != path]
        return live
