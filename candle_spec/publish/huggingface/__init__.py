"""Hugging Face as a destination: a private repository, every file read back.

``requests`` (what is sent, as data), ``repository`` (a repository, through ``huggingface_hub``), ``delivery`` (a
checkpoint or a series into it), ``shipment`` and ``fetch``.
"""

from typing import Final

from candle_spec.publish.destination import ACCEPT_PERSONAL, OUT, TOKEN_FILE, Destination, Option
from candle_spec.publish.service_package import ServicePackage

DESTINATION: Final[Destination] = ServicePackage(
    __name__,
    title="Hugging Face",
    about="""Publish CHECKPOINT (or a series) to Hugging Face: a private repository, every file read back.

    A series is one repository with a commit and a tag for each epoch (epoch-003); main shows the best one.

    The token is taken from --token-file, $HF_TOKEN or $HF_TOKEN_FILE and never shown.
    """,
    form="OWNER/NAME[@REVISION]",
    options=(
        Option("repository", "The repository; it is made if need be.", required=True, placeholder="OWNER/NAME"),
        Option("public", "Let everybody see it; else it is private.", kind="flag"),
        Option("url", "Address of the service (default: $HF_ENDPOINT, or https://huggingface.co).", default=""),
        ACCEPT_PERSONAL,
        OUT,
        TOKEN_FILE,
    ),
)
