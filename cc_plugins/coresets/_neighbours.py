"""The nearest neighbours of every image in a space of features, block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

ROWS, COLUMNS = 2048, 16384  # of the distances that are held at once: 128 MiB


def neighbours(features: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Exact k nearest neighbours by Euclidean distance, an image itself left out.

    Memory is O(n (D + k)) and one block of distances, never n x n.

    Args:
        features: (n, D) float32, on the device to compute on.
        k: more than n - 1 means n - 1.

    Returns:
        Positions (n, k) int64 and distances (n, k) float32, the nearest first. Which of two equally far ones comes
        first is left open.
    """
    import torch

    n, k = len(features), min(k, len(features) - 1)
    x = (features - features.mean(0)).float()  # small numbers, so that the squares below cancel less
    squares = (x * x).sum(1)
    ids = torch.empty(n, k, dtype=torch.int64, device=x.device)
    far = torch.empty(n, k, dtype=torch.float32, device=x.device)
    for top in range(0, n, ROWS):
        rows = slice(top, min(top + ROWS, n))
        best, where = x.new_empty(rows.stop - top, 0), ids.new_empty(rows.stop - top, 0)
        for left in range(0, n, COLUMNS):
            columns = torch.arange(left, min(left + COLUMNS, n), device=x.device)
            block = squares[rows, None] + squares[columns] - 2 * x[rows] @ x[columns].T
            own = torch.arange(rows.start, rows.stop, device=x.device)[:, None] == columns
            block.masked_fill_(own, torch.inf)
            best = torch.cat([best, block], 1)
            where = torch.cat([where, columns.expand(len(block), -1)], 1)
            best, chosen = best.topk(min(k, best.shape[1]), dim=1, largest=False)
            where = where.gather(1, chosen)
        ids[rows], far[rows] = where, best.clamp(min=0).sqrt()
    return ids, far
