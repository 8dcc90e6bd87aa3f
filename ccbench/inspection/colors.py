"""Colourfulness, the curves of the channels and the distance to the original."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccbench.colors import ColorMeasure, color_distance, density, wasserstein
from ccbench.colors.kde import bandwidth
from ccbench.inspection.subject import Subject
from ccbench.inspection.text import rows, shades

CHANNELS = ("red", "green", "blue")
_POINTS = 64  # of a curve, in the numbers and in the text


def facts(subject: Subject) -> dict[str, Any]:
    """JSON-able data; what needs the original is None without it."""
    color, original = subject.color, subject.original_color
    sets = {"compressed": color} | ({"original": original} if original else {})
    curves = dict(zip(sets, shared_curves(list(sets.values()), np.linspace(0, 1, _POINTS)), strict=True))
    apart = None if original is None else wasserstein(color.histogram, original.histogram)
    return {
        "colorfulness": {name: measure.colorfulness for name, measure in sets.items()},
        "colorfulness_hasler": {name: measure.colorfulness_hasler for name, measure in sets.items()},
        "distance": None if original is None else color_distance(color, original),
        "distances": None if apart is None else dict(zip(CHANNELS, map(float, apart), strict=True)),
        "curves": {
            name: {c: [round(float(v), 5) for v in line] for c, line in zip(CHANNELS, values, strict=True)}
            for name, values in curves.items()
        },
    }


def shared_curves(sets: list[ColorMeasure], at: np.ndarray) -> list[np.ndarray]:
    """The densities (3, m) of each set, all by the widest of their bandwidths.

    Scott's rule smooths a small set more; with a bandwidth of its own each, a subset would
    differ from its original by its size alone.
    """
    widest = np.max([bandwidth(measure.histogram) for measure in sets], axis=0)
    return [density(measure.histogram, at, rule=widest) for measure in sets]


def lines(facts: dict[str, Any]) -> list[str]:
    """The section for people; curves as shades from 0 to 255."""
    pairs = []
    for name, key in (("colourfulness, |R-G|", "colorfulness"), ("colourfulness, R-G", "colorfulness_hasler")):
        found = facts[key]
        beside = f", original {found['original']:.2f}" if "original" in found else ""
        pairs.append((name, f"{found['compressed']:.2f}{beside}"))
    if facts["distance"] is not None:
        each = ", ".join(f"{channel} {value:.4f}" for channel, value in facts["distances"].items())
        pairs.append(("distance", f"{facts['distance']:.4f} ({each})"))
    top = max(max(line) for channels in facts["curves"].values() for line in channels.values())
    for channel in CHANNELS:
        for name, channels in facts["curves"].items():
            pairs.append((f"{channel}, {name}", f"|{shades(channels[channel], top)}|"))
    return ["colours", *rows(pairs)]
