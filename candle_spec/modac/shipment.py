"""What goes to MoDaC: a plan that was made and checked, or what keeps it from being made."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from candle_spec.errors import InvalidInputError
from candle_spec.modac import mapping
from candle_spec.modac.checks import check_plan
from candle_spec.modac.options import Wishes
from candle_spec.modac.oversize import fitting_copies, too_large
from candle_spec.modac.plan import Choices, Plan, make_plan
from candle_spec.modac.prepared import prepare, read_prepared
from candle_spec.modac.publish import publish
from candle_spec.modac.records import AssetRecord, load_record
from candle_spec.modac.session import session
from candle_spec.modac.settings import Settings, load_settings
from candle_spec.modac.vocabulary import Knowledge
from candle_spec.publish.destination import Audience, Overview, Sent
from candle_spec.publish.receipts import receipt_path
from candle_spec.publish.remarks import Remark, remarks_on
from candle_spec.publish.sources import Selection, native_files, refuse_damage, source_of
from candle_spec.repositories.engine.mapper import map_source
from candle_spec.repositories.packs import search


@contextmanager
def prepared(selection: Selection, values: Mapping[str, Any], audience: Audience) -> Iterator[PlanShipment]:
    """Make the plan of a publication and check it.

    Args:
        selection: What is published.
        values: The options of the destination, each of them.
        audience: Who is told of copies that were made.

    Raises:
        CandleSpecError: One of its children says what is wrong with the checkpoint, the record or an option.
    """
    settings = load_settings(url=values["url"], user=values["user"], config=values["config"])
    wishes = Wishes.of(values)
    with ExitStack() as scratch:
        plan, remarks = _plan(selection, wishes, settings, scratch, audience)
        if plan is not None:
            remarks += check_plan(plan, settings, Knowledge(settings.place), allow_public=wishes.allow_public)
        yield PlanShipment(plan, remarks, settings, wishes, wishes.prepared or selection.named)


def _plan(
    selection: Selection, wishes: Wishes, settings: Settings, scratch: ExitStack, audience: Audience
) -> tuple[Plan | None, list[Remark]]:
    """Return the plan, or ``None`` where not even the asset's place is known, and what keeps it from being sent."""
    if wishes.prepared is not None:
        return read_prepared(wishes.prepared), []
    source = selection.named
    native = native_files(source, scratch) if selection.with_native else {}
    where = settings.full_path(wishes.study) if wishes.study else ""
    refuse_damage(source)
    copies = _copies(source, settings, audience) if wishes.reshard else {}
    sent = copies.get(source, source)
    record, remarks = (
        (_read(wishes.record, whole=not copies), [])
        if wishes.record
        else _mapped(replace(selection, checkpoint=sent), where, wishes.changes, settings)
    )
    if record is None:
        return None, remarks
    choices = Choices(where, selection.with_original, native, wishes.changes, copies)
    return make_plan(sent, record, choices), remarks


def _copies(source: Path, settings: Settings, audience: Audience) -> dict[Path, Path]:
    """Make copies of what is too large for one upload, and say so."""
    with audience.bar("re-sharding", sum(too_large(source, settings).values())) as progress:
        copies = fitting_copies(source, settings, progress)
    for copy in copies.values():
        audience.tell(f"re-sharded copy: {copy}")
    return copies


def _read(record: Path, *, whole: bool) -> AssetRecord:
    """Return a record; what it says of single files only where they are still the files that are sent."""
    read = load_record(record)
    return read if whole else replace(read, files={})


def _mapped(
    selection: Selection, study: str, changes: Mapping[str, str], settings: Settings
) -> tuple[AssetRecord | None, list[Remark]]:
    """Return what the template makes of the checkpoint, and what keeps it from being sent."""
    pack = search.choose(search.library(selection.templates), mapping.TEMPLATE)
    source = source_of(selection.named, selection.model_file, selection.site)
    if study:
        mapping.place_at(pack, source, study)
    record = map_source(mapping.informed(pack, Knowledge(settings.place)), source)
    remarks = remarks_on(record, given=changes, accept_inferred=selection.accept_inferred)
    return mapping.asset_of(record), list(remarks)


@dataclass(frozen=True)
class PlanShipment:
    """A plan on its way to the service.

    Attributes:
        plan: The plan; ``None`` where not even the asset's place is known.
        remarks: What is wrong with it, or not known.
        settings: Where it goes.
        wishes: What its owner wishes.
        source: The checkpoint, the series, or the folder with what was made ready.
    """

    plan: Plan | None
    remarks: Sequence[Remark]
    settings: Settings
    wishes: Wishes
    source: Path

    @property
    def overview(self) -> Overview | None:
        """All steps."""
        plan = self.plan
        if plan is None:
            return None
        counts = {"collection": len({step.path for step in plan.collections}), "file": len(plan.files)}
        rows = [
            (step.size, step.path.removeprefix(f"{plan.asset}/")) if step.kind == "file" else (step.kind, step.path)
            for step in plan.steps
        ]
        return Overview(plan.asset, plan.size, counts, rows, self.settings.host)

    @property
    def blocked(self) -> bool:
        """Whether there is no plan, or something keeps it from being sent."""
        return self.plan is None or any(remark.blocking for remark in self.remarks)

    @property
    def hint(self) -> str:
        """How to say where it goes."""
        words = f"candle-spec describe {self.source} --for modac asks for it; --study PROGRAM/STUDY names the place"
        return words if self.plan is None else ""

    def report(self) -> dict[str, Any]:
        """Return plan and problems for programs."""
        problems = [asdict(remark) for remark in self.remarks]
        if self.plan is None:
            return {"problems": problems}
        steps = [
            {"kind": step.kind, "path": step.path, "metadata": dict(step.metadata), "size": step.size}
            for step in self.plan.steps
        ]
        return {"asset": self.plan.asset, "steps": steps, "problems": problems}

    def write(self, *, dry_run: bool) -> str:
        """Make all ready in a folder, where one is named."""
        folder = self.wishes.prepare
        if folder is None:
            return ""
        prepare(self._made, folder)
        return f"-> {folder}    candle-spec publish --to modac --from {folder} sends it"

    def send(self, audience: Audience) -> Sent:
        """Carry out the plan."""
        plan, path = self._made, receipt_path(self.source.resolve(), mapping.TEMPLATE)
        with session(self.settings) as client, audience.bar("publishing", plan.size) as progress:
            made = publish(
                client,
                plan,
                receipt=path,
                create_parents=self.wishes.create_parents,
                now=time.time,
                tell=audience.tell,
                progress=progress,
            )
        return Sent(f"{made.asset}    {made.dme_data_id}", asdict(made), path)

    @property
    def _made(self) -> Plan:
        if self.plan is None:
            raise InvalidInputError("there is no plan", location=str(self.source), hint=self.hint)
        return self.plan
