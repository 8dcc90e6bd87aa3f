"""What the gradients of a network's last layer are made of."""

from __future__ import annotations

import numpy as np
import torch

from ccbench.methods.task import StageContext
from ccbench.stages.layers import last_linear
from ccbench.stages.proxy import load_network, normalisation
from ccbench.stages.rows import RowFile
from ccbench.training.images import DeviceData

BATCH = 512


@torch.no_grad()
def run(context: StageContext, proxy: str | None) -> dict[str, np.ndarray]:
    """The classifier's input h and the logits z of every image of ``context.dataset``, plain and in eval mode.

    The gradient of the cross entropy in the last layer's weights and bias is the outer product of
    e = softmax(z) - onehot(y) and [h, 1], so inner products of gradients are <e, e'> (1 + <h, h'>): whoever
    needs them never holds n x C x D numbers.

    Writes ``features.npy`` (n, D) and ``logits.npy`` (n, C), float32, one batch in memory at a time.

    Raises:
        UserError: the network has no linear classifier.
    """
    network, normalise = load_network(context, proxy), normalisation(context, proxy)
    data = DeviceData.from_dataset(context.dataset, context.device)
    inputs: list[torch.Tensor] = []
    hook = last_linear(network).register_forward_pre_hook(lambda _m, given: inputs.append(given[0]))
    out = {name: RowFile(context.folder / f"{name}.npy", len(data)) for name in ("features", "logits")}
    start = 0
    try:
        for ids, images in data.batches(BATCH):
            inputs.clear()
            logits = network(normalise(images)).float()
            for name, rows in (("features", inputs[-1].float().flatten(1)), ("logits", logits)):
                out[name].write(start, rows.cpu().numpy())
            start += len(ids)
            context.progress(start, len(data), "last layer")
    finally:
        hook.remove()
    for file in out.values():
        file.close()
    return {}
