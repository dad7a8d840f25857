"""Pictures of measured figures beside the bars they are held to."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

__all__ = ["bars"]

Chart = tuple[str, Mapping[str, float], Mapping[str, float]]
"""Title, measured values by name, and the bar for each name that has one."""


def bars(name: str, charts: Sequence[Chart]) -> Path:
    """Draw the charts side by side into `build/benchmarks/NAME.svg` and return its path."""
    folder = Path(__file__).resolve().parents[1] / "build" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(1, len(charts), figsize=(4.5 * len(charts), 4), squeeze=False)
    for axis, (title, values, limits) in zip(axes[0], charts, strict=True):
        labels = list(values)
        axis.barh(labels, list(values.values()), color="#4477aa")
        for place, label in enumerate(labels):
            axis.annotate(f" {values[label]:,.4g}", (values[label], place), va="center")
            if label in limits:
                axis.plot([limits[label]] * 2, [place - 0.45, place + 0.45], color="#cc3311", lw=2)
        axis.invert_yaxis()
        axis.margins(x=0.25)
        axis.set_title(title + (" (red: the bar)" if limits else ""), fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    for ending in ("png", "svg"):
        figure.savefig(folder / f"{name}.{ending}")
    plt.close(figure)
    return folder / f"{name}.svg"
