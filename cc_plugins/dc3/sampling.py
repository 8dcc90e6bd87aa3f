"""Which images of a bin are kept: one function per rule, chosen by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cc_plugins.dc3.gains import PaperGain
from cc_plugins.submodular.functions import GraphCut
from cc_plugins.submodular.gradients import ERRORS, Gradients, finite_rows
from cc_plugins.submodular.greedy import SetFunction, greedy
from cc_plugins.submodular.threads import one_thread


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
        return finite_rows(self.last_layer(), "features", self.members)

    @cached_property
    def errors(self) -> np.ndarray:
        """(n, C) float64, derivatives of the loss by the logits; with ``features`` the last layer's gradient."""
        logits = finite_rows(self.last_layer(), "logits", self.members)
        return ERRORS[self.gradient](logits, np.full(len(self.members), self.label))


def submodular(images: Bin, budget: int) -> np.ndarray:
    """Greedy by a gain of the proxy's last layer (section 3.4)."""
    # the network's arrays are asked for outside: where they are not there yet, a proxy is trained for them
    features, errors = images.features, images.errors if images.gain == "graphcut" else None
    with one_thread():
        gain: SetFunction = PaperGain(features) if errors is None else GraphCut(Gradients(errors, features))
        return greedy(gain, budget)


def random(images: Bin, budget: int) -> np.ndarray:
    """Without replacement: Table 10's rows without S, and DQ's rule within a bin."""
    return images.rng.choice(len(images.members), budget, replace=False)


# name -> rule(bin, budget) -> (budget,) positions in bin.members; other selections of Table 9 belong here
RULES: dict[str, Callable[[Bin, int], np.ndarray]] = {"submodular": submodular, "random": random}
