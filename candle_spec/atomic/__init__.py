"""Crash-safe writing: everything is written elsewhere, synced, then renamed.

All writing of the package goes through the small :class:`Fs` interface, so that tests can inject a crash, a full
disk or a power loss at every single call. Protocol of :class:`Staging`: private folder in the same parent as the
target; every file synced; every folder synced; one rename; the parent synced.
"""

from candle_spec.atomic.fs import PAGE, Fs
from candle_spec.atomic.staging import STAGING_MARK, Staging, private_name, recover, replace_file, write_errors

__all__ = ["PAGE", "STAGING_MARK", "Fs", "Staging", "private_name", "recover", "replace_file", "write_errors"]
