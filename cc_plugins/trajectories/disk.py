"""What the experts take in the cache, told before any is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccbench.offers.discovery import plugins
from ccbench.offers.expressions import read_call
from ccbench.plugin import DataShape

WEIGHT = 4  # bytes


def bytes_of_experts(params: Mapping[str, Any], shape: DataShape) -> int | None:
    """The weights of all experts at their beginning and after every epoch.

    Args:
        params: of ``mtt`` or ``tesla``.
        shape: of the training set.

    Returns:
        Bytes; None for a network other than a ConvNet, whose weights are counted when it is built.
    """
    weights = weights_of(params["network"], shape)
    return None if weights is None else params["experts"] * (params["expert_epochs"] + 1) * WEIGHT * weights


def weights_of(network: str, shape: DataShape) -> int | None:
    """How many a ConvNet has; None for another network."""
    call = read_call("architecture", network, plugins())
    if call.spec.name != "convnet":
        return None
    given = dict(call.params)
    width, depth = given["width"], given["depth"]
    side = max(shape.height, shape.width) >> depth
    blocks = sum(9 * inputs * width + width + 2 * width for inputs in [3, *[width] * (depth - 1)])
    return blocks + width * side * side * shape.classes + shape.classes
