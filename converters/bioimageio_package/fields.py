"""Fields of the manifest from the description of a bioimage.io model (0.3 to 0.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from candle_spec.conversion.contract import Field, Source
from candle_spec.converters._shared import values
from candle_spec.converters._shared.documents import mapping, sequence
from candle_spec.converters._shared.source_files import source_at

_IMPORT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_ROLES: Final = {"train": "train", "validation": "validation", "test": "test", "independent": "external"}


def path_of(stated: Any) -> str:
    """Return the path or URL that names a file: text, or the ``source`` of a description of the file."""
    if isinstance(stated, dict):
        stated = stated.get("source")
    return stated if isinstance(stated, str) and "\0" not in stated else ""


def stated_source(package: Source, stated: Any) -> Source | None:
    """Return what a path names in the package, ``None`` for a URL and for what is not there.

    Raises:
        UnsafeContentError: The path leads out of the package.
    """
    path = path_of(stated)
    return source_at(package, path) if path and "://" not in path else None


def model_fields(about: Mapping[str, Any], origin: str, key: str, paths: Mapping[str, str]) -> list[Field]:
    """Return what the description says of the model.

    Args:
        about: The description.
        origin: Its name.
        key: The weights that were taken.
        paths: Where files are kept in the checkpoint, by their names.
    """
    found = values.Fields(origin)
    found.add("/version", values.name(about.get("version")), "version")
    found.add("/description", values.text(about.get("description")), "description")
    found.add("/license/weights", values.spdx(about.get("license")), "license")
    found.add("/keywords", values.names(about.get("tags", [])), "tags")
    found.add("/identifiers", _identifiers(about), "id")
    found.add("/creators", _people(about.get("authors")), "authors")
    roles = (("maintainers", "ContactPerson"), ("packaged_by", "DataCurator"), ("uploader", "Distributor"))
    found.add("/contributors", [row for name, role in roles for row in _people(about.get(name), role)], "maintainers")
    found.add("/citation", _citation(about), "cite")
    found.add("/related_identifiers", list(_related(about)), "cite, git_repo, parent")
    found.add("/dates/published", values.date(about.get("timestamp")), "timestamp")
    weights = mapping(mapping(about.get("weights")).get(key))
    found.add("/model/implementation", _implementation(about, weights, paths), f"weights/{key}/architecture")
    architecture = mapping(weights.get("architecture"))
    found.add("/model/architecture", values.line(architecture.get("callable")), "architecture/callable")
    _config(found, mapping(mapping(about.get("config")).get("bioimageio")), origin)
    data = mapping(about.get("training_data"))
    name = values.line(data.get("name")) or values.line(data.get("id"))
    found.add("/training/datasets", [{"name": name, "role": "train"}] if name else None, "training_data")
    return found.fields


def _identifiers(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    stated = values.line(about.get("id"))
    known = values.doi(stated) if stated else None
    if known:
        return [{"scheme": "doi", "value": known}]
    return [{"scheme": "other", "value": stated}] if stated else []


def _people(stated: Any, role: str = "") -> list[dict[str, Any]]:
    rows = stated if isinstance(stated, list) else [stated]
    found = [values.person(mapping(row)) for row in rows]
    return [person | ({"role": role} if role else {}) for person in found if person][:1000]


def _citation(about: Mapping[str, Any]) -> str | None:
    lines: list[str] = []
    for row in sequence(about.get("cite")):
        entry = mapping(row)
        parts = [values.line(entry.get("text")), values.doi(entry.get("doi")) or values.uri(entry.get("url"))]
        lines.append(" ".join(part for part in parts if part))
    return values.text("\n".join(line for line in lines if line))


def _related(about: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for row in sequence(about.get("cite")):
        known = values.doi(mapping(row).get("doi"))
        entry = values.identifier("doi", known) if known and known not in seen else None
        if entry:
            seen.add(entry["value"])
            yield entry | {"relation": "IsDescribedBy"}
    for key, relation in (("git_repo", "IsSupplementedBy"), ("documentation", "IsDocumentedBy")):
        entry = values.identifier("url", path_of(about.get(key)))
        if entry:
            yield entry | {"relation": relation}
    parent = values.line(mapping(about.get("parent")).get("id"))
    if parent:
        yield {"scheme": "other", "value": parent, "relation": "IsDerivedFrom"}


def _implementation(about: Mapping[str, Any], weights: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
    """Return where the network's code is: in the package, or in a library."""
    stated = weights.get("architecture")
    found: dict[str, Any] = {}
    if isinstance(stated, str):  # until 0.4: file.py:Class
        file, _, name = stated.rpartition(":")
        stated = {"source": file, "callable": name, "kwargs": weights.get("kwargs")}
    rows = mapping(stated)
    called = rows.get("callable")
    if isinstance(called, str) and _IMPORT.fullmatch(called) and len(called) <= 500:
        found["callable"] = called
    library = rows.get("import_from")
    if isinstance(library, str) and _IMPORT.fullmatch(library) and len(library) <= 500:
        found["import_path"] = library
    kwargs = mapping(rows.get("kwargs"))
    if kwargs:
        found["kwargs"] = values.json_value(kwargs)
    path, digest = paths.get(path_of(rows.get("source"))), rows.get("sha256") or weights.get("architecture_sha256")
    if path and isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest):
        found["source"] = {"path": path}
    repository = values.uri(about.get("git_repo"))
    return found | ({"repository": repository} if repository and found else {})


