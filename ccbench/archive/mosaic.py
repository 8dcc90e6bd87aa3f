"""Many small images in one large one, so that a codec's tables and headers are paid for once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

Grid = tuple[int, int]
"""(rows, columns) of images in a full mosaic."""


def grid_of(images: int) -> Grid:
    """The squarest grid of at most this many images, at least one.

    Examples:
        >>> grid_of(256), grid_of(8), grid_of(1)
        ((16, 16), (2, 4), (1, 1))
    """
    rows = int(images**0.5)
    return rows, images // rows


def mosaics(images: np.ndarray, grid: Grid) -> Iterator[np.ndarray]:
    """Images side by side, row by row.

    Args:
        images: (n, H, W, 3) uint8.
        grid: of a full mosaic. The last has only as many rows as it needs, and the last image again in what is left.

    Yields:
        (rows H, columns W, 3) uint8 each.
    """
    columns = grid[1]
    for start in range(0, len(images), grid[0] * columns):
        part = images[start : start + grid[0] * columns]
        rows = -(-len(part) // columns)
        index = np.minimum(np.arange(rows * columns), len(part) - 1)
        tiles = np.asarray(part[index]).reshape(rows, columns, *images.shape[1:])
        yield np.ascontiguousarray(tiles.transpose(0, 2, 1, 3, 4)).reshape(rows * images.shape[1], -1, 3)


def tiles(mosaic: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The images of a mosaic, (n, H, W, 3) of the dtype of ``mosaic``, those in what was left too.

    Args:
        mosaic: (rows H, columns W, 3).
        shape: (H, W) of one image.
    """
    height, width = shape
    rows, columns = mosaic.shape[0] // height, mosaic.shape[1] // width
    cut = mosaic.reshape(rows, height, columns, width, 3).transpose(0, 2, 1, 3, 4)
    return cut.reshape(rows * columns, height, width, 3)
