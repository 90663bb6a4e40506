"""L8: signatures are well made, and of the documents beside which they lie; with a key, they were made by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from candle_spec.checkpoint.layout import EVALUATIONS, MANIFEST, SIGNATURE
from candle_spec.digests import digest_file
from candle_spec.errors import CandleSpecError, ProofFailedError
from candle_spec.problems import Problem
from candle_spec.signing import Signature, read_signature, verify_with_key
from candle_spec.validation.catalogue import from_error
from candle_spec.validation.context import Context, at

_SUFFIX: Final = ".sig"


@dataclass(slots=True)
class Signed:
    """What was found of signatures.

    Attributes:
        manifest: What signed the manifest: ``a key``, ``a certificate``; ``""`` where it is not signed.
        verified: Whether each signature was compared with a key.
        problems: What is wrong.
    """

    manifest: str = ""
    verified: bool = False
    problems: list[Problem] = field(default_factory=list)


def signed(context: Context) -> Signed:
    """Look at all signatures of a checkpoint."""
    found = Signed(verified=context.options.public_key is not None)
    for path, document in _pairs(context):
        signature, problems = _look_at(context, path, document)
        found.problems += problems
        if path == SIGNATURE:
            found.manifest = signature.by if signature else "something"
    return found


def _pairs(context: Context) -> Iterator[tuple[str, str]]:
    """Yield each signature and the document that it is of."""
    listed = {record.get("path") for record in context.manifest.get("files", ())}
    for path in context.found:
        if path == SIGNATURE:
            yield path, MANIFEST
        elif path.startswith(f"{EVALUATIONS}/") and path.endswith(_SUFFIX) and path not in listed:
            yield path, path.removesuffix(_SUFFIX) + ".json"


def _look_at(context: Context, path: str, document: str) -> tuple[Signature | None, list[Problem]]:
    if not context.present(path):
        return None, []  # a link: said elsewhere
    try:
        signature = read_signature(context.root / path, path)
    except CandleSpecError as error:
        return None, [from_error(error, path, "CKP8001")]
    if not context.present(document):
        return signature, [at("CKP8002", f"there is no {document}", file=path)]
    if digest_file(context.root / document) != signature.digest:
        message = f"it is of a document with the digest {signature.digest}, {document} has another one"
        return signature, [at("CKP8002", message, file=path)]
    if context.options.public_key is not None:
        try:
            verify_with_key(context.root / document, context.root / path, context.options.public_key)
        except ProofFailedError as error:
            return signature, [from_error(error, path, "CKP8003")]
    return signature, []
