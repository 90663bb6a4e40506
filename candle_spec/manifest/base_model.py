"""The base of the generated models: unknown members are kept, members are found by their name or their alias."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """A typed view of an object of the manifest; it keeps what it does not know."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, protected_namespaces=())
