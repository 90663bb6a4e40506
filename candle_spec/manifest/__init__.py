"""The manifest and its side documents: their schemas, versions, migrations, typed view, and how people write them.

The schemas under ``schemas/`` are the source of truth. What is here executes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from candle_spec import pointer
from candle_spec.errors import CorruptFileError
from candle_spec.manifest.collection import CURRENT, schema_id
from candle_spec.manifest.documents import Document, load_document
from candle_spec.manifest.schema import check
from candle_spec.manifest.versions import identify

if TYPE_CHECKING:
    from candle_spec.manifest.models import Manifest

__all__ = ["CURRENT", "Document", "check", "identify", "load_document", "schema_id", "view"]


def view(document: dict[str, Any]) -> Manifest:
    """Return the manifest as typed objects: a lenient view for reading, not a check (:func:`check` is).

    Raises:
        CorruptFileError: A value is of another type than its schema says, or a member that must be there is not.
    """
    from pydantic import ValidationError

    from candle_spec.manifest.models import Manifest

    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise CorruptFileError(
            f"the manifest breaks its schema: {first['msg']}",
            location=pointer.join(first["loc"]),
            hint="candle-spec validate says all that is wrong",
            code="CKP1003",
        ) from error
