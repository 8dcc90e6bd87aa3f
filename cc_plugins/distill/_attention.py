"""Matching attention: Sajedi et al., DataDAM: Efficient Dataset Distillation with Attention Matching, ICCV 2023."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from cc_plugins.distill._distribution import DistributionMatching, Embedding
from cc_plugins.distill._networks import Features
from ccbench.stages.layers import as_map, stages_of

POWER = 4  # of activations in an attention map, the best of the paper's ablation


class AttentionMatching(DistributionMatching):
    """As matching distributions, with attention maps beside what the classifier sees.

    Args:
        balance: weight of the distance of mean features beside that of the maps.
        matched: all others, see :class:`DistributionMatching`.
    """

    def __init__(self, *, balance: float, **matched: Any) -> None:
        super().__init__(**matched)
        self.balance = balance

    def features(self, network: nn.Module) -> Embedding:
        """The maps of all stages but the last, and the features."""
        return Attention(network, self.balance)


class Attention:
    """Where the stages of a network look, and what it sees in the end, as one row for each image.

    The squared distance of two mean rows is the sum over stages of those of mean maps, and ``balance`` times that of
    mean features.

    Args:
        network: with named stages and a linear layer at its end.
        balance: at least 0.

    Raises:
        UserError: the network has no such stages or no such layer.
    """

    def __init__(self, network: nn.Module, balance: float) -> None:
        self._network, self._share = network, balance**0.5
        self._features = Features(network)
        self._maps: list[torch.Tensor] = []
        for stage in stages_of(network)[:-1]:
            stage.register_forward_hook(
                lambda module, inputs, output: self._maps.append(attention(self._as_map(output)))
            )

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(b, 3, H, W) normalised images to (b, d)."""
        self._maps.clear()
        features = self._features(images)
        row = torch.cat([*self._maps, self._share * features], 1)
        self._maps.clear()
        return row

    def _as_map(self, output: torch.Tensor) -> torch.Tensor:
        return as_map(output, self._network)


def attention(activations: torch.Tensor) -> torch.Tensor:
    """Where (b, C, h, w) activations are strong: (b, h * w), their fourth powers added over channels, of length 1."""
    return F.normalize(activations.abs().pow(POWER).sum(1).flatten(1), dim=1)
