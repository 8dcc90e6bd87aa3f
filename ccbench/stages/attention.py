"""Where the proxy network looks for the true class."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch

from ccbench.errors import UserError
from ccbench.stages.layers import as_map, layer_of
from ccbench.stages.proxy import load_network, normalisation
from ccbench.stages.rise import rise
from ccbench.training.images import DeviceData

BATCH = 256
Saliency = Callable[[torch.Tensor, torch.Tensor], np.ndarray]


def run(context: Any, cam: str = "gradcam++", proxy: str | None = None, masks: int = 256) -> dict[str, np.ndarray]:
    """Write ``attention.npy``: (n, H, W) float16 in [0, 1] of ``context.dataset``, one batch in memory at a time.

    Every map is scaled to reach from 0 to 1; a flat one is all 0.

    Args:
        context: see ``ccbench.task.StageContext``.
        cam: ``"gradcam++"`` (Chattopadhyay et al., 2018), ``"gradcam"`` (Selvaraju et al., 2017) or ``"layercam"``
            (Jiang et al., 2021) on the network's last stage; ``"rise"`` (Petsiuk et al., 2018) on its output.
        proxy: architecture; None is the recipe's.
        masks: random masks of ``"rise"``.

    Raises:
        UserError: the maps of all images are flat, as those of a last stage of a single cell are.
    """
    network, normalise = load_network(context, proxy), normalisation(context, proxy)
    data = DeviceData.from_dataset(context.dataset, context.device)
    height, width = context.dataset.images.shape[1:3]
    out = np.lib.format.open_memmap(
        context.folder / "attention.npy", mode="w+", dtype=np.float16, shape=(len(data), height, width)
    )
    with ExitStack() as stack:
        saliency = (
            rise(network, (height, width), masks=masks, seed=context.seed("rise"), device=context.device)
            if cam == "rise"
            else _cam(cam, network, stack)
        )
        for ids, images in data.batches(BATCH):
            maps = saliency(normalise(images), data.labels[ids])
            if int(ids[0]) == 0 and not np.ptp(maps, axis=(1, 2)).any():
                raise UserError(
                    f"{cam} gives flat maps: the last stage of this proxy does not tell places apart",
                    found=type(network).__name__,
                    mend="attention=rise or none, or proxy=resnet18",
                )
            out[int(ids[0]) : int(ids[-1]) + 1] = unit(maps)
            context.progress(int(ids[-1]) + 1, len(data), "attention")
    out.flush()
    return {}


def unit(maps: np.ndarray) -> np.ndarray:
    """Maps (b, H, W), each scaled to reach from 0 to 1; flat or undefined ones are 0."""
    maps = np.nan_to_num(np.asarray(maps, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
    return (maps - low) / np.where(high > low, high - low, 1)


def _cam(name: str, network: torch.nn.Module, stack: ExitStack) -> Saliency:
    from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, LayerCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    layer = layer_of(network, "final")
    # gradients are needed from the logits back to this layer and no further
    network.requires_grad_(requires_grad=False)
    layer.requires_grad_(requires_grad=True)
    cls = {"gradcam": GradCAM, "gradcam++": GradCAMPlusPlus, "layercam": LayerCAM}[name]
    cam = stack.enter_context(cls(network, [layer], reshape_transform=lambda output: as_map(output, network)))

    def saliency(images: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
        return cam(images, [ClassifierOutputTarget(y) for y in labels.tolist()])

    return saliency
