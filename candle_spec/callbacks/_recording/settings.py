"""What every callback may be told beside the objects of its framework, and what its policy may be given as."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from candle_spec.atomic import Fs
from candle_spec.series.policy.params import CheckpointPolicy
from candle_spec.series.saves.save import Saved
from candle_spec.series.store import RunIdentity

Say = Callable[[str], None]
OnSaved = Callable[[Saved], None]

Params = CheckpointPolicy | Mapping[str, Any] | None
"""When to save and what to keep: a policy, hyperparameters with ``ckpt_*`` keys, or nothing: then every epoch."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What every callback may be told; all of it may be left out.

    >>> Checkpoints("out/ckpts", model, settings=Settings(name="uno", asynchronous=False))  # doctest: +SKIP

    Attributes:
        name: Name of the model in the manifest; by default that of its class, else that of the series' parent folder.
        model_description: What is true of the whole study (``candle-model.yaml``).
        run: Who the run is, for workflows.
        rank: Number of this process: only 0 saves, the others restore. By default as the framework says; the processes
            of ``torch.distributed`` save together.
        asynchronous: Whether to write in the background; by default as ``ckpt_async`` says, else yes.
        say: Where the lines for people go; by default the standard error.
        on_saved: Called behind every save, in the writer's thread.
        clock: Seconds; replaced by tests.
        fs: The file system; replaced by tests.
    """

    name: str = ""
    model_description: Mapping[str, Any] | None = None
    run: RunIdentity | None = None
    rank: int | None = None
    asynchronous: bool | None = None
    say: Say | None = None
    on_saved: Sequence[OnSaved] = ()
    clock: Callable[[], float] = time.monotonic
    fs: Fs = field(default_factory=Fs)

    def filled(self, *, name: str = "", rank: int | None = None) -> Settings:
        """Return the settings with what the framework knows, where they do not say it themselves."""
        return replace(self, name=self.name or name, rank=rank if self.rank is None else self.rank)

    def title(self, folder: Path) -> str:
        """Return the name of the model: that given, else that of the folder in which the series lies."""
        return self.name or folder.resolve().parent.name


DEFAULTS: Final = Settings()


def policy_of(given: Params) -> CheckpointPolicy:
    """Return a policy from whatever a callback was given."""
    if isinstance(given, CheckpointPolicy):
        return given
    return CheckpointPolicy.from_params({"ckpt_save_interval": 1} if given is None else given)
