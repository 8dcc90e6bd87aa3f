"""Compressed images as class folders of PNG files, for any other tool."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
from PIL import Image

from ccbench.archive.compressed import CompressedDataset
from ccbench.files import new_folder

_CHUNK = 256


def export(compressed: CompressedDataset, folder: str | os.PathLike[str]) -> int:
    """Write ``<class>/<number>.png``, all of them or none.

    The number is the image's id in the training set where every image has one,
    otherwise its position. Characters that a folder name may not hold become ``_``.
    Soft labels and weights have no place in such folders and stay behind.

    Args:
        compressed: what to write.
        folder: absent or empty.

    Returns:
        How many images were written.

    Raises:
        UserError: the folder holds something already or cannot be written.
    """
    with new_folder(Path(folder)) as part:
        names = folder_names(compressed.classes)
        for name in names:
            (part / name).mkdir()
        numbers = compressed.ids if compressed.ids.min() >= 0 else np.arange(len(compressed))
        for start in range(0, len(compressed), _CHUNK):
            index = np.arange(start, min(start + _CHUNK, len(compressed)))
            for i, pixels in zip(index, compressed.decode(index).permute(0, 2, 3, 1).numpy(), strict=True):
                Image.fromarray(pixels).save(part / names[compressed.labels[i]] / f"{numbers[i]:06d}.png")
    return len(compressed)


def folder_names(classes: tuple[str, ...]) -> list[str]:
    """One safe and distinct folder name per class, the class name itself wherever that will do."""
    plain = [re.sub(r"[^\w .,()&'+-]", "_", name).strip(" .") for name in classes]
    seen = [name.lower() for name in plain]  # some file systems do not tell A from a
    return [name if name and seen.count(name.lower()) == 1 else f"{i:04d}_{name}" for i, name in enumerate(plain)]
