"""MoDaC (https://modac.cancer.gov) as a destination, and as a service to register, upload, query and download.

Layers, each on the ones before it: ``rules names checksums metadata`` (what the service accepts), ``settings tokens
service`` (how it is talked to), ``client`` (its endpoints), ``upload vocabulary session``, ``records mapping plan
checks publish`` (a checkpoint or a series as a whole), ``shipment`` and ``fetch``.
"""

from typing import Final

from candle_spec.modac.options import OPTIONS
from candle_spec.publish.destination import Destination
from candle_spec.publish.service_package import ServicePackage

DESTINATION: Final[Destination] = ServicePackage(
    __name__,
    title="MoDaC",
    about="""Publish CHECKPOINT (or a series) to MoDaC as one asset.

    Everything is checked before anything is sent. A run that broke off is completed by the same command: what is
    there is verified and left alone.
    """,
    form="PATH",
    options=OPTIONS,
    learns="mapping",
)
