"""What a training can say of itself without being asked: versions, code, machine, hyperparameters, dates.

Each value goes into the manifest with where it came from. Nothing here is a secret by kind: environment variables are
not read, and a user name or password inside the address of a repository is left out.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from candle_spec.checkpoint.contents import Field
from candle_spec.checkpoint.training_fields import epoch_evaluation, training_fields
from candle_spec.readers import git

_PACKAGES: Final = """
torch lightning pytorch-lightning transformers accelerate tensorflow keras tf_keras jax jaxlib flax optax equinox
lightgbm xgboost xgboost-cpu scikit-learn numpy scipy pandas candle-spec improvelib candle_lib
""".split()
"""Packages whose version can matter to the numbers."""

_MODULES: Final = {"scikit-learn": "sklearn", "pytorch-lightning": "pytorch_lightning", "xgboost-cpu": "xgboost"}
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LINE: Final = 2000


def provenance(
    *,
    name: str = "",
    hyperparameters: Mapping[str, Any] | None = None,
    program: Path | None = None,
    metrics: Mapping[str, float] | None = None,
    seconds: float | None = None,
) -> list[Field]:
    """Return the fields of the manifest that every training can give.

    Args:
        name: What the training calls its model, or what was inferred.
        hyperparameters: Its settings as JSON.
        metrics: What it measured at the end of the epoch, by its own names.
        program: The program that trains; by default the one that runs.
        seconds: How long it has trained so far.
    """
    fields = [Field("/environment", environment(), "environment", "the process that trained")]
    hardware = _hardware()
    if hardware:
        fields.append(Field("/training/compute", {"hardware": hardware}, "environment", "the machine that trained"))
    if name:
        fields.append(Field("/name", name[:200], "environment", "the training's own name of the model"))
    fields += training_fields(hyperparameters or {}, "given to the callback")
    evaluation = epoch_evaluation(metrics or {})
    if evaluation:
        fields.append(Field("/evaluations", evaluation, "environment", "measured by the training"))
    if seconds is not None:
        fields.append(Field("/training/duration_seconds", round(seconds, 3), "environment", "clock of the process"))
    today = datetime.now(UTC).date().isoformat()
    fields.append(Field("/dates/trained", today, "environment", "clock of the machine"))
    fields += _code(program or _program())
    return fields


def environment() -> dict[str, Any]:
    """Return versions of Python and of the packages in use, the system, and the accelerator if there is one."""
    about: dict[str, Any] = {
        "python": platform.python_version(),
        "packages": dict(_versions()),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}"[:_LINE],
    }
    accelerator = _accelerator()
    return {**about, "accelerator": accelerator} if accelerator else about


def _versions() -> Iterator[tuple[str, str]]:
    for package in _PACKAGES:
        module = _MODULES.get(package, package.replace("-", "_"))
        if module not in sys.modules and package != "candle-spec":
            continue
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            version = getattr(sys.modules.get(module), "__version__", "")
            if version:
                yield package, str(version)


def _accelerator() -> str:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        return f"{len(names)} x {names[0]}, CUDA {torch.version.cuda}"[:_LINE]
    jax = sys.modules.get("jax")
    if jax is not None and jax.default_backend() != "cpu":
        devices = jax.devices()
        return f"{len(devices)} x {devices[0].device_kind}"[:_LINE]
    return ""


def _hardware() -> str:
    """The processor's name as the system gives it."""
    found = ""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        found = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    except OSError:  # no Linux
        found = platform.processor()
    return found[:_LINE]


def _program() -> Path | None:
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    return Path(file) if file else None


def _code(program: Path | None) -> Iterator[Field]:
    """Yield repository and commit of the program, where it is kept in git."""
    if program is None or not program.exists():
        return
    folder = program.resolve().parent
    commit = git.ask(folder, "rev-parse", "HEAD")
    if not _COMMIT.fullmatch(commit):
        return
    changed = git.ask(folder, "status", "--porcelain", "--untracked-files=no")
    detail = "git, with changes that are not committed" if changed else "git"
    yield Field("/model/implementation/commit", commit, "environment", detail)
    remote = git.web_address(git.ask(folder, "config", "--get", "remote.origin.url"))
    if remote:
        yield Field("/model/implementation/repository", remote, "environment", "git remote origin")
