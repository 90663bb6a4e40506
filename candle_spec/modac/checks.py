"""Check a plan before anything is sent: the server's own rules first, in its words, then what it would spoil or leak.

All problems at once. A value is held against a closed vocabulary only; the others are named as unverified.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.modac import names
from candle_spec.modac.metadata import Checked, check_collection, check_file, entry_list
from candle_spec.modac.oversize import largest_file, reshard_command
from candle_spec.modac.plan import Plan, Step
from candle_spec.modac.rules import VALUE_BYTES
from candle_spec.modac.settings import Settings
from candle_spec.modac.vocabulary import WATCHED, Knowledge
from candle_spec.publish.remarks import Remark
from candle_spec.series.outline import EPOCHS
from candle_spec.validation.private_words import SECRETS

_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]{1,100}(\.[^@\s.]{1,63}){1,5}")
_DOI: Final = re.compile(r"10\.[0-9]{4,9}/\S{1,200}")
_UNSEEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00a0\u200b-\u200f\ufeff]")


def check_plan(plan: Plan, settings: Settings, knowledge: Knowledge, *, allow_public: bool = False) -> list[Remark]:
    """Return everything that is wrong with a plan, or not known of it."""
    found: list[Remark] = []
    rules = knowledge.rules()
    for step in plan.steps:
        if step.kind == "file":
            checked = check_file(entry_list(step.metadata), rules)
        elif step.described:
            checked = check_collection(entry_list(step.metadata), rules, path=step.path)
            found += _of_a_collection(step, knowledge, allow_public=allow_public)
        else:
            checked = Checked()
        found += [
            Remark(step.path, fault.message, True, fault.attributes[0] if fault.attributes else "", fault.valid_values)
            for fault in checked.faults
        ]
        found += [
            Remark(step.path, f"the service drops {name}: what controls it does not match", False, name)
            for name in checked.blanked
        ]
        found += _values(step)
        found += _place(step, settings)
    found += _whole(plan, settings)
    return list(dict.fromkeys(found))


def _of_a_collection(step: Step, knowledge: Knowledge, *, allow_public: bool) -> Iterator[Remark]:
    values = step.metadata
    for name in WATCHED:
        value = values.get(name)
        if value and name != "access_group":
            yield from _vocabulary(step, name, value, knowledge)
    if values.get("access_group", "").lower() == "public" and step.kind in ("Asset", "Folder") and not allow_public:
        words = (
            "access_group public: an asset becomes public when its curation is verified; name the group that may see it"
        )
        yield Remark(step.path, words, True, "access_group")
    if values.get("curation_status", "Unverified") != "Unverified":
        yield Remark(step.path, "curation_status is set by reviewers: leave it Unverified", True, "curation_status")
    if "poc_email" in values and not _EMAIL.fullmatch(values["poc_email"]):
        yield Remark(step.path, f"poc_email {values['poc_email']!r} is no e-mail address", True, "poc_email")
    doi = values.get("document_object_identifier")
    if doi and not _DOI.fullmatch(doi):
        words = f"document_object_identifier {doi!r} is no DOI such as 10.1000/182"
        yield Remark(step.path, words, True, "document_object_identifier")
    own = values.get(f"{step.kind.lower()}_identifier")
    if own is not None and (fault := names.identifier_fault(own)) and step.kind != "Folder":
        yield Remark(step.path, f"identifier {own!r}: {fault}", True, f"{step.kind.lower()}_identifier")


def _vocabulary(step: Step, name: str, value: str, knowledge: Knowledge) -> Iterator[Remark]:
    known = knowledge.vocabulary(name)
    if known.state == "closed" or value in known.values:
        return  # a closed one is the business of the rules
    near = get_close_matches(value, known.values, 1)
    hint = f"; in use is {near[0]!r}" if near else ""
    words = {"observed": f"not seen in use as of {known.date}", "unknown": "the service's list is not known"}
    yield Remark(step.path, f"{name} {value!r} is unverified: {words[known.state]}{hint}", False, name, known.values)


def _values(step: Step) -> Iterator[Remark]:
    for name, value in step.metadata.items():
        if len(value.encode()) > VALUE_BYTES:
            words = f"{name} has {len(value.encode())} bytes, more than {VALUE_BYTES}"
            yield Remark(step.path, words, True, name)
        if _UNSEEN.search(name) or _UNSEEN.search(value):
            yield Remark(step.path, f"{name!r} holds a character that nobody sees (control, U+00A0)", True, name)
        for what, pattern in SECRETS:
            if pattern.search(value):
                yield Remark(step.path, f"{name} holds {what}: it is not sent", True, name)


def _place(step: Step, settings: Settings) -> Iterator[Remark]:
    if fault := names.path_problem(step.path):
        yield Remark(step.path, fault)
    elif not step.path.startswith(settings.base_path + "/"):
        yield Remark(step.path, f"the path is not below {settings.base_path}")
    if step.kind == "file" and step.size > largest_file(settings):
        yield Remark(step.path, f"{step.size} bytes are more than one upload takes: {_way_out(step, settings)}")
    if step.data is not None or (step.local is not None and step.path.endswith((".json", ".yaml", ".txt", ".md"))):
        text = _text(step)
        for what, pattern in SECRETS:
            if pattern.search(text):
                yield Remark(step.path, f"the file holds {what}: it is not sent")


def _way_out(step: Step, settings: Settings) -> str:
    """What can be done about a file that is too large."""
    if step.metadata.get("ckpt_role") not in ("weights", "training-state"):
        return "it is no weights file, so it cannot be cut; the service takes larger files by Globus or S3 alone"
    if step.metadata.get("ckpt_path", "").startswith(f"{EPOCHS}/"):
        return "add --reshard"
    if step.local is not None:
        for folder in step.local.parents:
            if (folder / MANIFEST).is_file():
                return f"add --reshard, or make a copy that fits: {reshard_command(folder, settings)}"
    return "prepare it again with --reshard"


def _text(step: Step) -> str:
    if step.data is not None:
        return step.data.decode("utf-8", "replace")
    if step.local is None or step.size > (16 << 20):
        return ""
    return step.local.read_bytes().decode("utf-8", "replace")


def _whole(plan: Plan, settings: Settings) -> Iterator[Remark]:
    seen: dict[str, str] = {}
    for step in plan.files:
        if step.path.lower() in seen:
            yield Remark(step.path, "two files of this name would lie in one folder")
        seen[step.path.lower()] = step.path
    roles = {step.metadata.get("ckpt_role") for step in plan.files if "ckpt_path" in step.metadata}
    if not roles & {"weights", "payload"}:
        yield Remark(plan.asset, "the plan sends no weights")
    metadata: Mapping[str, str] = next((step.metadata for step in plan.steps if step.kind == "Asset"), {})
    if metadata.get("is_model_deployed") == "Yes" and not any(".h5" in step.path for step in plan.files):
        yield Remark(plan.asset, "is_model_deployed Yes: the service needs a .h5 file; add --with-native")