def _config(found: values.Fields, config: Mapping[str, Any], origin: str) -> None:
    """Add what the model card of 0.5 holds under ``config.bioimageio``."""
    found.add("/model/architecture_family", values.line(config.get("architecture_type")), "config/architecture_type")
    found.add("/model/task", values.line(config.get("task")), "config/task")
    found.add("/model/domain", values.line(config.get("modality")), "config/modality")
    found.add("/out_of_scope_use", values.text(config.get("out_of_scope_use")), "config/out_of_scope_use")
    bias = mapping(config.get("bias_risks_limitations"))
    said = config.get("bias_risks_limitations") if not bias else None
    found.add(
        "/limitations", values.text(bias.get("limitations")) or values.text(said), "config/bias_risks_limitations"
    )
    found.add("/risks", values.text(bias.get("risks")), "config/bias_risks_limitations/risks")
    training = mapping(config.get("training"))
    found.add("/training/epochs", values.count(training.get("training_epochs")), "config/training/training_epochs")
    found.add("/training/loss", values.line(training.get("loss_function")), "config/training/loss_function")
    optimizer = values.name(training.get("optimizer"))
    found.add("/training/optimizer", {"name": optimizer} if optimizer else None, "config/training/optimizer")
    settings = {k: values.json_value(v) for k, v in training.items() if v is not None and isinstance(k, str) and k}
    found.add("/training/hyperparameters", settings, "config/training")
    found.add("/evaluations", list(_evaluations(config, origin))[:10_000], "config/evaluations")


def _evaluations(config: Mapping[str, Any], origin: str) -> Iterator[dict[str, Any]]:
    """Yield the values of known metrics of tables with one row, or a row for each factor."""
    for item in sequence(config.get("evaluations")):
        row = mapping(item)
        factors = [values.line(name) for name in sequence(row.get("evaluation_factors"))]
        metrics = sequence(row.get("metrics"))
        for number, result in enumerate(sequence(row.get("results"))):
            for metric, value in zip(metrics, sequence(result), strict=False):
                entry = values.evaluation(
                    metric,
                    value,
                    origin,
                    dataset=values.line(row.get("dataset_id")),
                    split=_ROLES.get(str(row.get("dataset_role"))),
                    n=values.count(row.get("sample_count")),
                    slice=factors[number] if number < len(factors) else None,
                )
                if entry is not None:
                    yield entry
