"""Decoding a set of encoded images at load, beside torchvision and simplejpeg reading one JPEG after another.

``python -m benchmarks codecs`` prints a row per codec, side and kind of file. Our side has mosaics, or single files
that share their heads; both sides have the encoded bytes in memory and end with RGB pixels of every image. Medians of
several passes taken in turns; torch has one thread, ours decodes mosaics on the allowed cores.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks._measure import paired
from cc_plugins.codecs.encoders import Encoder
from ccbench.archive import EncodedImages
from ccbench.archive.decode import decode_blobs
from ccbench.archive.mosaic import grid_of, mosaics

SETS = ((32, 4096), (64, 1024), (224, 128))  # side in pixels, images
QUALITY = {"jpeg": 50, "webp": 50, "avif": 50, "jxl": 50}


def rows(sets: tuple[tuple[int, int], ...] = SETS, passes: int = 5) -> list[dict[str, Any]]:
    """A row per set, codec and kind of file: name, ours and peer (median seconds), ratio (peer / ours), unit, note."""
    codecs = ["jpeg", "webp", "avif", *(["jxl"] if find_spec("imagecodecs") else [])]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [
            row
            for side, images in sets
            for codec in codecs
            for single in ((True, False) if codec == "jpeg" else (False,))
            for row in _rows(pictures(images, side), codec, single, passes)
        ]
    finally:
        torch.set_num_threads(threads)


def pictures(images: int, side: int, seed: int = 0) -> np.ndarray:
    """(n, side, side, 3) uint8: smooth colour fields with a little grain."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (images, 5, 5, 3), np.uint8)
    smooth = np.stack([np.asarray(Image.fromarray(x).resize((side, side), Image.Resampling.BICUBIC)) for x in coarse])
    return (smooth + rng.normal(0, 6, smooth.shape)).clip(0, 255).astype(np.uint8)


def _rows(images: np.ndarray, codec: str, single: bool, passes: int) -> list[dict[str, Any]]:
    side = images.shape[1]
    grid = (1, 1) if single else grid_of(max(1, min(256, (1024 // side) ** 2)))
    encoder = Encoder(codec, single, "420", effort=4)
    files = [encoder(mosaic, QUALITY[codec]) for mosaic in mosaics(images, grid)]
    payload = EncodedImages(files, codec, grid=grid, count=len(images), shared_heads=single)
    jpegs = [Encoder("jpeg", True, "420")(image, QUALITY["jpeg"]) for image in images]
    what = "one file each, shared heads" if single else f"mosaics of {grid[0] * grid[1]}"
    found = []
    for name, read in peers().items():
        ours, peer = paired(
            lambda: decode_blobs(payload, range(len(images))),
            lambda read=read: np.stack([read(blob) for blob in jpegs]),  # type: ignore[misc]  # read is bound now
            passes,
        )
        found.append(
            {
                "name": f"{len(images)} images of {side} px, {codec}, {what}",
                "ours": ours,
                "peer": peer,
                "ratio": peer / ours,
                "unit": "s",
                "note": f"peer: {name}, single JPEGs; {len(images) / ours:,.0f} images/s; "
                f"{payload.blobs.total / len(images):.0f} bytes an image, JPEGs {np.mean([len(j) for j in jpegs]):.0f}",
            }
        )
    return found


def peers() -> dict[str, Callable[[bytes], np.ndarray]]:
    """What is installed of torchvision and simplejpeg: JPEG bytes to (H, W, 3) uint8."""
    from torchvision.io import ImageReadMode, decode_jpeg

    found: dict[str, Callable[[bytes], np.ndarray]] = {
        "torchvision": lambda blob: (
            decode_jpeg(torch.frombuffer(bytearray(blob), dtype=torch.uint8), mode=ImageReadMode.RGB)
            .permute(1, 2, 0)
            .numpy()
        )
    }
    if find_spec("simplejpeg"):
        import simplejpeg

        found["simplejpeg"] = simplejpeg.decode_jpeg
    return found
