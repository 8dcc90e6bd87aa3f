"""The optimiser a recipe asks for."""

from __future__ import annotations

from typing import Any

import torch

from ccbench.training.recipe import Recipe


def build_optimizer(network: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """SGD or AdamW over all parameters of a network, one kernel for a step.

    AdamW is Loshchilov and Hutter's (2019, algorithm 2), decoupled from the gradient, with torch's epsilon 1e-8.

    Args:
        network: on the device where it is trained.
        recipe: its ``optimizer``, ``lr``, ``momentum``, ``nesterov``, ``betas``, ``weight_decay`` and ``decay``.
    """
    parameters: Any = network.parameters() if recipe.decay == "all" else _groups(network, recipe.weight_decay)
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(
            parameters, lr=recipe.lr, betas=recipe.betas, weight_decay=recipe.weight_decay, fused=True
        )
    return torch.optim.SGD(
        parameters,
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.nesterov,
        fused=True,
    )


def _groups(network: torch.nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weights of at least two dimensions decay; biases, normalisation, position embeddings and tokens do not."""
    decaying: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in network.named_parameters():
        (decaying if "weight" in name and parameter.ndim > 1 else others).append(parameter)
    groups = [{"params": decaying, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
