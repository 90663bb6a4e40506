"""Zenodo as a destination: a draft deposit, which a person publishes on its page.

``deposit`` (what is sent and how), ``shipment`` and ``fetch``.
"""

from typing import Final

from candle_spec.publish.destination import ACCEPT_PERSONAL, OUT, TOKEN_FILE, Destination, Option
from candle_spec.publish.service_package import ServicePackage

DESTINATION: Final[Destination] = ServicePackage(
    __name__,
    title="Zenodo",
    about="""Publish CHECKPOINT (or a series) to Zenodo: a draft deposit, every file verified.

    Publishing the draft is left to you, on its page; a series is one deposit with flat names (epochs__001__…).
    The token is taken from --token-file, $ZENODO_TOKEN or $ZENODO_TOKEN_FILE and never shown. A second run goes on with
    the deposit that the receipt names.
    """,
    form="NUMBER",
    options=(
        Option("url", "Or https://sandbox.zenodo.org.", default="https://zenodo.org"),
        ACCEPT_PERSONAL,
        OUT,
        TOKEN_FILE,
    ),
)
