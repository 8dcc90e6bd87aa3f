"""Where the proxy network looks for the true class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ccbench.errors import UserError
from ccbench.methods.task import StageContext
from ccbench.stages.layers import as_map, layer_of
from ccbench.stages.proxy import load_network, normalisation
from ccbench.stages.rise import rise
from ccbench.training.images import DeviceData

BATCH = 256
PACKAGED = {"hirescam": "HiResCAM", "xgradcam": "XGradCAM", "elementwise": "GradCAMElementWise"}
EPSILON = 1e-6  # under the fraction of Grad-CAM++
Saliency = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def run(context: StageContext, cam: str, proxy: str | None, masks: int) -> dict[str, np.ndarray]:
    """Write ``attention.npy``: (n, H, W) float16 in [0, 1] of ``context.dataset``, one batch in memory at a time.

    Every map is scaled to reach from 0 to 1; a flat one is all 0. Maps are made where the network is; the host
    sees the finished ones only.

    Args:
        context: see ``ccbench.methods.task.StageContext``.
        cam: ``"gradcam++"`` (Chattopadhyay et al., 2018), ``"gradcam"`` (Selvaraju et al., 2017) or ``"layercam"``
            (Jiang et al., 2021) on the network's last stage; ``"rise"`` (Petsiuk et al., 2018) on its output; the
            ones of :data:`PACKAGED` as the package grad-cam has them, image by image on the host.
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
    if cam == "rise":
        saliency = rise(network, (height, width), masks=masks, seed=context.seed("rise"), device=context.device)
    elif cam in PACKAGED:
        saliency = packaged(cam, network)
    else:
        saliency = class_activation(cam, network)
    start = 0
    for ids, images in data.batches(BATCH):
        maps = unit(saliency(normalise(images), data.labels[ids]))
        if start == 0 and not bool(maps.any()):
            raise UserError(
                f"{cam} gives flat maps: the last stage of this proxy does not tell places apart",
                found=type(network).__name__,
                mend="attention=rise or none, or proxy=resnet18",
            )
        out[start : start + len(ids)] = maps.half().cpu().numpy()
        start += len(ids)
        context.progress(start, len(data), "attention")
    out.flush()
    return {}


def unit(maps: torch.Tensor) -> torch.Tensor:
    """Maps (b, H, W), each scaled to reach from 0 to 1; flat or undefined ones are 0."""
    maps = maps.float().nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / torch.where(high > low, high - low, 1)


def class_activation(name: str, network: torch.nn.Module) -> Saliency:
    """A function (images (b, 3, H, W) normalised, labels (b,)) -> activation maps (b, H, W) of the labelled class.

    The network is run without gradients up to its last stage, whose output A alone is differentiated. With
    G the gradient of the class's logit, maps are the positive part of

    - ``gradcam``: the sum over channels of mean(G) A (Selvaraju et al., section 3),
    - ``gradcam++``: the same with weights sum(alpha relu(G)), alpha = G^2 / (2 G^2 + sum(A) G^3), which is
      Equation 19 of Chattopadhyay et al. for the exponential of the logit,
    - ``layercam``: the sum over channels of relu(G) A (Jiang et al., Equation 6),

    brought to the size of the image bilinearly.

    Args:
        name: which of the three.
        network: in eval mode; its parameters are frozen.
    """
    network.requires_grad_(requires_grad=False)
    leaf: list[torch.Tensor] = []

    def begin_here(_module: torch.nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        leaf.append(output.detach().requires_grad_())
        return leaf[-1].clone()  # what follows may work in place

    layer_of(network, "final").register_forward_hook(begin_here)

    def saliency(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        leaf.clear()
        chosen = network(images).gather(1, labels[:, None]).sum()
        (slope,) = torch.autograd.grad(chosen, leaf[-1])
        values, slope = (as_map(t, network).float() for t in (leaf[-1].detach(), slope))
        maps = unit(_combined(name, values, slope).relu())  # first, so that a flat map stays flat in the next line
        return F.interpolate(maps[:, None], size=images.shape[2:], mode="bilinear", align_corners=False)[:, 0]

    return saliency


def packaged(name: str, network: torch.nn.Module) -> Saliency:
    """The same function from the package grad-cam.

    Args:
        name: one of :data:`PACKAGED`.
        network: in eval mode; its parameters are frozen up to the last stage.
    """
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    layer = layer_of(network, "final")
    # gradients are needed from the logits back to this layer and no further
    network.requires_grad_(requires_grad=False)
    layer.requires_grad_(requires_grad=True)
    cam = getattr(pytorch_grad_cam, PACKAGED[name])(
        network, [layer], reshape_transform=lambda output: as_map(output, network)
    )

    def saliency(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(cam(images, [ClassifierOutputTarget(y) for y in labels.tolist()]))

    return saliency


def _combined(name: str, values: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    """(b, h, w) from activations and gradients (b, C, h, w)."""
    if name == "layercam":
        return (slope.relu() * values).sum(1)
    if name == "gradcam":
        weights = slope.mean((2, 3))
    else:
        square = slope.square()
        below = 2 * square + values.sum((2, 3), keepdim=True) * square * slope + EPSILON
        weights = (torch.where(slope != 0, square / below, 0) * slope.relu()).sum((2, 3))
    return torch.einsum("bc,bchw->bhw", weights, values)
