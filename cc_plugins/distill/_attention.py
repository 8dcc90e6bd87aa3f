"""Matching attention: Sajedi et al., DataDAM: Efficient Dataset Distillation with Attention Matching, ICCV 2023."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from cc_plugins.distill._distribution import DistributionMatching, Embedding
from cc_plugins.distill._networks import Features
from ccbench.plugin import UserError

WEIGHT = 100.0  # of the whole loss in the released code


class AttentionMatching(DistributionMatching):
    """As matching distributions, with attention maps beside what the classifier sees.

    Args:
        balance: weight of the distance of mean features beside that of the maps.
        power: see :func:`attention`.
        matched: all others, see :class:`DistributionMatching`.
    """

    def __init__(self, *, balance: float, power: float, **matched: Any) -> None:
        super().__init__(**matched)
        self.balance, self.power = balance, power

    def features(self, network: nn.Module) -> Embedding:
        """The maps of all blocks but the last, and the features."""
        return Attention(network, self.balance, self.power)


class Attention:
    """Where the blocks of a network look, and what it sees in the end, as one row for each image.

    The squared distance of two mean rows is 100 times the sum over blocks of those of mean maps, and ``balance`` times
    that of mean features.

    Args:
        network: with blocks that end in ReLU, and a linear layer at its end.
        balance: at least 0.
        power: see :func:`attention`.

    Raises:
        UserError: the network has less than two such blocks, or no such layer.
    """

    def __init__(self, network: nn.Module, balance: float, power: float) -> None:
        self._network, self._balance, self._power = network, balance, power
        self._features = Features(network)
        self._maps: list[torch.Tensor] = []
        blocks = [module for module in network.modules() if isinstance(module, nn.ReLU)]
        if len(blocks) < 2:
            raise UserError(
                f"{type(network).__name__} has no blocks whose attention could be matched",
                found=f"{len(blocks)} layers of ReLU",
                mend="network=convnet-d3, or another one of several blocks with ReLU",
            )
        for block in blocks[:-1]:
            block.register_forward_hook(self._watch)

    def _watch(self, module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        self._maps.append(attention(output, self._power))

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(b, 3, H, W) normalised images to (b, d)."""
        self._maps.clear()
        features = self._features(images)
        row = torch.cat([*self._maps, self._balance**0.5 * features], 1)
        self._maps.clear()
        return WEIGHT**0.5 * row


def attention(activations: torch.Tensor, power: float) -> torch.Tensor:
    """Where (b, C, h, w) activations are strong: (b, h * w), powers of them added over channels, of length 1."""
    return F.normalize(activations.abs().pow(power).sum(1).flatten(1), dim=1)
