"""Which images of a bin are kept: one function per rule, chosen by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cc_plugins.dc3.gains import PaperGain
from cc_plugins.submodular.distances import SquaredDistances
from cc_plugins.submodular.farthest import farthest_first
from cc_plugins.submodular.functions import GraphCut, Herd
from cc_plugins.submodular.gradients import ERRORS, Gradients, cross_entropy_errors, finite_rows
from cc_plugins.submodular.greedy import SetFunction, greedy
from cc_plugins.submodular.matching import match, mean_gradient, positive, weights
from cc_plugins.submodular.quantization import cut, drawn
from cc_plugins.submodular.threads import one_thread

LAMBDA = 1.0  # of GradMatch's ridge, as in DeepCore


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
        cuts: bins into which DQ's rule divides it.
    """

    members: np.ndarray
    label: int
    last_layer: Callable[[], Mapping[str, np.ndarray]]
    rng: np.random.Generator
    gain: str
    gradient: str
    cuts: int

    @cached_property
    def features(self) -> np.ndarray:
        """(n, D) float64, the last layer's input."""
        return finite_rows(self.last_layer(), "features", self.members)

    @cached_property
    def errors(self) -> np.ndarray:
        """(n, C) float64, derivatives of the loss by the logits; with ``features`` the last layer's gradient."""
        return ERRORS[self.gradient](self.logits, self.labels)

    @cached_property
    def logits(self) -> np.ndarray:
        """(n, C) float64."""
        return finite_rows(self.last_layer(), "logits", self.members)

    @property
    def labels(self) -> np.ndarray:
        """(n,) int64, all the same."""
        return np.full(len(self.members), self.label)

    @cached_property
    def matched(self) -> Gradients:
        """What GradMatch matches: gradients of the cross-entropy taken once, whatever ``gradient`` is."""
        return Gradients(cross_entropy_errors(self.logits, self.labels), self.features)


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


def herding(images: Bin, budget: int) -> np.ndarray:
    """The mean feature of the chosen images follows that of all."""
    features = images.features
    with one_thread():
        return greedy(Herd(features), budget)


def k_center(images: Bin, budget: int) -> np.ndarray:
    """A random image, then the one whose feature is farthest from all chosen ones."""
    features = images.features
    with one_thread():
        distances = SquaredDistances(features)
        return farthest_first(distances.to, int(images.rng.integers(len(distances))), budget)


def gradmatch(images: Bin, budget: int) -> np.ndarray:
    """The chosen images' gradients, weighted by :func:`gradmatch_weights`, add up to the mean of all."""
    gradients = images.matched
    with one_thread():
        return match(gradients, mean_gradient(gradients), budget, LAMBDA)


def gradmatch_weights(images: Bin, chosen: np.ndarray) -> np.ndarray:
    """(budget,) float64, above 0."""
    gradients = images.matched
    with one_thread():
        return positive(weights(gradients, mean_gradient(gradients), chosen, LAMBDA))


def dq(images: Bin, budget: int) -> np.ndarray:
    """Evenly and at random from bins that graph cut makes."""
    gradients = Gradients(images.errors, images.features)
    with one_thread():
        return drawn(cut(gradients, images.cuts), budget, images.rng)


# name -> rule(bin, budget) -> (budget,) positions in bin.members
RULES: dict[str, Callable[[Bin, int], np.ndarray]] = {
    "submodular": submodular,
    "random": random,
    "herding": herding,
    "k-center": k_center,
    "gradmatch": gradmatch,
    "dq": dq,
}
# name -> weigher(bin, positions) -> (budget,) what each counts for in the loss; others weigh all alike
WEIGHTS: dict[str, Callable[[Bin, np.ndarray], np.ndarray]] = {"gradmatch": gradmatch_weights}
