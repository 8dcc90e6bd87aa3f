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
# of all clusters that are refined at a time; memory holds about 400 bytes for each
BLOCK_PIXELS = {"cpu": 1 << 17, "cuda": 1 << 22}
DRAWN = 20  # steps whose images are drawn at once, so that a GPU waits for the host no more often than that
_CHUNK = {"cpu": 1 << 22, "cuda": 1 << 26}  # distances held at a time

Images = Callable[[Tensor], Tensor]  # ids (b,) int64 to (b, 3, H, W) uint8, both on one device


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
        step = max(1, _CHUNK[lab.device.type] // (height * width * entries))
        find = _nearest if lab.device.type == "cpu" else _nearest_at_once
        for start in range(0, b, step):
            out[start : start + step] = find(lab[start : start + step], palettes[start : start + step])
    return out


def _nearest(lab: Tensor, palettes: Tensor) -> Tensor:
    """Entry by entry: what is compared stays in a core's cache."""
    best = torch.full_like(lab[:, 0], torch.inf)
    index = torch.zeros_like(best, dtype=torch.int64)
    for j in range(palettes.shape[1]):
        score = _squared(lab, palettes[:, j, :, None, None])
        index.masked_fill_(score < best, j)
        torch.minimum(best, score, out=best)
    return index


def _nearest_at_once(lab: Tensor, palettes: Tensor) -> Tensor:
    """All entries in a few kernels."""
    return _squared(lab[:, :, None], palettes.transpose(1, 2)[..., None, None]).argmin(dim=1)


def _squared(lab: Tensor, color: Tensor) -> Tensor:
    score = (lab[:, 0] - color[:, 0]).square_()
    score += (lab[:, 1] - color[:, 1]).square_()
    score += (lab[:, 2] - color[:, 2]).square_()
    return score


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
    return _Choice.apply(palettes, clusters, assign(lab, palettes[clusters]))


class _Choice(torch.autograd.Function):
    """Palettes (k, entries, 3), clusters (b,) and entries (b, H, W) to (b, 3, H, W).

    On the way back sums are taken in a fixed order.
    """

    @staticmethod
    def forward(ctx, palettes: Tensor, clusters: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(clusters, index)
        ctx.shape = palettes.shape
        table, rows = palettes.reshape(-1, 3), index + (clusters * palettes.shape[1])[:, None, None]
        return torch.stack([table[:, c].contiguous().take(rows) for c in range(3)], dim=1)

    @staticmethod
    def backward(ctx, *grads: Tensor) -> tuple[Tensor, None, None]:
        (grad,), (clusters, index) = grads, ctx.saved_tensors
        sums = _sums if grad.device.type == "cpu" else _sums_at_once
        return sums(grad, clusters, index, *ctx.shape[:2]).to(grad.dtype), None, None


def _sums(grad: Tensor, clusters: Tensor, index: Tensor, k: int, entries: int) -> Tensor:
    """(k, entries, 3) float64: the gradients (b, 3, H, W) of the pixels that chose each entry, added up."""
    where = (index + (clusters * entries)[:, None, None]).reshape(-1).numpy()
    sums = [np.bincount(where, grad[:, c].reshape(-1).numpy(), minlength=k * entries) for c in range(3)]
    return torch.from_numpy(np.stack(sums, axis=1)).view(k, entries, 3)


def _sums_at_once(grad: Tensor, clusters: Tensor, index: Tensor, k: int, entries: int) -> Tensor:
    """The same as products of matrices: a GPU's additions by index come in no fixed order."""
    b, pixels, device = len(grad), grad[0, 0].numel(), grad.device
    numbers = torch.arange(entries, device=device)[:, None]
    own = torch.empty(b, entries, 3, dtype=torch.float64, device=device)  # of each image
    step = max(1, _CHUNK["cuda"] // (2 * pixels * entries))
    for start in range(0, b, step):
        chosen = (index[start : start + step].reshape(-1, 1, pixels) == numbers).double()
        own[start : start + step] = chosen @ grad[start : start + step].reshape(-1, 3, pixels).transpose(1, 2).double()
    member = (torch.arange(k, device=device)[:, None] == clusters).double()
    return (member @ own.view(b, -1)).view(k, entries, 3)


def refine(
    images: Images,
    members: list[np.ndarray],
    palettes: np.ndarray,
    *,
    size: tuple[int, int],
    steps: int,
    lr: float,
    weights: tuple[float, float, float],
    color_weight: float,
    rng: np.random.Generator,
    device: str | torch.device = "cpu",
    block_pixels: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Refined:
    """Refine all palettes by Adam with a cosine step size, on minibatches of each cluster's images.

    Every step draws the same number of pixels of each cluster, so the time grows with the
    clusters and not with the images. As many clusters as make a block are refined in one loop; palettes
    do not feel one another and each cluster has random numbers of its own, so blocks change the memory
    and the speed and not the result. After each step entries are brought back to displayable
    colours. Palettes are judged, as the 8-bit colours that will be stored, on a fixed sample of
    each cluster, and the best one seen is returned, the first one included.

    Args:
        images: gives images by their ids.
        members: the ids of each cluster's images, none empty.
        palettes: (k, entries, 3) float LAB.
        size: (H, W) of the images.
        steps: gradient steps, >= 0.
        lr: the first step size in LAB units.
        weights: w_i of Eq. 6 for L, a, b.
        color_weight: weight of the colour difference.
        rng: draws the minibatches and the sample.
        device: where images are, and where the work is done.
        block_pixels: of a step, of all clusters at a time; None: :data:`BLOCK_PIXELS`.
        progress: called with (done, all steps of all blocks).
    """
    device, pixels = torch.device(device), size[0] * size[1]
    batch = max(1, STEP_PIXELS // pixels)
    limit = block_pixels or BLOCK_PIXELS[device.type]
    together = max(1, limit // (batch * pixels))
    loss = _Loss(images, torch.tensor(weights, dtype=torch.float32).to(device), color_weight, max(1, limit // pixels))
    rngs = rng.spawn(len(members))
    blocks = range(0, len(members), together)
    done: list[Refined] = []
    for number, start in enumerate(blocks):
        found = slice(start, start + together)
        block = _Block(loss, members[found], rngs[found], batch, max(1, SAMPLE_PIXELS // pixels), device)
        told = None if progress is None else _offset(progress, number * steps, len(blocks) * steps)
        done.append(block.refine(torch.from_numpy(palettes[found]).float().to(device), steps, lr, told))
    return Refined(*(np.concatenate([getattr(d, name) for d in done]) for name in ("palettes", "before", "after")))


def _offset(progress: Callable[[int, int], None], before: int, total: int) -> Callable[[int], None]:
    return lambda step: progress(before + step, total)


@dataclass(frozen=True)
class _Loss:
    """The loss of images under palettes.

    Attributes:
        images: gives images by their ids.
        weights: (3,) on the device.
        color_weight: weight of the colour difference.
        at_once: images that may be judged at a time.
    """

    images: Images
    weights: Tensor
    color_weight: float
    at_once: int

    def __call__(self, ids: Tensor, palettes: Tensor, clusters: Tensor) -> Tensor:
        """(b,) of ids (b,) whose palettes are ``palettes[clusters]``."""
        lab = bytes_to_lab(self.images(ids).permute(0, 2, 3, 1)).permute(0, 3, 1, 2).contiguous()
        return texture_loss(lab, quantise(lab, palettes, clusters), self.weights, self.color_weight)


class _Block:
    """Some clusters that are refined together."""

    def __init__(
        self,
        loss: _Loss,
        members: list[np.ndarray],
        rngs: list[np.random.Generator],
        batch: int,
        sample: int,
        device: torch.device,
    ) -> None:
        self.loss, self.members, self.rngs, self.batch, self.device = loss, members, rngs, batch, device
        self.clusters = torch.arange(len(members), device=device).repeat_interleave(
            batch, output_size=len(members) * batch
        )
        samples = [r.choice(m, min(sample, len(m)), replace=False) for r, m in zip(rngs, members, strict=True)]
        sizes = [len(s) for s in samples]
        self.widest = max(sizes)
        self.sample, self.sizes = self._there(np.concatenate(samples)), self._there(np.array(sizes))
        self.owners = self._there(np.repeat(np.arange(len(members)), sizes))
        self.places = self._there(np.concatenate([np.arange(s) for s in sizes]))

    def refine(self, start: Tensor, steps: int, lr: float, progress: Callable[[int], None] | None) -> Refined:
        """From palettes (k, entries, 3) LAB on the device; ``progress`` hears the steps done."""
        best = lab_to_bytes(start)
        before = after = self._judge(best)
        point = torch.nn.Parameter(start.clone())
        optimiser = torch.optim.Adam([point], lr=lr)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))
        for step in range(1, steps + 1):
            if (step - 1) % DRAWN == 0:
                drawn = self._draw(min(DRAWN, steps + 1 - step))
            optimiser.zero_grad()
            # the mean over a cluster's images, summed over clusters: palettes do not feel one another
            (self.loss(drawn[(step - 1) % DRAWN], point, self.clusters).sum() / self.batch).backward()
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                point.copy_(rgb_to_lab(lab_to_rgb(point)))
            if step == steps or step % max(1, steps // CHECKS) == 0:
                rounded = lab_to_bytes(point.detach())
                now = self._judge(rounded)
                better = now < after
                best = torch.where(better[:, None, None], rounded, best)
                after = torch.where(better, now, after)
            if progress is not None:
                progress(step)
        return Refined(best.cpu().numpy(), before.cpu().numpy(), after.cpu().numpy())

    def _draw(self, steps: int) -> Tensor:
        """(steps, clusters * batch) ids of the images of the next steps."""
        drawn = [m[r.integers(len(m), size=(steps, self.batch))] for m, r in zip(self.members, self.rngs, strict=True)]
        return self._there(np.concatenate(drawn, axis=1))

    @torch.no_grad()
    def _judge(self, palettes: Tensor) -> Tensor:
        """(k,) float64: the mean loss over each cluster's sample, of palettes (k, entries, 3) uint8."""
        lab = bytes_to_lab(palettes)
        losses = torch.zeros(len(self.members), self.widest, dtype=torch.float64, device=self.device)
        for start in range(0, len(self.sample), self.loss.at_once):
            part = slice(start, start + self.loss.at_once)
            owners = self.owners[part]
            losses[owners, self.places[part]] = self.loss(self.sample[part], lab, owners).double()
        return losses.sum(dim=1) / self.sizes

    def _there(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.device)
