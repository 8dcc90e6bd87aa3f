"""Compressed datasets of every kind, for the tests of this folder."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_sample_images

from ccbench.archive import CompressedDataset, EncodedImages, LevelImages, PaletteImages, PatchImages, RawImages

FILLS = ("mean", "neighbours")
CLASSES = ("cat", "dog", "owl")


def raw(n: int, height: int, width: int, rng: np.random.Generator) -> RawImages:
    return RawImages(rng.integers(0, 256, (n, height, width, 3), dtype=np.uint8))


def palette(
    n: int, height: int, width: int, rng: np.random.Generator, bits: int = 2, shared: bool = True
) -> PaletteImages:
    count = 3 if shared else n
    return PaletteImages(
        rng.integers(0, 1 << bits, (n, height, width), dtype=np.uint8),
        rng.integers(0, 256, (count, 1 << bits, 3), dtype=np.uint8),
        rng.integers(0, count, n) if shared else None,
        bits,
    )


def encoded(n: int, height: int, width: int, rng: np.random.Generator, codec: str = "png") -> EncodedImages:
    blobs = []
    for pixels in rng.integers(0, 256, (n, height, width, 3), dtype=np.uint8):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, codec)
        blobs.append(file.getvalue())
    return EncodedImages(blobs, codec)


def patched(
    n: int, rows: int, columns: int, rng: np.random.Generator, side: int = 2, kept: int = 1, fill: str = "neighbours"
) -> PatchImages:
    masks = np.argsort(rng.random((n, rows * columns)), axis=1).reshape(n, rows, columns) < kept
    return PatchImages.cut(raw(n, rows * side, columns * side, rng).images, masks, fill)


def levelled(n: int, height: int, width: int, rng: np.random.Generator, side: int = 2) -> LevelImages:
    """One to eight bits, bounds shared by patches."""
    patch = min(side, height), min(side, width)
    bounds = np.sort(rng.integers(0, 256, (5, 3, 2), dtype=np.uint8), -1)
    owners = rng.integers(0, 5, (n, -(-height // patch[0]), -(-width // patch[1])))
    return LevelImages.nearest(raw(n, height, width, rng).images, rng.integers(1, 9, n), bounds, owners, patch)


def dataset(
    payload, rng: np.random.Generator, *, soft: bool = False, weights: bool = False, ids=None
) -> CompressedDataset:
    n = len(payload)
    probabilities = rng.dirichlet(np.ones(len(CLASSES)), n) if soft else None
    return CompressedDataset(
        payload,
        np.arange(n) if ids is None else ids,
        rng.integers(0, len(CLASSES), n),
        classes=CLASSES,
        soft_labels=probabilities,
        weights=rng.uniform(0.1, 5, n) if weights else None,
        meta={"method": "test", "sizes": [1, 2.5]},
    )


def pixels_of(payload) -> np.ndarray:
    """(n, H, W, 3): the images by the definition of each payload, one pixel gather at a time."""
    if isinstance(payload, RawImages):
        return payload.images
    if isinstance(payload, EncodedImages):
        return np.stack([np.asarray(Image.open(io.BytesIO(blob)).convert("RGB")) for blob in payload.blobs])
    if isinstance(payload, PatchImages):
        return np.stack([_patched(*one, payload.fill) for one in zip(payload.patches, payload.masks, strict=True)])
    if isinstance(payload, LevelImages):
        owners = payload.owners.repeat(payload.patch[0], 1).repeat(payload.patch[1], 2)
        bounds = payload.bounds[owners[:, : payload.shape[0], : payload.shape[1]]].astype(int)
        share = payload.levels(np.arange(len(payload))) / (2.0 ** payload.bits[:, None, None, None] - 1)
        return np.floor(bounds[..., 0] + share * (bounds[..., 1] - bounds[..., 0]) + 0.5 + 1e-9).astype(np.uint8)
    owner = np.arange(len(payload)) if payload.clusters is None else payload.clusters
    return payload.palettes[owner[:, None, None], payload.indices]


def _patched(patches: np.ndarray, mask: np.ndarray, fill: str) -> np.ndarray:
    """(H, W, 3): one image, pixel by pixel."""
    side, (rows, columns) = patches.shape[1], mask.shape
    pixels: dict[tuple[int, int], np.ndarray] = {}
    for patch, (row, column) in zip(patches, np.argwhere(mask), strict=True):
        for y in range(side):
            for x in range(side):
                pixels[row * side + y, column * side + x] = patch[y, x].astype(float)
    image = np.empty((rows * side, columns * side, 3), np.uint8)
    for y, x in np.ndindex(image.shape[:2]):
        found = []
        for step in ((0, -1), (0, 1), (-1, 0), (1, 0)):
            near = [d for d in range(1, sum(image.shape)) if (y + d * step[0], x + d * step[1]) in pixels]
            found += [(1 / near[0], pixels[y + near[0] * step[0], x + near[0] * step[1]])] if near else []
        value = sum(pixels.values()) / len(pixels)
        if (y, x) in pixels:
            value = pixels[y, x]
        elif fill == "neighbours" and found:
            value = sum(w * p for w, p in found) / sum(w for w, _ in found)
        image[y, x] = np.rint(value)
    return image


@st.composite
def payloads(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 9))
    kind = draw(st.sampled_from(["raw", "palette", "png", "jpeg", "webp", "patches", "levels"]))
    if kind == "raw":
        return raw(n, height, width, rng)
    if kind == "palette":
        return palette(n, height, width, rng, draw(st.integers(1, 8)), draw(st.booleans()))
    if kind == "levels":
        return levelled(n, height, width, rng, draw(st.integers(1, 4)))
    if kind == "patches":
        rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 4))
        kept, fill = draw(st.integers(1, rows * columns)), draw(st.sampled_from(FILLS))
        return patched(n, rows, columns, rng, draw(st.integers(1, 3)), kept, fill)
    return encoded(n, height, width, rng, kind)


@st.composite
def datasets(draw):
    payload = draw(payloads())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = len(payload)
    real = draw(st.lists(st.integers(0, 2**40), min_size=n, max_size=n, unique=True))
    ids = draw(st.sampled_from([np.arange(n), np.arange(n) + 5, np.full(n, -1), np.sort(real), np.array(real)]))
    if draw(st.booleans()):
        ids = np.where(rng.random(n) < 0.3, -1, ids)
    return dataset(payload, rng, soft=draw(st.booleans()), weights=draw(st.booleans()), ids=ids)


def photographs(n: int, side: int = 32) -> np.ndarray:
    """(n, side, side, 3) patches of two photographs."""
    patches = []
    for photo in load_sample_images().images:
        rows, columns = photo.shape[0] // side, photo.shape[1] // side
        grid = photo[: rows * side, : columns * side].reshape(rows, side, columns, side, 3).swapaxes(1, 2)
        patches.append(grid.reshape(-1, side, side, 3))
    found = np.concatenate(patches)
    return found[np.random.default_rng(0).permutation(len(found))][:n]
