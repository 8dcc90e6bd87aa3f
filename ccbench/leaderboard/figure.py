"""Accuracy against what is kept: one panel for each dataset, protocol and network."""

from __future__ import annotations

import io
import math

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

from ccbench.leaderboard.escaping import clean
from ccbench.leaderboard.rendering import sections
from ccbench.leaderboard.tables import MEASURED

# Okabe and Ito's palette, told apart with every common kind of colour blindness; black is the full dataset
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#666666")
MARKERS = "osD^vPX*<>h"
_INSIDE = 7  # lines that a legend inside the panel can name without hiding them
_PANELS = 12  # more would be an image of many megapixels that no one reads


def draw(frame: pd.DataFrame) -> Figure:
    """The figure of a leaderboard, without touching matplotlib's global state.

    Each panel: x the bytes kept in per cent (measured; nominal for published rows), logarithmic;
    y the accuracy in per cent, error bars of one standard deviation; the row ``full`` as a dashed
    line; published rows with hollow markers and dotted lines. A broad line joins the measured rows that no other beats
    with as few bytes or fewer, where there are two of them. Where all rows are held to the bytes of their files, x is
    in bytes, and upright lines tell what the raw images and the file of ``full`` take.
    """
    panels = list(sections(frame))[:_PANELS]
    across = max(1, min(3, math.ceil(math.sqrt(len(panels)))))
    down = max(1, math.ceil(len(panels) / across))
    lines = max((rows[["method", "teacher", "source"]].drop_duplicates().shape[0] for _, rows in panels), default=0)
    tall = max(4.6, 0.2 * lines + 0.8)  # a legend beside a panel is as tall as it has lines
    figure = Figure(figsize=(6.4 * across, tall * down), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    for axis, (title, rows) in zip(axes, panels, strict=False):
        _panel(axis, title, rows)
    return figure


def png(frame: pd.DataFrame) -> bytes:
    """The figure as a PNG file's bytes; the same frame gives the same bytes."""
    buffer = io.BytesIO()
    draw(frame).savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _panel(axis, title: str, rows: pd.DataFrame) -> None:
    axis.set_title(_literal(title), fontsize=10)
    axis.set_ylabel("test accuracy (%)")
    axis.grid(visible=True, which="major", alpha=0.3)
    rows = rows[rows["accuracy_mean"].notna()]
    if (rows["source"] == MEASURED).any():  # a published line only where ours is beside it, or none can be read
        rows = rows[rows["method"].isin(set(rows.loc[rows["source"] == MEASURED, "method"]) | {"full"})]
    points = rows[rows["method"] != "full"]
    bytewise = len(points) > 0 and bool((points["match"] == "bytes").all())
    at = _bytes if bytewise else _kept
    axis.set_xlabel(
        "bytes of the file, everything counted (log scale)"
        if bytewise
        else "bytes kept (% of raw 24-bit, measured; log scale)"
    )
    several = rows["teacher"].nunique() > 1  # lines of one method by two teachers are two lines
    names = list(dict.fromkeys(zip(points["method"], points["teacher"], strict=True)))
    for (method, teacher, source), line in points.groupby(["method", "teacher", "source"], sort=False):
        index = names.index((method, teacher))
        method = f"{method}, teacher {teacher}" if several and teacher else method
        ours = source == MEASURED
        place = at(line).sort_values()
        line = line.loc[place.index]
        colour = COLOURS[index % len(COLOURS)]
        axis.errorbar(
            place.to_numpy(), 100 * line["accuracy_mean"].to_numpy(), yerr=100 * line["accuracy_std"].to_numpy(),
            color=colour, marker=MARKERS[index % len(MARKERS)], markerfacecolor=colour if ours else "none", capsize=3,
            linestyle="-" if ours else ":", linewidth=1.3, label=_literal(method if ours else f"{method} ({source})"),
        )  # fmt: skip
    best = front(points[points["source"] == MEASURED])
    if len(best) > 1:
        axis.plot(
            at(best).to_numpy(), 100 * best["accuracy_mean"].to_numpy(), color="black", alpha=0.15, linewidth=6,
            solid_capstyle="round", zorder=0, label="Pareto front",
        )  # fmt: skip
    for row in rows[rows["method"] == "full"].to_dict("records"):
        ours = row["source"] == MEASURED
        name = f"full, teacher {row['teacher']}" if several and row["teacher"] else "full"
        axis.axhline(100 * row["accuracy_mean"], color="black", linewidth=1, linestyle="--" if ours else ":",
                     label=_literal(name if ours else f"full ({row['source']})"))  # fmt: skip
    if bytewise:
        _uprights(axis, rows)
    if len(points):
        axis.set_xscale("log")
        low, high = axis.get_xlim()
        axis.set_xlim(low / 1.25, high * 1.25)  # one ratio alone would be shown as a hair's breadth
        axis.xaxis.set_major_locator(LogLocator(10, subs=_marks(high / low)))
        axis.xaxis.set_major_formatter(EngFormatter("B") if bytewise else FuncFormatter(lambda value, _: f"{value:g}"))
        axis.xaxis.set_minor_formatter(NullFormatter())
    if len(rows):
        many = len(axis.get_legend_handles_labels()[0]) > _INSIDE
        beside = {"loc": "upper left", "bbox_to_anchor": (1.01, 1)}
        axis.legend(fontsize=8, **(beside if many else {"loc": "best"}))


def _marks(span: float) -> tuple[int, ...]:
    """Which multiples of each power of ten are named on an axis over so many times its least value."""
    wide = (15, (1, 2, 3, 4, 6, 8)), (100, (1, 2, 5)), (1000, (1, 3))
    return next((marks for most, marks in wide if span < most), (1,))


def _uprights(axis, rows: pd.DataFrame) -> None:
    """What the images take without a method: as 24-bit pixels, and in the file of ``full``."""
    told = rows[rows["measured_ratio"].notna() & (rows["measured_ratio"] < 1)]
    raw = (told["bytes"] / (1 - told["measured_ratio"])).median()
    full = rows.loc[(rows["method"] == "full") & (rows["source"] == MEASURED), "bytes"].median()
    for size, name, style in ((raw, "24-bit pixels", "-."), (full, "file of full", ":")):
        if pd.notna(size) and size > 0:
            axis.axvline(size, color="black", linewidth=1, linestyle=style, label=name)


def front(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that are more accurate than every row with as few bytes or fewer, by ``kept``, per cent, ascending."""
    ordered = rows.assign(kept=_kept(rows)).sort_values(["kept", "accuracy_mean"], ascending=[True, False])
    before = ordered["accuracy_mean"].cummax().shift(fill_value=-1.0)
    return ordered[ordered["accuracy_mean"] > before]


def _kept(rows: pd.DataFrame) -> pd.Series:
    """Per cent of the raw bytes: measured, otherwise nominal."""
    kept = 100 * (1 - rows["measured_ratio"].fillna(rows["nominal_ratio"]).fillna(rows["ratio"]))
    return kept.clip(lower=1e-6)


def _bytes(rows: pd.DataFrame) -> pd.Series:
    return rows["bytes"].clip(lower=1)


def _literal(text: object) -> str:
    """Dollar signs would be read as mathematics, a leading underscore would hide a line from the legend."""
    line = clean(text, 80).replace("\\", "\\\\").replace("$", r"\$")
    return f" {line}" if line.startswith("_") else line
