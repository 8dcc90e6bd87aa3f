"""What images are clustered by under ``features=vae``: mean latents of the VAE, 50 principal components per class."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from cc_plugins.dc3.settings import Weights, check_side
from cc_plugins.dc3.weights import VAE, identity, is_folder
from ccbench.plugin import DeviceData, ImageDataset, StageContext, UserError
from ccbench.training.images import Normalise


@torch.no_grad()
def run(
    context: StageContext,
    model: str,
    revision: str | None,
    dtype: str,
    resolution: int,
    components: int,
    batch: int,
) -> dict[str, np.ndarray]:
    """Fill ``latents`` (n, components) float32 of ``context.dataset``, one class in memory at a time.

    As in the released code, pixels are normalised by the dataset's mean and standard deviation, images are enlarged
    by repeating pixels (the default of torch's ``interpolate``), and the posterior's mean is not scaled. Images larger
    than ``resolution``, which it does not have, are shrunk with averaging. A class of fewer images than
    ``components`` has as many components as images, the others are zeros, so distances stay what they are.

    Args:
        context: see ``ccbench.methods.task.StageContext``.
        model: a local folder or the id of a repository in the cache.
        revision: :func:`cc_plugins.dc3.weights.revision_of`. It is the repository's commit, and for a folder the
            digest of its VAE, so that the result is found again while the files stay as they are and only then.
        dtype: ``"auto"`` is float16 on a GPU, float32 on the CPU.
        resolution: side of the images in the VAE; a class of n images needs n * (resolution / 8)**2 * 16 bytes, and
            about as much again in the PCA.
        components: principal components of a class.
        batch: images in the VAE at once.

    Raises:
        UserError: the model is missing or damaged, a folder's revision is not what it holds, or latents overflow.
    """
    from cc_plugins.dc3.pipeline import load_vae

    settings = Weights(model=model, revision=revision, dtype=dtype)
    check_side(resolution)
    if is_folder(settings) and revision != (held := identity(settings, VAE)):
        raise UserError(
            f"the VAE in {model} is not the one that is asked for",
            found=f"revision {revision}",
            mend=f"revision={held}",
        )
    data = context.dataset
    vae: Any = load_vae(settings, context.device)
    kind, normalise = next(vae.parameters()).dtype, _normalisation(data, context.device)
    projected = np.zeros((len(data.labels), components), np.float32)
    done = 0
    for label in range(len(data.classes)):
        rows = np.flatnonzero(data.labels == label)
        means: np.ndarray | None = None
        for start in range(0, len(rows), batch):
            chosen = rows[start : start + batch]
            pixels = torch.from_numpy(np.ascontiguousarray(data.images[chosen])).permute(0, 3, 1, 2)
            inputs = _resize(normalise(pixels.to(context.device)), resolution).to(kind)
            mean = vae.encode(inputs).latent_dist.mean.flatten(1).float().cpu().numpy()
            if means is None:
                means = np.empty((len(rows), mean.shape[1]), np.float32)
            means[start : start + len(chosen)] = mean
            done += len(chosen)
            context.progress(done, len(projected), "latents")
        if means is not None:
            if not np.isfinite(means).all():
                raise UserError(
                    f"the VAE gives latents that are not finite in {kind}", found=model, mend="dtype=float32"
                )
            projected[rows] = _principal(means, components, context.seed(f"class {label}"))
    return {"latents": projected}


def _normalisation(data: ImageDataset, device: str) -> Normalise:
    return DeviceData.from_dataset(data, device).normalise


def _resize(images: torch.Tensor, side: int) -> torch.Tensor:
    """(b, 3, H, W) float32 to (b, 3, side, side)."""
    if max(images.shape[-2:]) > side:
        return F.interpolate(images, size=(side, side), mode="bilinear", antialias=True)
    return F.interpolate(images, size=(side, side), mode="nearest")


def _principal(means: np.ndarray, components: int, seed: int) -> np.ndarray:
    """(n, D) float32 -> (n, components) float32 by PCA, zeros beyond what n images span."""
    from sklearn.decomposition import PCA

    projected = np.zeros((len(means), components), np.float32)
    kept = min(components, *means.shape)
    if len(means) > 1:  # one image has no direction of its own
        projected[:, :kept] = PCA(kept, random_state=seed).fit_transform(means)
    return projected
