"""Siamese augmentation of the pictures and images of each class."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ccbench.plugin import UserError
from ccbench.training.recipe import SIAMESE
from ccbench.training.siamese import View, names_of


def checked(augment: str) -> str:
    """The text itself.

    Raises:
        UserError: a transform that is none, or one twice.
    """
    names = names_of(augment)
    if not set(names) <= set(SIAMESE) or len(set(names)) < len(names):
        raise UserError(
            "augment takes transforms joined by _, each at most once",
            found=repr(augment),
            mend=f"none, or some of {'_'.join(SIAMESE)}",
        )
    return augment


def seen(view: View | None, images: torch.Tensor) -> torch.Tensor:
    """Images through a view, if there is one."""
    return images if view is None else view(images)


def each_seen(views: Sequence[View | None], pictures: torch.Tensor) -> torch.Tensor:
    """Pictures, class after class, each class through its own view."""
    several = pictures.split(len(pictures) // len(views))
    return torch.cat([seen(view, part) for view, part in zip(views, several, strict=True)])
