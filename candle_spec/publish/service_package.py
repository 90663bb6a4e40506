"""A destination that is a package: declared in its ``__init__``, its halves loaded when they are needed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from candle_spec.publish.destination import Access, Audience, Option, Shipment, complete

if TYPE_CHECKING:
    from candle_spec.publish.published import Published
    from candle_spec.publish.sources import Selection
    from candle_spec.repositories.packs.pack import Pack


@dataclass(frozen=True, slots=True)
class ServicePackage:
    """A destination.

    Attributes:
        package: ``__name__`` of the package, which holds ``shipment`` with a function ``prepared``, and ``fetch`` with
            one named ``published``.
        title: See :class:`candle_spec.publish.destination.Destination`, as the further ones.
        learns: Module of the package with a function ``informed``, where something is learnt of the service.
    """

    package: str
    title: str
    about: str
    form: str
    options: Sequence[Option] = ()
    learns: str = ""

    def informed(self, pack: Pack) -> Pack:
        """Return the template with what was learnt; see ``Destination.informed``."""
        if not self.learns:
            return pack
        informed: Pack = self._half(self.learns).informed(pack)
        return informed

    def prepared(
        self, selection: Selection, values: Mapping[str, Any], audience: Audience
    ) -> AbstractContextManager[Shipment]:
        """Make everything that would be sent; see ``Destination.prepared``."""
        given = complete(self.options, values)
        shipment: AbstractContextManager[Shipment] = self._half("shipment").prepared(selection, given, audience)
        return shipment

    def published(self, address: str, access: Access) -> AbstractContextManager[Published]:
        """Find what there is to fetch; see ``Destination.published``."""
        published: AbstractContextManager[Published] = self._half("fetch").published(address, access)
        return published

    def _half(self, name: str) -> Any:
        return importlib.import_module(f"{self.package}.{name}")
