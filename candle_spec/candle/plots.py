"""Plots of a training, as CANDLE programs make them. matplotlib is needed only when one is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from candle_spec import optional
from candle_spec.atomic import replace_file
from candle_spec.candle.files import verify_path


@contextmanager
def _figure(path: str | Path, width: float, height: float) -> Iterator[Any]:
    """Give the axes of a figure that is written to ``path`` at the end; no screen is needed, none is opened."""
    optional.require("matplotlib", extra="candle", purpose="plot")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    yield figure.add_subplot()
    data = BytesIO()
    figure.savefig(data, format=Path(path).suffix.lstrip(".") or "png", bbox_inches="tight")
    verify_path(str(path))
    replace_file(Path(path).absolute(), data.getvalue())


def plot_history(
    out: str,
    history: Any,
    metric: str = "loss",
    val: bool = True,
    title: str | None = None,
    width: float = 8,
    height: float = 6,
) -> None:
    """Plot a metric over the epochs, of training and validation, to ``<out>.plot.<metric>.png``.

    Args:
        out: What the path begins with.
        history: What Keras' ``fit`` returns.
        metric: Its name.
        val: Whether validation is plotted too.
        title: Title; ``model <metric>`` by default.
        width: Inches.
        height: Inches.
    """
    with _figure(f"{out}.plot.{metric}.png", width, height) as axes:
        for name, kind, marker in [(metric, "train", "o"), (f"val_{metric}", "val", "d")][: 1 + val]:
            axes.plot(history.history[name], marker=marker, label=f"{kind}_{metric}")
        axes.set(title=title or f"model {metric}", xlabel="epoch", ylabel=metric)
        axes.legend(loc="upper center")


def plot_scatter(data: Any, classes: Any, out: str, width: float = 10, height: float = 8) -> None:
    """Plot points in the plane, coloured by class, to ``<out>.png``.

    Args:
        data: ``(samples, 2)`` or more columns; the first two are plotted.
        classes: A number for each sample.
        out: What the path begins with.
        width: Inches.
        height: Inches.
    """
    with _figure(f"{out}.png", width, height) as axes:
        points = axes.scatter(
            data[:, 0], data[:, 1], c=classes, cmap="gist_rainbow", lw=0.5, edgecolor="black", alpha=0.7
        )
        axes.figure.colorbar(points)


def plot_array(nparray: Any, xlabel: str, ylabel: str, title: str, fname: str) -> None:
    """Plot values in their order to a file."""
    with _figure(fname, 6.4, 4.8) as axes:
        axes.plot(nparray, lw=3.0)
        axes.set(xlabel=xlabel, ylabel=ylabel, title=title)


def plot_metrics(
    history: Any, title: str | None = None, skip_ep: int = 0, outdir: str = ".", add_lr: bool = False
) -> None:
    """Plot every metric that has a validation over the epochs, to ``<outdir>/<metric>.png``.

    Args:
        history: What Keras' ``fit`` returns.
        title: Title.
        skip_ep: Epochs to leave out at the beginning, if there are more.
        outdir: The folder.
        add_lr: Whether the learning rate is plotted too, where the history has it.
    """
    rows = history.history
    epochs = [epoch + 1 for epoch in history.epoch]
    first = skip_ep if skip_ep < len(epochs) else 0
    rate = next((rows[name] for name in ("lr", "learning_rate") if name in rows), None) if add_lr else None
    for metric in [name.removeprefix("val_") for name in rows if name.startswith("val_")]:
        with _figure(Path(outdir) / f"{metric}.png", 6.4, 4.8) as axes:
            for name, style in ((metric, "b.-"), (f"val_{metric}", "r.--")):
                axes.plot(epochs[first:], rows[name][first:], style, label=_words(name))
            axes.set(xlabel="Epoch", ylabel=_words(metric), title=title or "")
            axes.grid(True)
            axes.legend(loc="best")
            if rate is not None:
                _add_rate(axes, epochs[first:], rate[first:])


def _add_rate(axes: Any, epochs: Sequence[int], rate: Sequence[float]) -> None:
    other = axes.twinx()
    other.plot(epochs, rate, "g.:")
    other.set_yscale("log")
    other.set_ylabel("Learning rate")


def _words(name: str) -> str:
    return " ".join(word.capitalize() for word in name.split("_"))
