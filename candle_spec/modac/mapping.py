"""What the template of MoDaC makes of a checkpoint or a series, for a publication: one mapping, one set of lists.

``map``, ``readiness`` and ``publish`` read the same source with the same template; what was learnt of the service's
lists (:class:`candle_spec.modac.vocabulary.Knowledge`) takes the place of the packaged ones in all three.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from candle_spec import pointer as pointers
from candle_spec.errors import InvalidInputError
from candle_spec.modac.records import AssetRecord, read_record
from candle_spec.modac.settings import load_settings
from candle_spec.modac.vocabulary import NAMES, Knowledge
from candle_spec.repositories.engine.record import Record
from candle_spec.repositories.engine.source import Origin, Source
from candle_spec.repositories.engine.vocabulary import Vocabulary
from candle_spec.repositories.packs.pack import Pack

TEMPLATE: Final = "modac"


def informed(pack: Pack, knowledge: Knowledge | None = None) -> Pack:
    """Return the template with the lists of values that are known of the service.

    Args:
        pack: The template.
        knowledge: What is known; by default of the service that environment and settings name.
    """
    knowledge = knowledge or Knowledge(load_settings().place)
    lists = dict(pack.vocabularies)
    for attribute, name in NAMES.items():
        known = knowledge.vocabulary(attribute)
        if name in lists and known.state != "unknown":
            terms = {value: lists[name].terms.get(value, ()) for value in known.values}
            lists[name] = Vocabulary(name, known.state, terms)
    return replace(pack, vocabularies=lists)


def place_at(pack: Pack, source: Source, study: str) -> None:
    """Let the source name another study: ``/base/program/study``.

    What is said of a program or a study of another identifier is not said of this one.

    Raises:
        InvalidInputError: It is no path of a study.
    """
    parts = study.strip("/").split("/")
    if len(parts) != 3 or not all(parts):
        raise InvalidInputError(
            f"{study!r} is no path of a study", hint="such as /NCI_DOE_Archive/JDACS4C/JDACS4C_Pilot_1"
        )
    own = pointers.join(["extensions", pack.extension_uri])
    for name, identifier in (("program", parts[1]), ("study", parts[2])):
        about = pointers.get(source.document, f"{own}/{name}")
        kept = about if isinstance(about, dict) and about.get("identifier") in (None, identifier) else {}
        pointers.put(source.document, f"{own}/{name}", {**kept, "identifier": identifier})
        source.origins[f"{own}/{name}/identifier"] = Origin("user", "--study")
    pointers.put(source.document, f"{own}/base_path", f"/{parts[0]}")
    source.origins[f"{own}/base_path"] = Origin("user", "--study")


def asset_of(record: Record) -> AssetRecord | None:
    """Return the record as a publication takes it; ``None`` where it does not even say where the asset goes."""
    document = record.documents.get("asset") or record.documents.get("dataset")
    if not isinstance(document, dict) or "path" not in document or "metadataEntries" not in document:
        return None
    return read_record(record.documents, location=record.template)
