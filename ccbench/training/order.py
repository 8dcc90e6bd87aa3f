"""In which order images are seen."""

from __future__ import annotations

from collections.abc import Iterator

import torch


def batches(
    n: int, batch: int, iterations: int, generator: torch.Generator
) -> Iterator[list[tuple[int, torch.Tensor]]]:
    """Full batches over reshuffled epochs that run into each other.

    A set smaller than a batch is passed more than once within it, so that every
    method makes the same number of updates of the same size.

    Args:
        n: images, >= 1.
        batch: images per batch.
        iterations: batches to give.
        generator: on the CPU.

    Yields:
        The pieces of one batch, (epoch, ids (k,) int64): more than one where an epoch ends inside the batch.
    """
    epoch, order, position = 0, torch.randperm(n, generator=generator), 0
    for _ in range(iterations):
        pieces: list[tuple[int, torch.Tensor]] = []
        missing = batch
        while missing:
            if position == n:
                epoch, order, position = epoch + 1, torch.randperm(n, generator=generator), 0
            piece = order[position : position + missing]
            pieces.append((epoch, piece))
            position += len(piece)
            missing -= len(piece)
        yield pieces
