"""Feature maps of the proxy network, pooled and flattened."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from ccbench.methods.task import StageContext
from ccbench.stages.layers import as_map, last_linear, layer_of
from ccbench.stages.proxy import load_network, normalisation
from ccbench.stages.rows import RowFile
from ccbench.training.images import DeviceData

BATCH = 512


@torch.no_grad()
def run(context: StageContext, layer: str, pool: int, proxy: str | None) -> dict[str, np.ndarray]:
    """Write ``features.npy``: (n, D) float32 of ``context.dataset``, one batch in memory at a time.

    Args:
        context: see ``ccbench.methods.task.StageContext``.
        layer: ``"shallow"``, ``"mid1"``, ``"mid2"`` or ``"final"``, see :func:`ccbench.stages.layers.layer_of`:
            D = channels * pool * pool, channels first. ``"penultimate"`` is the classifier's input, not pooled.
        pool: cells along each side; average pooling to exactly pool x pool, also where the map is smaller.
        proxy: architecture; None is the recipe's.

    Raises:
        UserError: the network has no such layer.
    """
    network, normalise = load_network(context, proxy), normalisation(context, proxy)
    data = DeviceData.from_dataset(context.dataset, context.device)
    if layer == "penultimate":
        hook = last_linear(network).register_forward_pre_hook(lambda _m, inputs: _stop(inputs[0]))
    else:
        hook = layer_of(network, layer).register_forward_hook(lambda _m, _i, output: _stop(output))
    features, start = RowFile(context.folder / "features.npy", len(data)), 0
    try:
        for ids, images in data.batches(BATCH):
            try:
                network(normalise(images))
            except _Reached as reached:
                values = reached.values.float()
            if layer != "penultimate":
                values = F.adaptive_avg_pool2d(as_map(values, network), pool)
            features.write(start, values.flatten(1).cpu().numpy())
            start += len(ids)
            context.progress(start, len(data), "features")
    finally:
        hook.remove()
    features.close()
    return {}


class _Reached(Exception):  # noqa: N818
    """Ends a forward pass where the features are: the layers behind it are most of a network's work."""

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values


def _stop(values: torch.Tensor) -> None:
    raise _Reached(values)
