"""What a callback may be told beyond the policy, and what it tells of a restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from candle_spec.atomic import Fs
from candle_spec.callbacks._recording.adapter import Restored
from candle_spec.checkpoint.contents import Contents, StatePart
from candle_spec.series.saves.save import Saved
from candle_spec.series.store import Documents, RunIdentity

Say = Callable[[str], None]
OnSaved = Callable[[Saved], None]


@dataclass(frozen=True, slots=True)
class Restart:
    """Where a training goes on.

    Attributes:
        epoch: Completed epochs: the number of the next one, counted from 0.
        step: Completed steps, where they were counted.
        metrics: What was measured at that moment.
        path: The checkpoint.
        why: Why this one.
        restored: What was restored and what was not.
    """

    epoch: int
    step: int | None
    metrics: Mapping[str, float]
    path: Path
    why: str
    restored: Restored


@dataclass(slots=True)
class Options:
    """What a callback may be told beyond the policy.

    Attributes:
        folder: Folder of the series; by default that of the policy.
        name: Name of the model in the manifest.
        model_description: What is true of the whole study (``candle-model.yaml``).
        run: Who the run is, for workflows.
        rank: Number of this process; only 0 records.
        asynchronous: Whether to write in the background; by default as the policy says, else yes.
        say: Where the lines for people go.
        on_saved: Called behind every save, in the writer's thread.
        document: Makes files that describe what was written, for the checkpoint itself (``ckpt-info.json``).
        clock: Seconds; replaced by tests.
        fs: The file system; replaced by tests.
    """

    folder: str | Path | None = None
    name: str = ""
    model_description: Mapping[str, Any] | None = None
    run: RunIdentity | None = None
    rank: int = 0
    asynchronous: bool | None = None
    say: Say | None = None
    on_saved: Sequence[OnSaved] = ()
    document: Documents | None = None
    clock: Callable[[], float] = time.monotonic
    fs: Fs = field(default_factory=Fs)


def weights_alone(contents: Contents) -> Contents:
    """Return the contents without the training state: the model, and an average of it if there is one."""
    groups = [group for group in contents.groups if group.kind in ("model", "ema")]
    kept = {group.id for group in groups}
    tensors = [tensor for tensor in contents.tensors if tensor.group in kept]
    absent = StatePart("absent", "only the weights are saved, as the settings ask for")
    parts = dict.fromkeys((*contents.state_parts, "metric"), absent)
    return replace(contents, groups=groups, tensors=tensors, state=None, state_parts=parts)
