"""A sheet with the images of a selection at both ends of its score, and those at both ends that it left out."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccbench.inspection.contact_sheet import Row, drawn, pixels_of, shown, shown_size
from ccbench.inspection.subject import Subject


def png(subject: Subject, *, images: int = 8, **_: Any) -> bytes | None:
    """A PNG file by the first score, each image with its value; None where there are no scores.

    Without the original, or where it has changed since, only kept images are there to be shown.

    Args:
        subject: what is looked at.
        images: in each row at most.

    Raises:
        UserError: an encoded image is damaged.
    """
    if not subject.scores or subject.selected is None:
        return None
    (name, values), kept = next(iter(subject.scores.items())), subject.selected
    size, rows = shown_size(*subject.compressed.shape), []
    for end, places in ends(values[kept], images).items():
        pictures = [shown(pixels_of(subject.compressed, place), size) for place in places]
        rows.append(Row(f"kept, {end}", f"{name:.24}", pictures, _captions(values[kept][places])))
    if subject.unchanged is not None:
        out = np.setdiff1d(np.arange(len(values)), kept)
        for end, places in ends(values[out], images).items():
            pictures = [shown(np.asarray(subject.unchanged.images[i]), size) for i in out[places]]
            rows.append(Row(f"left out, {end}", f"{name:.24}", pictures, _captions(values[out][places])))
    return drawn(rows, size)


def ends(values: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """Positions of the ``count`` highest values from the highest down, and of the lowest from the lowest up.

    Of equal ones the lower position comes first; NaN is at neither end.
    """
    there = np.flatnonzero(~np.isnan(values))
    return {
        "highest": there[np.argsort(-values[there], kind="stable")[:count]],
        "lowest": there[np.argsort(values[there], kind="stable")[:count]],
    }


def _captions(values: np.ndarray) -> list[str]:
    return [f"{value:.3g}" for value in values]
