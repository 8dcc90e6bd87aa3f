"""In which order images are seen."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

import torch


def sizes(batch: int, iterations: int, epoch_images: int | None = None) -> Iterator[int]:
    """Images per batch.

    Args:
        batch: images per full batch.
        iterations: batches.
        epoch_images: of an epoch that ends with a smaller batch where it does not divide by ``batch``; None: all
            batches are full.
    """
    whole, rest = divmod(epoch_images or batch, batch)
    return islice(cycle([batch] * whole + [rest] * bool(rest)), iterations)


def batches(
    n: int, batch: int, iterations: int, generator: torch.Generator, epoch_images: int | None = None
) -> Iterator[list[tuple[int, torch.Tensor]]]:
    """Batches over reshuffled passes that run into each other.

    A set smaller than a batch is passed more than once within it, so that every
    method makes the same number of updates of the same size. A set of exactly
    ``epoch_images`` images is passed once in every epoch.

    Args:
        n: images, >= 1.
        batch: images per batch.
        iterations: batches to give.
        generator: on the CPU.
        epoch_images: as for :func:`sizes`.

    Yields:
        The pieces of one batch, (pass, ids (k,) int64): more than one where a pass ends inside the batch.
    """
    epoch, order, position = 0, torch.randperm(n, generator=generator), 0
    for missing in sizes(batch, iterations, epoch_images):
        pieces: list[tuple[int, torch.Tensor]] = []
        while missing:
            if position == n:
                epoch, order, position = epoch + 1, torch.randperm(n, generator=generator), 0
            piece = order[position : position + missing]
            pieces.append((epoch, piece))
            position += len(piece)
            missing -= len(piece)
        yield pieces
