"""What images are clustered by when it is not a network: the rows of DCQ's Tables 2a and 10.

Every descriptor takes a batch (b, H, W, 3) uint8 and gives (b, D) float32.
"""

from __future__ import annotations

import numpy as np

HISTOGRAM_BITS = 2  # 4 x 4 x 4 colours
COHERENT = 0.01  # of the pixels: a region from this size on is coherent
GREYS = 16
SIDE = 32  # raw pixels of larger images are averaged down to this


def pixels(images: np.ndarray) -> np.ndarray:
    """Raw pixel values in [0, 1], channels last; images above 32 x 32 are averaged over blocks first."""
    size = images.shape[1:3]
    if max(size) > SIDE:
        rows, columns = (np.arange(min(s, SIDE)) * s // min(s, SIDE) for s in size)
        areas = np.diff(np.append(rows, size[0]))[:, None] * np.diff(np.append(columns, size[1]))
        sums = np.add.reduceat(np.add.reduceat(images.astype(np.float32), rows, axis=1), columns, axis=2)
        images = sums / areas[:, :, None].astype(np.float32)
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def histogram(images: np.ndarray) -> np.ndarray:
    """Shares of 4 x 4 x 4 RGB colours, D = 64, each row sums to 1."""
    return _count(_coarse(images).reshape(len(images), -1), 1 << (3 * HISTOGRAM_BITS))


def ccv(images: np.ndarray) -> np.ndarray:
    """Colour coherence vectors (Pass, Zabih and Miller, 1996), D = 128.

    The image is averaged over 3 x 3 pixels and cut to 64 colours; a pixel is coherent where its
    8-connected region of one colour holds at least 1 % of the image. First the shares
    of coherent pixels of each colour, then those of the others.
    """
    from scipy.sparse import coo_matrix  # here: the others do without, and it takes a fifth of a second
    from scipy.sparse.csgraph import connected_components

    n, height, width = images.shape[:3]
    padded = np.pad(images.astype(np.uint16), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    color = _coarse(((rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) // 9).astype(np.uint8))
    index = np.arange(n * height * width, dtype=np.int32).reshape(n, height, width)
    edges = []
    for here, there in _neighbours(height, width):
        same = color[here] == color[there]
        edges.append((index[here][same], index[there][same]))
    a, b = (np.concatenate(side) for side in zip(*edges, strict=True))
    graph = coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(index.size, index.size))
    regions = connected_components(graph, directed=False)[1]
    coherent = np.bincount(regions)[regions].reshape(n, -1) >= COHERENT * height * width
    codes = color.reshape(n, -1) + np.where(coherent, 0, 64)
    return _count(codes, 128)


def glcm(images: np.ndarray) -> np.ndarray:
    """Grey-level co-occurrence (Haralick, 1973), D = 24.

    16 grey levels, pairs one pixel apart at 0, 45, 90 and 135 degrees, both ways. For each direction
    contrast, dissimilarity, homogeneity, energy, angular second moment and correlation.
    """
    weights = np.array([0.2125, 0.7154, 0.0721], np.float32)
    grey = np.minimum(images.astype(np.float32) @ weights * (GREYS / 256), GREYS - 1).astype(np.int32)
    i, j = np.meshgrid(np.arange(GREYS), np.arange(GREYS), indexing="ij")
    out = []
    for here, there in _neighbours(*images.shape[1:3]):
        pairs = (grey[here] * GREYS + grey[there]).reshape(len(images), -1)
        p = _count(pairs, GREYS * GREYS).reshape(-1, GREYS, GREYS)
        p = (p + p.transpose(0, 2, 1)) / 2
        mean = (p * i).sum((1, 2), keepdims=True)
        variance = (p * (i - mean) ** 2).sum((1, 2))
        covariance = (p * (i - mean) * (j - mean)).sum((1, 2))
        correlation = np.where(variance > 1e-12, covariance / np.maximum(variance, 1e-12), 1.0)
        moment = (p**2).sum((1, 2))
        ratio = p / (1 + (i - j) ** 2)
        difference = abs(i - j)
        out += [(p * difference**2).sum((1, 2)), (p * difference).sum((1, 2)), ratio.sum((1, 2))]
        out += [np.sqrt(moment), moment, correlation]
    return np.stack(out, axis=1).astype(np.float32)


def _coarse(images: np.ndarray) -> np.ndarray:
    cut = (images >> (8 - HISTOGRAM_BITS)).astype(np.int32)
    return (cut[..., 0] << (2 * HISTOGRAM_BITS)) | (cut[..., 1] << HISTOGRAM_BITS) | cut[..., 2]


def _count(codes: np.ndarray, size: int) -> np.ndarray:
    """The shares (b, size) of codes (b, m); all zero where m is."""
    n, m = codes.shape
    flat = codes + np.arange(n, dtype=np.int64)[:, None] * size
    return (np.bincount(flat.reshape(-1), minlength=n * size).reshape(n, size) / max(1, m)).astype(np.float32)


def _neighbours(height: int, width: int) -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Pairs of slices of (n, H, W): a pixel and its neighbour right, below, below right and below left."""
    every = slice(None)
    up, down = slice(0, height - 1), slice(1, height)
    left, right = slice(0, width - 1), slice(1, width)
    return [
        ((every, every, left), (every, every, right)),
        ((every, up, every), (every, down, every)),
        ((every, up, left), (every, down, right)),
        ((every, up, right), (every, down, left)),
    ]
