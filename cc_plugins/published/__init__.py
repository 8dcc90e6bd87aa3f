"""Condensed sets that their authors published, as rows. The offer only."""

from __future__ import annotations

from pathlib import Path

from ccbench.plugin import MethodSpec, Param, hookimpl

SPEC = MethodSpec(
    name="published",
    target="cc_plugins.published.method:Published",
    version="1",
    summary="the pictures that a file or a folder holds: a condensed set made elsewhere",
    params=(
        Param(
            name="file",
            default=None,
            type=Path,
            doc="a result of DC, DSA or DM, tensors as PyTorch saves them, .npy, .npz; or a folder of images_*.pt and "
            "labels_*.pt, or of class folders of pictures",
        ),
        Param(name="labels", default=None, type=Path, doc="their labels, where they lie in a file of their own"),
        Param(
            name="rate", default=None, type=Path, doc="the learned learning rate, where it lies in a file of its own"
        ),
        Param(name="set", default=None, type=int, doc="which of a file's several sets, from 0; -1 is the last"),
        Param(
            name="normalise",
            default="auto",
            doc="what the pictures were normalised by: none (0 .. 1), bytes (0 .. 255), own, imagenet, half, cifar10, "
            "cifar10-pixels, cifar100, or six numbers as 0.49:0.48:0.45/0.2:0.2:0.2; auto: whatever gives whole pixels",
        ),
        Param(
            name="zca",
            default=None,
            type=Path,
            doc="mean and matrix of the whitening (ZCA) that the pictures were made in: .npz, or as PyTorch saves them",
        ),
        Param(
            name="classes",
            default=None,
            type=Path,
            doc="text with a class name a line, in the order of the file's labels or of its folders' names",
        ),
        Param(
            name="kind",
            default="auto",
            choices=("auto", "hard", "probabilities", "logits"),
            doc="of labels with a number for each class: the largest alone, as they are, or through a softmax",
        ),
        Param(
            name="store",
            default="auto",
            choices=("auto", "float32", "float16", "uint8"),
            doc="how pictures are kept: as they were published, as floats, or clipped to colours",
        ),
    ),
    random=False,
    stores="the pictures as they were published, or as store says; soft labels, a learning rate and a whitening where "
    "they have them; the formula counts them as whole images (IPC)",
    cost="reading files; what the pictures cost elsewhere is not counted",
)


@hookimpl
def ccbench_methods() -> list[MethodSpec]:
    """The one that reads what others made."""
    return [SPEC]
