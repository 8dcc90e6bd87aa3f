"""The figure of the channels' curves, as DC3's Figures 2 and 10 show them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from ccbench.colors import color_distance
from ccbench.inspection.colors import CHANNELS, shared_curves
from ccbench.inspection.subject import Subject
from ccbench.leaderboard.escaping import clean, mathless

_COLOURS = ("#D55E00", "#009E73", "#0072B2")  # Okabe and Ito: told apart with every common kind of colour blindness


def png(subject: Subject, **_: Any) -> bytes:
    """Densities of value/255: compressed solid, original dashed. The same file gives the same bytes."""
    buffer = io.BytesIO()
    draw(subject).savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def draw(subject: Subject) -> Any:
    """The matplotlib figure, without touching matplotlib's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    at, color, original = np.linspace(0, 1, 512), subject.color, subject.original_color
    curves = shared_curves([color, original] if original else [color], at)
    for index, channel in enumerate(CHANNELS):
        axis.plot(at, curves[0][index], color=_COLOURS[index], linewidth=1.5, label=f"{channel}, compressed")
        if original:
            axis.plot(at, curves[1][index], color=_COLOURS[index], linewidth=1.3, linestyle="--",
                      label=f"{channel}, original")  # fmt: skip
    axis.set_xlim(0, 1)
    axis.set_ylim(bottom=0)
    axis.set_xlabel("pixel value / 255")
    axis.set_ylabel("density")
    axis.grid(visible=True, alpha=0.3)
    axis.legend(fontsize=8)
    title = mathless(clean(subject.compressed.meta.get("method") or subject.path.stem, 70))
    apart = f": distance {color_distance(color, original):.4f}" if original else ""
    axis.set_title(f"{title}{apart}\ncolourfulness {color.colorfulness:.2f}"
                   + (f", original {original.colorfulness:.2f}" if original else ""), fontsize=10)  # fmt: skip
    return figure
