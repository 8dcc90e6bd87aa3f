"""Which module of a network is meant by shallow, mid1, mid2 and final."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ccbench.errors import UserError


def stages_of(network: nn.Module) -> list[nn.Module]:
    """The stages of a network, from the image to the classifier.

    ``layer1``, ``layer2`` ... as ResNets call them; or a list ``stages``, as our own networks and
    many of timm's have; or what timm's ``feature_info`` names.

    Raises:
        UserError: the network has none of these.
    """
    if hasattr(network, "layer1"):
        return [getattr(network, f"layer{i}") for i in range(1, 10) if hasattr(network, f"layer{i}")]
    stages = getattr(network, "stages", None)
    if isinstance(stages, nn.ModuleList | nn.Sequential) and len(stages):
        return list(stages)
    info: Any = getattr(network, "feature_info", None)
    names = info.module_name() if hasattr(info, "module_name") else [entry.get("module") for entry in info or []]
    modules = dict(network.named_modules())
    found = [modules[name] for name in names if name in modules]
    if not found:
        raise UserError(
            f"{type(network).__name__} has no named stages to read features from",
            mend="another proxy, such as resnet18, or features and attention that need no network",
        )
    return found


def layer_of(network: nn.Module, layer: str) -> nn.Module:
    """The module whose output is a named feature map.

    ``shallow`` is the first residual block (DCQ, section 3.2.1): the first block of a ResNet's first
    stage, the whole first stage of other networks. ``mid1``, ``mid2`` and ``final`` are the second, third
    and last stage; a network of three stages has the same map for the last two.

    Raises:
        UserError: the network has no stages.
    """
    stages = stages_of(network)
    if layer == "shallow":
        return stages[0][0] if hasattr(network, "layer1") else stages[0]  # type: ignore[index]
    if layer == "final":
        return stages[-1]
    return stages[min({"mid1": 1, "mid2": 2}[layer], len(stages) - 1)]


def last_linear(network: nn.Module) -> nn.Module:
    """The classifier: the last linear layer.

    Raises:
        UserError: the network has none.
    """
    found = [m for m in network.modules() if isinstance(m, nn.Linear)]
    if not found:
        raise UserError(f"{type(network).__name__} has no linear classifier to read features from")
    return found[-1]


def as_map(output: torch.Tensor, network: nn.Module) -> torch.Tensor:
    """A stage's output as a map (b, C, h, w), whatever its layout.

    Transformers give (b, h, w, C), or (b, tokens, C) with class tokens in front.
    """
    if output.ndim == 4:
        channels_last = getattr(network, "output_fmt", "NCHW") == "NHWC"
        return output.permute(0, 3, 1, 2) if channels_last else output
    if output.ndim == 3:
        patches = output[:, getattr(network, "num_prefix_tokens", 0) :]
        side = int(patches.shape[1] ** 0.5)
        if side * side == patches.shape[1]:
            return patches.transpose(1, 2).unflatten(2, (side, side))
    raise UserError(f"{type(network).__name__} gives no feature maps", found=f"output of shape {tuple(output.shape)}")
