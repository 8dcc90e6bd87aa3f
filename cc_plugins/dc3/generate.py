"""Compensated pictures (section 3.2, Eq. 2): each made once, kept at once, and the same however the work is split."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from cc_plugins.dc3.prompts import HUES, Prompts
from cc_plugins.dc3.settings import Settings
from cc_plugins.dc3.weights import PIPELINE, identity
from ccbench.plugin import EncodedImages, Task, UserError
from ccbench.seeds import derive
from ccbench.store import Store

KIND = "pictures"
VERSION = 1  # raised whenever the same image, prompt, seed and settings would give another picture


@dataclass(frozen=True)
class _Picture:
    """One picture to be made: from which image, with what prompt and noise, and where it is kept."""

    order: tuple[int, int, int, str]  # id, hue, number and pixels: their order fixes the batches
    row: int
    prompt: str
    seed: int
    key: str


def compensated(
    task: Task,
    images: np.ndarray | Sequence[np.ndarray],
    ids: np.ndarray,
    *,
    variants: int,
    settings: Settings,
    prompts: Prompts,
    seed: int,
) -> Iterator[np.ndarray]:
    """Every picture of these images, from the store where it is there, made otherwise; all before the first is given.

    Memory is one batch and one image's pictures.

    Args:
        task: gives ``blobs``, ``progress`` and ``device``.
        images: n images (H, W, 3) uint8. Each is squeezed to a square of ``settings.resolution`` by Pillow's bicubic
            filter, which averages where it shrinks, whatever its shape, as in the released code. Grey images have
            three equal channels like any other.
        ids: (n,) int64, what the images are called; with ``seed`` it decides about prompts and noise.
        variants: pictures of each image, an even number: the first half cool, the second warm.
        settings: model, steps and sizes.
        prompts: the template and its hues.
        seed: of all pictures.

    Yields:
        For each image (variants, S, S, 3) uint8 with S = ``settings.resolution``.

    Raises:
        UserError: see :func:`prepare`.
    """
    wanted = _wanted(task, images, ids, variants, settings, prompts, seed)
    _make(task, images, wanted, settings, 0, 1)
    blobs = task.blobs(KIND)
    for row in range(len(images)):
        keys = [picture.key for picture in wanted[row * variants : (row + 1) * variants]]
        found = [blobs.get(key) for key in keys]
        if None in found:  # another process cleared the cache in the meantime
            _make(task, images, wanted, settings, 0, 1)
            found = [blobs.get(key) for key in keys]
        pictures = [EncodedImages([blob], "png").decode(0) for blob in found if blob is not None]
        if len(pictures) < variants:
            raise UserError("pictures vanish from the cache while they are used", mend="the same command once more")
        yield np.stack(pictures)


def prepare(
    task: Task,
    images: np.ndarray | Sequence[np.ndarray],
    ids: np.ndarray,
    *,
    part: int,
    parts: int,
    variants: int,
    settings: Settings,
    prompts: Prompts,
    seed: int,
) -> None:
    """Make one of several shares of the pictures and leave them in the store, where :func:`compensated` finds them.

    Batches are cut from the list of all pictures, sorted by image, hue and number, and a share takes every
    ``parts``-th of them whole; the last is filled up. So each picture is computed in the same company whoever does
    it, and comes out the same to the last bit. A batch is computed again if one of its pictures is missing or
    damaged, and only those are written; each as soon as its batch is done.

    Args:
        part, parts: which share, ``0 <= part < parts``. The other arguments: see :func:`compensated`.

    Raises:
        UserError: the model is missing or damaged, the GPU has too little memory, numbers overflow, the disk is full.
    """
    _make(task, images, _wanted(task, images, ids, variants, settings, prompts, seed), settings, part, parts)


def _wanted(
    task: Task,
    images: np.ndarray | Sequence[np.ndarray],
    ids: np.ndarray,
    variants: int,
    settings: Settings,
    prompts: Prompts,
    seed: int,
) -> list[_Picture]:
    """All pictures, image by image, each with its variants in order."""
    if variants < 2 or variants % 2:
        raise ValueError(f"variants must be even and at least 2, half cool and half warm; found {variants}")
    if len(ids) != len(images):
        raise ValueError(f"{len(images)} images and {len(ids)} ids")
    axes = {
        "version": VERSION,
        "model": identity(settings, PIPELINE),
        "dtype": settings.dtype_on(task.device),
        "steps": settings.steps,
        "guidance": [float(settings.guidance), float(settings.image_guidance)],
        "resolution": settings.resolution,
        "batch": settings.batch,
    }
    wanted = []
    for row, name in enumerate(int(i) for i in ids):
        image = np.ascontiguousarray(images[row])
        pixels = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()
        for place, hue in enumerate(HUES):
            for number in range(variants // 2):
                prompt = prompts.draw(hue, number, derive(seed, id=name, hue=hue))
                noise = derive(seed, id=name, hue=hue, number=number)
                key = Store.key(pixels=pixels, prompt=prompt, seed=noise, **axes)
                wanted.append(_Picture((name, place, number, pixels), row, prompt, noise, key))
    return wanted


def _make(
    task: Task,
    images: np.ndarray | Sequence[np.ndarray],
    wanted: list[_Picture],
    settings: Settings,
    part: int,
    parts: int,
) -> None:
    blobs = task.blobs(KIND)
    unique = {picture.key: picture for picture in reversed(wanted)}  # of equal ones the first
    listed = sorted(unique.values(), key=lambda picture: picture.order)
    batches = [listed[start : start + settings.batch] for start in range(0, len(listed), settings.batch)][part::parts]
    missing = {p.key for batch in batches for p in batch if blobs.get(p.key) is None}
    todo = [batch for batch in batches if any(p.key in missing for p in batch)]
    if not todo:
        return

    from cc_plugins.dc3.pipeline import load

    pipeline = load(settings, task.device)
    total = len(todo) * settings.steps
    for number, batch in enumerate(todo):

        def tell(step: int, before: int = number * settings.steps) -> None:
            task.progress(before + step, total, "compensating")  # every step: a batch alone may take minutes

        pictures = _denoise(pipeline, [images[p.row] for p in batch], batch, settings, tell)
        for picture, found in zip(batch, pictures, strict=False):
            if picture.key in missing:
                blobs.put(picture.key, _png(found))


def _denoise(
    pipeline: Any, images: list[np.ndarray], batch: list[_Picture], settings: Settings, tell: Callable[[int], None]
) -> np.ndarray:
    """(settings.batch, S, S, 3) uint8: the batch, filled up with its last picture."""
    import torch

    fill = settings.batch - len(batch)
    side = (settings.resolution, settings.resolution)
    squares = [Image.fromarray(np.asarray(image)).resize(side, Image.Resampling.BICUBIC) for image in images]
    squares += squares[-1:] * fill
    full = batch + batch[-1:] * fill

    def after(_pipeline: Any, step: int, _time: int, _tensors: dict[str, Any]) -> dict[str, Any]:
        tell(step + 1)
        return {}

    try:
        pictures = pipeline(
            prompt=[picture.prompt for picture in full],
            image=squares,
            num_inference_steps=settings.steps,
            guidance_scale=float(settings.guidance),
            image_guidance_scale=float(settings.image_guidance),
            # on the CPU whatever the device, so that it draws the same noise
            generator=[torch.Generator().manual_seed(picture.seed) for picture in full],
            output_type="np",
            callback_on_step_end=after,
        ).images
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"the GPU has too little memory for {settings.batch} pictures of {settings.resolution} pixels at once",
            found=str(error).splitlines()[0],
            mend=f"dc3[batch={max(1, settings.batch // 2)}]; pictures that are finished are kept",
        ) from None
    if not np.isfinite(pictures).all():
        raise UserError(
            f"the diffusion model gives numbers that are not finite in {settings.dtype_on(str(pipeline.device))}",
            found=settings.model,
            mend="dc3[dtype=float32]",
        )
    return (pictures * 255).round().astype(np.uint8)


def _png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()
