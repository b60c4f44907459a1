"""The course's plot style, and the plots that more than one week draws.

Colours are Okabe and Ito's, which readers with any kind of colour blindness can tell apart
(https://jfly.uni-koeln.de/color/). Figures keep a light ground of their own, so they read in dark themes too.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

COLOURS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "grey": "#6E6E6E",
}


def use_style() -> None:
    """Sets matplotlib's defaults for the notebook."""
    plt.rcParams.update(
        {
            "figure.figsize": (7.0, 3.6),
            "figure.dpi": 96,
            "figure.facecolor": "#FCFCFA",
            "savefig.facecolor": "#FCFCFA",
            "figure.constrained_layout.use": True,
            "axes.facecolor": "#FCFCFA",
            "axes.prop_cycle": plt.cycler(color=list(COLOURS.values())),
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.labelsize": 10,
            "grid.color": "#E3E3DE",
            "grid.linewidth": 0.8,
            "lines.linewidth": 1.8,
            "legend.frameon": False,
            "legend.fontsize": 9,
            "image.cmap": "cividis",
            "font.size": 10,
        }
    )


def panels(
    count: int, width: float = 3.2, height: float = 3.0, columns: int | None = None
) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels in rows of at most `columns` (by default all in one row), each in inches."""
    columns = columns or count
    rows = -(-count // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), squeeze=False
    )
    flat = list(axes.flat)
    for spare in flat[count:]:
        spare.axis("off")
    return figure, flat[:count]


def curves(
    histories: Mapping[str, Sequence[float]],
    xlabel: str,
    ylabel: str,
    title: str,
    baselines: Mapping[str, float] | None = None,
    log: bool = False,
    axes: Axes | None = None,
) -> Axes:
    """Lines over their index, from 1, with dashed baselines; each named in the legend."""
    axes = axes or plt.subplots()[1]
    for name, values in histories.items():
        axes.plot(
            range(1, len(values) + 1), values, label=name, marker="." if len(values) < 12 else None
        )
    for i, (name, value) in enumerate((baselines or {}).items()):
        axes.axhline(
            value,
            color=COLOURS["grey"],
            linestyle=["--", ":", "-."][i % 3],
            label=name,
            linewidth=1.3,
        )
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    whole = MaxNLocator("auto", steps=(1, 2, 5, 10), integer=True)  # there is no epoch 1.5
    axes.xaxis.set_major_locator(whole)
    if log:
        axes.set_yscale("log")
    if len(histories) + len(baselines or {}) > 1:
        axes.legend()
    return axes


def matrix(
    values: Any,
    row_names: Sequence[str],
    column_names: Sequence[str],
    xlabel: str,
    ylabel: str,
    title: str,
) -> Axes:
    """A square of numbers as colours with each number written in it: confusion matrices, attention, correlations.

    values: (rows, columns), anything that NumPy takes
    """
    values = np.asarray(values)
    rows, columns = values.shape
    _, axes = plt.subplots(figsize=(0.52 * columns + 1.6, 0.42 * rows + 1.2))
    # The square root lets the small numbers be seen beside the large.
    axes.imshow(np.sqrt(values), aspect="auto")
    middle = np.sqrt(values.max()) / 2
    for (i, j), value in np.ndenumerate(values):
        text = f"{value:.2f}" if values.dtype.kind == "f" else f"{value}"
        axes.text(
            j,
            i,
            text,
            ha="center",
            va="center",
            fontsize=8,
            color="black" if value**0.5 > middle else "white",
        )
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    axes.set_xticks(range(columns), column_names)
    axes.set_yticks(range(rows), row_names)
    axes.grid(False)
    return axes


def images(
    pictures: Any, titles: Sequence[str], title: str, columns: int = 8, size: float = 1.1
) -> Figure:
    """A sheet of small pictures, each with a line above it.

    pictures: (n, height, width) grey or (n, height, width, 3) colour, anything that NumPy takes
    """
    pictures = np.asarray(pictures)
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(size * columns, (size + 0.25) * rows + 0.3), squeeze=False
    )
    for cell in axes.flat:
        cell.axis("off")
    for cell, picture, line in zip(axes.flat, pictures, titles, strict=False):
        cell.imshow(picture, cmap="gray_r" if picture.ndim == 2 else None)
        cell.set_title(line, fontsize=8, loc="center")
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure


def decision_surface(
    predict: Callable[[Tensor], Tensor], points: Tensor, labels: Tensor, axes: Axes, title: str
) -> Any:
    """What a classifier of points in the plane answers everywhere: colours for P(1), a line where it is 1/2.

    predict: (m, 2) → probabilities (m, 1) or (m,)   points: (n, 2)   labels: (n,) or (n, 1), 0 or 1
    Returns the coloured surface, for a colour bar.
    """
    low, high = points.min(0).values - 0.4, points.max(0).values + 0.4
    xs, ys = torch.linspace(low[0], high[0], 120), torch.linspace(low[1], high[1], 120)
    grid = torch.cartesian_prod(xs, ys)
    with torch.no_grad():
        p = predict(grid).reshape(120, 120).T
    # Bands instead of a smooth field: they show the steepness, and keep the picture small.
    surface = axes.contourf(xs, ys, p, levels=torch.linspace(0, 1, 11).tolist(), cmap=_TWO_SIDES)
    if p.min() < 0.5 < p.max():
        axes.contour(xs, ys, p, levels=[0.5], colors="#333333", linewidths=1.4)
    for value, marker, colour in ((0, "o", COLOURS["blue"]), (1, "s", COLOURS["vermilion"])):
        chosen = points[labels.flatten() == value]
        size = 46 if len(points) < 20 else 7
        axes.scatter(
            *chosen.T, marker=marker, s=size, color=colour, label=f"target {value}", zorder=3
        )
    axes.set(xlabel="x₁", ylabel="x₂", title=title)
    axes.grid(False)
    return surface


# From blue through near-white to vermilion: the same two colours as the points.
_TWO_SIDES = LinearSegmentedColormap.from_list("two sides", ["#7FB8D8", "#F7F7F4", "#EBAE7F"])
