"""The exit codes of all commands, in one table."""

from __future__ import annotations

from typing import Final

from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    ProofFailedError,
    ServiceError,
    ServiceRefusedError,
    UnsafeContentError,
    WriteFailedError,
)

OK: Final = 0
FINDINGS: Final = 1
"""The content is at fault: findings, a damaged or unsafe file, a failed proof, a refusal by a service."""
USAGE: Final = 2
"""The call is at fault: an option, a missing path, nothing to work on, an existing output, a missing package."""
INTERNAL: Final = 3
"""The system or this program is at fault: a full disk, a service that cannot be reached, a bug."""
INTERRUPTED: Final = 130

HELP: Final = (
    "Exit codes: 0 all well; 1 findings, or content that cannot be read; 2 usage, nothing found; 3 internal, disk."
)


def of(error: CandleSpecError) -> int:
    """Return the exit code of an error."""
    if isinstance(error, (WriteFailedError, ServiceError)):
        return INTERNAL
    if isinstance(error, (CorruptFileError, UnsafeContentError, ProofFailedError, ServiceRefusedError)):
        return FINDINGS
    return USAGE
