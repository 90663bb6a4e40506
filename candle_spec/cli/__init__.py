"""The command line: one verb per file; the only place that knows of exit codes.

To add a command: ``candle_spec/cli/<verb>.py`` with a click command named ``command``, and its name in ``GROUPS`` of
:mod:`candle_spec.cli.program`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``candle-spec``; always leaves by :class:`SystemExit`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:  # asked for by scripts, again and again: answered without loading anything
        from candle_spec._version import __version__

        print(f"candle-spec {__version__}")
        sys.exit(0)
    from candle_spec.cli.program import run

    sys.exit(run(given))
