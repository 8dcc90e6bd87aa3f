"""Texture-preserved palette optimisation (DCQ, section 3.2.3): gradient descent on the palettes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cc_plugins.dcq.edges import texture_loss
from cc_plugins.dcq.lab import bytes_to_lab, lab_to_bytes, lab_to_rgb, rgb_to_lab

STEP_PIXELS = 1 << 12  # per cluster and step: 4 images of 32 x 32, so that a step stays in the cache
SAMPLE_PIXELS = 1 << 15  # per cluster, to judge a palette by
CHECKS = 5  # how often palettes are judged on the way
_CHUNK = 1 << 22  # distances held at a time


@dataclass(frozen=True)
class Refined:
    """Palettes after refinement and what it did.

    Attributes:
        palettes: (k, entries, 3) uint8 RGB.
        before: (k,) the loss of each cluster's first palette, on its sample, rounded to uint8.
        after: (k,) the loss of the palette returned; never above ``before``.
    """

    palettes: np.ndarray
    before: np.ndarray
    after: np.ndarray


def assign(lab: Tensor, palettes: Tensor) -> Tensor:
    """The nearest entry of each pixel in its own image's palette.

    Args:
        lab: (b, 3, H, W).
        palettes: (b, entries, 3) LAB, one for each image.

    Returns:
        (b, H, W) int64; the first of equal ones.
    """
    b, _, height, width = lab.shape
    entries = palettes.shape[1]
    out = torch.empty(b, height, width, dtype=torch.int64, device=lab.device)
    with torch.no_grad():
        step = max(1, _CHUNK // (height * width * entries))
        for start in range(0, b, step):
            x, p = lab[start : start + step].detach(), palettes[start : start + step].detach()
            best = torch.full_like(x[:, 0], torch.inf)
            index = torch.zeros_like(best, dtype=torch.int64)
            for j in range(entries):
                color = p[:, j, :, None, None]
                score = (x[:, 0] - color[:, 0]).square_()
                score += (x[:, 1] - color[:, 1]).square_()
                score += (x[:, 2] - color[:, 2]).square_()
                index.masked_fill_(score < best, j)
                torch.minimum(best, score, out=best)
            out[start : start + step] = index
    return out


def quantise(lab: Tensor, palettes: Tensor, clusters: Tensor) -> Tensor:
    """Each pixel replaced by the nearest entry, with the straight-through gradient.

    Forward, the nearest entry. Backward, the choice of the entry is held fixed, so the
    gradient of an entry is the sum of the gradients of the pixels that chose it.

    Args:
        lab: (b, 3, H, W).
        palettes: (k, entries, 3) LAB, may require a gradient.
        clusters: (b,) int64 in 0 .. k-1.

    Returns:
        (b, 3, H, W).
    """
    index = assign(lab, palettes[clusters]) + (clusters * palettes.shape[1])[:, None, None]
    return _Choice.apply(palettes, index)


class _Choice(torch.autograd.Function):
    """(k, entries, 3) and indices (b, H, W) of its rows to (b, 3, H, W); sums in a fixed order on the way back."""

    @staticmethod
    def forward(ctx, palettes: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.shape = palettes.shape
        table = palettes.reshape(-1, 3)
        return torch.stack([table[:, c].contiguous().take(index) for c in range(3)], dim=1)

    @staticmethod
    def backward(ctx, *grads: Tensor) -> tuple[Tensor, None]:
        (grad,), (index,) = grads, ctx.saved_tensors
        where, rows = index.reshape(-1).numpy(), ctx.shape[0] * ctx.shape[1]
        sums = [np.bincount(where, grad[:, c].reshape(-1).numpy(), minlength=rows) for c in range(3)]
        return torch.from_numpy(np.stack(sums, axis=1)).to(grad.dtype).reshape(ctx.shape), None


def refine(
    images: np.ndarray,
    members: list[np.ndarray],
    palettes: np.ndarray,
    *,
    steps: int,
    lr: float,
    weights: tuple[float, float, float],
    color_weight: float,
    rng: np.random.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> Refined:
    """Refine all palettes in one loop: Adam with a cosine step size, on minibatches of each cluster's images.

    Every step draws the same number of pixels of each cluster, so the time does not depend
    on the number of images. After each step entries are brought back to displayable colours.
    Palettes are judged, as the 8-bit colours that will be stored, on a fixed sample of
    each cluster, and the best one seen is returned, the first one included.

    Args:
        images: (N, H, W, 3) uint8, possibly memory-mapped.
        members: the ids of each cluster's images, none empty.
        palettes: (k, entries, 3) float LAB.
        steps: gradient steps, >= 0.
        lr: the first step size in LAB units.
        weights: w_i of Eq. 6 for L, a, b.
        color_weight: weight of the colour difference.
        rng: draws the minibatches and the sample.
        progress: called with (done, steps).
    """
    pixels = images.shape[1] * images.shape[2]
    w = torch.tensor(weights, dtype=torch.float32)
    count = max(1, SAMPLE_PIXELS // pixels)
    samples = [np.sort(rng.choice(ids, min(count, len(ids)), replace=False)) for ids in members]

    best = lab_to_bytes(torch.as_tensor(palettes, dtype=torch.float32))
    before = _judge(images, samples, bytes_to_lab(best), w, color_weight)
    after = before.copy()
    point = torch.nn.Parameter(
        bytes_to_lab(best) if steps == 0 else torch.as_tensor(palettes, dtype=torch.float32).clone()
    )
    optimiser = torch.optim.Adam([point], lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))
    batch = max(1, STEP_PIXELS // pixels)
    clusters = torch.arange(len(members)).repeat_interleave(batch)
    for step in range(1, steps + 1):
        ids = np.concatenate([m[rng.integers(len(m), size=batch)] for m in members])
        lab = _lab(images, ids)
        optimiser.zero_grad()
        # the mean over a cluster's images, summed over clusters: palettes do not feel one another
        (texture_loss(lab, quantise(lab, point, clusters), w, color_weight).sum() / batch).backward()
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            point.copy_(rgb_to_lab(lab_to_rgb(point)))
        if step == steps or step % max(1, steps // CHECKS) == 0:
            found = lab_to_bytes(point.detach())
            loss = _judge(images, samples, bytes_to_lab(found), w, color_weight)
            better = loss < after
            after[better] = loss[better]
            best[torch.from_numpy(better)] = found[torch.from_numpy(better)]
        if progress is not None:
            progress(step, steps)
    return Refined(best.numpy(), before, after)


def _lab(images: np.ndarray, ids: np.ndarray) -> Tensor:
    return bytes_to_lab(images[ids]).permute(0, 3, 1, 2).contiguous()


def _judge(
    images: np.ndarray, samples: list[np.ndarray], palettes: Tensor, weights: Tensor, color_weight: float
) -> np.ndarray:
    """(k,) float64: the mean loss over each cluster's sample."""
    out = np.empty(len(samples))
    with torch.no_grad():
        for c, ids in enumerate(samples):
            lab = _lab(images, ids)
            quantised = quantise(lab, palettes[c : c + 1], torch.zeros(len(ids), dtype=torch.int64))
            out[c] = texture_loss(lab, quantised, weights, color_weight).double().numpy().mean()
    return out
