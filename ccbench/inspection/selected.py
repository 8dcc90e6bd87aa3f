"""The figure of a selection: its scores among those of all images, and what it keeps of each class."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from ccbench.inspection import selection
from ccbench.inspection.subject import Subject
from ccbench.leaderboard.escaping import clean, mathless

_SCORES = 2  # distributions drawn at most
_NAMED = 40  # classes with their names
_ALL, _KEPT = "#BBBBBB", "#0072B2"


def png(subject: Subject, **_: Any) -> bytes | None:
    """Counts of all images grey, of the kept ones blue. The same file gives the same bytes; None of no selection."""
    facts = selection.facts(subject)
    if facts is None:
        return None
    buffer = io.BytesIO()
    draw(facts, clean(subject.compressed.meta.get("method") or subject.path.stem, 70)).savefig(
        buffer, format="png", metadata={"Software": None}
    )
    return buffer.getvalue()


def draw(facts: dict[str, Any], title: str) -> Any:
    """The matplotlib figure, without touching matplotlib's global state.

    Args:
        facts: of :func:`ccbench.inspection.selection.facts`.
        title: above it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    scores = list(facts["scores"].items())[:_SCORES]
    figure = Figure(figsize=(6.4 + 3.2 * len(scores), 4.4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    *panels, last = figure.subplots(1, len(scores) + 1, squeeze=False)[0]
    for axis, (name, found) in zip(panels, scores, strict=True):
        _distribution(axis, name, found)
    _classes(last, facts)
    figure.suptitle(mathless(title), fontsize=10)
    return figure


def _distribution(axis: Any, name: str, found: dict[str, Any]) -> None:
    high = found["high"] if found["high"] > found["low"] else found["low"] + 1
    edges = np.linspace(found["low"], high, selection.BINS + 1)
    for which, color in (("all", _ALL), ("kept", _KEPT)):
        axis.stairs(found[which]["counts"], edges, fill=True, color=color, label=f"{which} {found[which]['images']:,}")
    axis.set_xlabel(mathless(clean(name, 40)))
    axis.set_ylabel("images")
    axis.set_yscale("symlog")  # a few kept ones beside thousands
    axis.legend(fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1))  # no bar lies below it


def _classes(axis: Any, facts: dict[str, Any]) -> None:
    kept, available = np.array(facts["kept"]), facts["available"]
    places = np.arange(len(kept))
    if available:
        axis.barh(places, available, 0.9, color=_ALL, label=f"all {sum(available):,}")
    axis.barh(places, kept, 0.9, color=_KEPT, label=f"kept {kept.sum():,}")
    axis.invert_yaxis()
    named = len(kept) <= _NAMED
    axis.set_yticks(places if named else [], [mathless(clean(n, 20)) for n in facts["classes"]] if named else [])
    axis.set_ylabel("" if named else f"{len(kept)} classes")
    axis.set_xlabel("images")
    axis.legend(fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1))  # no bar lies below it
