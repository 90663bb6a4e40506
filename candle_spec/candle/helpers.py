"""Small things that CANDLE programs use: seeds, loggers, defaults that all frameworks share."""

from __future__ import annotations

import logging
import os
import random
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

from candle_spec.candle.files import verify_path
from candle_spec.errors import InvalidInputError

_DEFAULTS: Final = {
    "decay_lr": 0.0,
    "epsilon": 1e-8,
    "rho": 0.9,
    "momentum_sgd": 0.0,
    "nesterov_sgd": False,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "decay_schedule_lr": 0.004,
    "minval_uniform": -0.05,
    "maxval_uniform": 0.05,
    "mean_normal": 0.0,
    "stddev_normal": 0.05,
}


def keras_default_config() -> dict[str, Any]:
    """Return the settings of optimizers and initializers that CANDLE uses in all frameworks alike."""
    return dict(_DEFAULTS)


def chosen(what: str, name: str, table: Mapping[str, Any]) -> Any:
    """Return what has a name in a table.

    Raises:
        InvalidInputError: Nothing has; the message says what there is.
    """
    if name not in table:
        raise InvalidInputError(f"no {what} is called {name!r}", hint=f"there are {', '.join(table)}")
    return table[name]


def set_seed(seed: float) -> None:
    """Seed the random numbers of Python, of numpy, and of each framework that the program has imported.

    Args:
        seed: The seed; CANDLE programs read it as a float.
    """
    import numpy

    number = int(seed)
    os.environ["PYTHONHASHSEED"] = "0"
    random.seed(number)
    numpy.random.seed(number % 2**32)
    torch, tensorflow, keras = (sys.modules.get(name) for name in ("torch", "tensorflow", "keras"))
    if torch is not None:
        torch.manual_seed(number)
    if tensorflow is not None:
        tensorflow.random.set_seed(number)
    if keras is not None:
        keras.utils.set_random_seed(number % 2**32)


def set_parallelism_threads() -> None:
    """Limit TensorFlow's threads to ``NUM_INTRA_THREADS`` and ``NUM_INTER_THREADS``, where both are set."""
    counts = [os.environ.get(name) for name in ("NUM_INTRA_THREADS", "NUM_INTER_THREADS")]
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and counts[0] and counts[1]:
        tensorflow.config.threading.set_intra_op_parallelism_threads(int(counts[0]))
        tensorflow.config.threading.set_inter_op_parallelism_threads(int(counts[1]))


def set_up_logger(
    logfile: str,
    logger: logging.Logger,
    verbose: bool = False,
    fmt_line: str = "[%(asctime)s %(process)d] %(message)s",
    fmt_date: str = "%Y-%m-%d %H:%M:%S",
) -> None:
    """Let a logger write to a file, and to the screen: details only if ``verbose``. A second call changes nothing."""
    if any(getattr(handler, "candle_file", None) == logfile for handler in logger.handlers):
        return
    verify_path(logfile)
    file = logging.FileHandler(logfile)
    file.setFormatter(logging.Formatter(fmt_line, datefmt=fmt_date))
    file.candle_file = logfile  # type: ignore[attr-defined]
    screen = logging.StreamHandler(sys.stdout)
    screen.setLevel(logging.DEBUG if verbose else logging.INFO)
    logger.setLevel(logging.DEBUG)
    logger.addHandler(file)
    logger.addHandler(screen)


class Progbar:
    """A line that says how far a loop is.

    Args:
        target: The count at which it is done.
        width: Unused; the line has no bar.
        verbose: 0 says nothing.
        interval: Seconds between two lines at least; the last count is always said.
    """

    def __init__(self, target: int, width: int = 30, verbose: int = 1, interval: float = 0.01) -> None:
        self.target = target
        self.verbose = verbose
        self.interval = interval
        self.seen_so_far = 0
        self._said = 0.0

    def update(self, current: int, values: Any = (), force: bool = False) -> None:
        """Say a new count, and named values."""
        self.seen_so_far = current
        due = force or current >= self.target or time.monotonic() - self._said >= self.interval
        if self.verbose and due:
            self._said = time.monotonic()
            rows = "".join(f" - {name}: {value:.4f}" for name, value in values)
            end = "\n" if current >= self.target else ""
            sys.stdout.write(f"\r{current}/{self.target}{rows}{end}")

    def add(self, n: int, values: Any = ()) -> None:
        """Say that the count grew."""
        self.update(self.seen_so_far + n, values)
