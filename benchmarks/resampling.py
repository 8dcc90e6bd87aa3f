"""Random resized crops of a batch against torchvision and Pillow, image by image.

``python -m benchmarks.resampling`` prints one row per size and peer. All sides are given the same bytes and boxes and
end with float pixels of every image; one thread each, medians of several passes, taken in turns in one run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as tv

from benchmarks._measure import paired
from ccbench.training.resample import random_boxes, resized_crop

CASES = ((32, 32, 100), (64, 64, 100), (224, 224, 25), (256, 32, 25))  # side, side of the result, images
PASSES = 9


def rows(cases: tuple[tuple[int, int, int], ...] = CASES, passes: int = PASSES) -> list[dict[str, Any]]:
    """A row per case and peer: name, ours and peer (median seconds), ratio (peer / ours), unit, note."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [row for case in cases for row in _rows(*case, passes)]
    finally:
        torch.set_num_threads(threads)


def _rows(side: int, result: int, images: int, passes: int) -> list[dict[str, Any]]:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (images, side, side, 3), generator=generator, dtype=torch.uint8)
    batch, size = pixels.permute(0, 3, 1, 2), (result, result)
    boxes = random_boxes(images, (side, side), generator, scale=(0.25, 1.0))

    def ours() -> torch.Tensor:
        return resized_crop(batch, boxes, size)

    def torchvision() -> torch.Tensor:
        crops = [
            tv.resized_crop(i, *box, size, antialias=True) for i, box in zip(batch.float(), boxes.tolist(), strict=True)
        ]
        return torch.stack(crops)

    def pillow() -> torch.Tensor:
        crops = []
        for image, (top, left, tall, wide) in zip(pixels.numpy(), boxes.tolist(), strict=True):
            box = (left, top, left + wide, top + tall)
            picture = Image.fromarray(image).resize((result, result), Image.Resampling.BILINEAR, box=box)
            crops.append(torch.from_numpy(np.array(picture)))
        return torch.stack(crops).permute(0, 3, 1, 2).float()

    if not torch.allclose(ours(), torchvision(), atol=2e-2):
        raise AssertionError("the two sides give different images")
    found = []
    for name, peer in (("torchvision", torchvision), ("Pillow", pillow)):
        ours_s, peer_s = paired(ours, peer, rounds=passes)
        found.append(
            {
                "name": f"crop and resize {images} images, {side} to {result} pixels",
                "ours": ours_s,
                "peer": peer_s,
                "ratio": peer_s / ours_s,
                "unit": "s",
                "note": f"peer: {name}, image by image; one thread",
            }
        )
    return found


if __name__ == "__main__":
    for row in rows():
        print(
            f"{row['name']:50} ours {row['ours'] * 1e3:6.1f} ms  peer {row['peer'] * 1e3:6.1f} ms"
            f"  {row['ratio']:5.1f}x  {row['note']}"
        )
