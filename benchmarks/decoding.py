"""Decoding palettised images against Pillow reading the same images as PNG, both from memory.

``python -m benchmarks.decoding`` prints one row per palette size. Both sides are
given packed or encoded bytes in memory and end with RGB pixels of every image;
one thread each, medians of several passes, taken in turns in one run.
"""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks._measure import paired
from ccbench.archive import CompressedDataset, PaletteImages

IMAGES, SIDE, BATCH, CLUSTERS, PASSES = 5000, 32, 256, 20, 5


def rows(sizes: tuple[int, ...] = (1, 2, 4, 5), images: int = IMAGES, passes: int = PASSES) -> list[dict[str, Any]]:
    """A row per palette size and kind: name, ours and peer (median seconds), ratio (peer / ours), unit, note."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [_row(bits, shared, images, passes) for bits in sizes for shared in (True, False)]
    finally:
        torch.set_num_threads(threads)


def pictures(images: int, seed: int = 0) -> np.ndarray:
    """(n, 32, 32, 3) uint8: smooth colour fields with a little grain, so that PNG has something to compress."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.uniform(0, 255, (images, 3, 4, 4)).astype(np.float32))
    smooth = torch.nn.functional.interpolate(coarse, SIDE, mode="bilinear").permute(0, 2, 3, 1).numpy()
    return (smooth + rng.normal(0, 6, smooth.shape)).clip(0, 255).astype(np.uint8)


def _row(bits: int, shared: bool, images: int, passes: int) -> dict[str, Any]:
    payload = palettised(pictures(images), bits, shared)
    data = CompressedDataset(payload, np.arange(images), np.zeros(images, np.int64), classes=["one"])
    blobs = as_pngs(payload)
    order = np.random.default_rng(1).permutation(images)
    batches = [order[i : i + BATCH] for i in range(0, images, BATCH)]
    start = time.perf_counter()
    data.to_device("cpu")
    prepared = time.perf_counter() - start

    def ours() -> list[torch.Tensor]:
        return [data.decode(batch) for batch in batches]

    def peer() -> list[np.ndarray]:
        return [np.stack([_read(blobs[i]) for i in batch]) for batch in batches]

    same = all((a.permute(0, 2, 3, 1).numpy() == b).all() for a, b in zip(ours(), peer(), strict=True))
    if not same:
        raise AssertionError("the two sides decode different images")
    ours_s, peer_s = paired(ours, peer, rounds=passes)
    return {
        "name": f"decode {images} images, {bits} bits, {CLUSTERS if shared else 'own'} palettes",
        "ours": ours_s,
        "peer": peer_s,
        "ratio": peer_s / ours_s,
        "unit": "s",
        "note": f"peer: Pillow, palette PNGs in memory; batches of {BATCH}; once {prepared * 1e3:.1f} ms to prepare",
    }


def palettised(images: np.ndarray, bits: int, shared: bool) -> PaletteImages:
    """Images of few colours: pixels of the images as palettes, each pixel to the nearest one."""
    n, rng = len(images), np.random.default_rng(bits)
    count = CLUSTERS if shared else n
    owner = rng.integers(0, count, n) if shared else np.arange(n)
    source = images[rng.integers(0, n, count)] if shared else images
    palettes = source.reshape(count, -1, 3)[:, rng.choice(SIDE * SIDE, 1 << bits, replace=False)]
    indices = np.empty((n, SIDE * SIDE), np.uint8)
    colours = torch.from_numpy(palettes).float()
    for part in torch.arange(n).split(BATCH):
        pixels = torch.from_numpy(images[part.numpy()]).float().view(len(part), -1, 3)
        indices[part.numpy()] = torch.cdist(pixels, colours[owner[part.numpy()]]).argmin(2).numpy()
    return PaletteImages(indices.reshape(n, SIDE, SIDE), palettes, owner if shared else None, bits)


def as_pngs(payload: PaletteImages) -> list[bytes]:
    """The same images as palette PNGs of the fewest bits per pixel that PNG has for them."""
    blobs, indices = [], payload.indices
    for i in range(len(payload)):
        image = Image.frombytes("P", (SIDE, SIDE), indices[i].tobytes())
        owner = i if payload.clusters is None else payload.clusters[i]
        image.putpalette(payload.palettes[owner].tobytes())
        file = io.BytesIO()
        image.save(file, "PNG")
        blobs.append(file.getvalue())
    return blobs


def _read(blob: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(blob)).convert("RGB"))


if __name__ == "__main__":
    for row in rows():
        print(
            f"{row['name']:45} ours {row['ours'] * 1e3:7.1f} ms  Pillow {row['peer'] * 1e3:7.1f} ms"
            f"  {row['ratio']:5.1f}x  {row['note']}"
        )
