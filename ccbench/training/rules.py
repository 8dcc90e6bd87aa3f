"""Rules: what a recipe changes for some networks, class counts, image sizes or budgets. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any

from ccbench.budget import DataShape
from ccbench.offers.expressions import base_name


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One ``[[train.when]]`` table: conditions that must all hold, and the keys that change where they do.

    Bounds include their ends; None is open.

    Attributes:
        architecture: patterns such as ``"swin*"``, one of which must match the network's name; empty: any network.
        min_classes, max_classes: classes of the dataset.
        min_ipc, max_ipc: images that the budget keeps, per class; not always a whole number.
        min_size, max_size: the longer side of the dataset's images in pixels.
        overrides: (key, value) pairs, the values already read and checked.
    """

    architecture: tuple[str, ...] = ()
    min_classes: int | None = None
    max_classes: int | None = None
    min_ipc: float | None = None
    max_ipc: float | None = None
    min_size: int | None = None
    max_size: int | None = None
    overrides: tuple[tuple[str, Any], ...] = ()

    def holds(self, architecture: str, shape: DataShape, kept_images: int) -> bool:
        """Whether the rule speaks of this network, this dataset and a budget that keeps so many images."""
        name = base_name(architecture)  # whatever its parameters
        named = not self.architecture or any(fnmatchcase(name, pattern) for pattern in self.architecture)
        return (
            named
            and _within(shape.classes, self.min_classes, self.max_classes)
            and _within(Fraction(kept_images, shape.classes), self.min_ipc, self.max_ipc)
            and _within(max(shape.height, shape.width), self.min_size, self.max_size)
        )


def _within(value: int | Fraction, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)
