"""Which images of a bin are kept: one function per rule, chosen by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cc_plugins.dc3.gains import Gain, GraphCut, PaperGain, cross_entropy_errors, greedy, released_errors
from cc_plugins.dc3.threads import one_thread
from ccbench.plugin import UserError

ERRORS = {"released": released_errors, "cross-entropy": cross_entropy_errors}


@dataclass
class Bin:
    """One bin as a sampling rule sees it.

    Attributes:
        members: (n,) int64, where its images stand in the training set, ascending.
        label: its class.
        last_layer: gives the stage ``last-layer``: ``features`` (N, D) and ``logits`` (N, C) of the training set.
        rng: of this bin alone.
        gain: ``"graphcut"`` or ``"paper"``.
        gradient: ``"released"`` or ``"cross-entropy"``.
    """

    members: np.ndarray
    label: int
    last_layer: Callable[[], Mapping[str, np.ndarray]]
    rng: np.random.Generator
    gain: str
    gradient: str

    @cached_property
    def features(self) -> np.ndarray:
        """(n, D) float64, the last layer's input."""
        return self._rows("features")

    @cached_property
    def errors(self) -> np.ndarray:
        """(n, C) float64, derivatives of the loss by the logits; with ``features`` the last layer's gradient."""
        return ERRORS[self.gradient](self._rows("logits"), np.full(len(self.members), self.label))

    def _rows(self, name: str) -> np.ndarray:
        rows = np.asarray(self.last_layer()[name][self.members], np.float64)
        if not np.isfinite(rows).all():
            raise UserError(
                f"the proxy's {name} are not finite",
                found=f"{np.count_nonzero(~np.isfinite(rows).all(1))} of {len(rows)} images of a bin",
                mend="train the proxy at a learning rate it survives, or take another proxy",
            )
        return rows


def submodular(images: Bin, budget: int) -> np.ndarray:
    """Greedy by a gain of the proxy's last layer (section 3.4)."""
    # the network's arrays are asked for outside: where they are not there yet, a proxy is trained for them
    features, errors = images.features, images.errors if images.gain == "graphcut" else None
    with one_thread():
        gain: Gain = PaperGain(features) if errors is None else GraphCut(errors, features)
        return greedy(gain, budget)


def random(images: Bin, budget: int) -> np.ndarray:
    """Without replacement: Table 10's rows without S, and DQ's rule within a bin."""
    return images.rng.choice(len(images.members), budget, replace=False)


# name -> rule(bin, budget) -> (budget,) positions in bin.members; other selections of Table 9 belong here
RULES: dict[str, Callable[[Bin, int], np.ndarray]] = {"submodular": submodular, "random": random}
