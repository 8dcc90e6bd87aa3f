"""RDED's crops and realism scores against the form of the released code: a DataLoader that crops image by image.

``python -m benchmarks.rded`` prints one row per image size, with a small teacher and without one, so that what is left
is the cropping. Both sides start from the same images and score the same number of crops with the same network, in
float32 and as many threads as torch takes; they draw their own boxes. Medians of several passes, taken in turns.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks._measure import paired
from cc_plugins.rded.realism import SCALE, score
from ccbench.data import ImageDataset
from ccbench.offers.discovery import Plugins
from ccbench.training.images import Normalise
from ccbench.training.networks import build_network
from ccbench.training.resample import random_boxes
from ccbench.training.teacher import Teacher

CASES = ((32, 1, 300), (224, 2, 40))  # side, factor, images
CROPS, PASSES = 5, 3
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Nothing(torch.nn.Module):
    """A teacher that costs next to nothing: what is left is the cropping."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(b, 3, H, W) to (b, 2)."""
        return images[:, :2, 0, 0]


class Crops(Dataset):
    """Images as a folder of them gives them, each cut and normalised on its own."""

    def __init__(self, images: np.ndarray, side: int) -> None:
        self.images = [Image.fromarray(image) for image in images]
        self.to_tensor = transforms.ToTensor()
        self.crop = transforms.RandomResizedCrop(side, scale=SCALE, ratio=(1, 1), antialias=True)
        self.normalise = transforms.Normalize(MEAN, STD)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        picture = self.to_tensor(self.images[i])
        return self.normalise(torch.stack([self.crop(picture) for _ in range(CROPS)])), 0


def rows(cases: tuple[tuple[int, int, int], ...] = CASES, passes: int = PASSES) -> list[dict[str, Any]]:
    """A row per case and teacher: name, ours and peer (median seconds), ratio (peer / ours), unit, note."""
    return [_row(*case, teacher, passes) for case in cases for teacher in ("quicknet", "")]


def _row(side: int, factor: int, images: int, teacher: str, passes: int) -> dict[str, Any]:
    pixels = np.random.default_rng(0).integers(0, 256, (images, side, side, 3)).astype(np.uint8)
    data = ImageDataset.from_arrays(pixels, np.arange(images) % 2, ("one", "two"), name="noise")
    network = Nothing()
    if teacher:
        network = build_network(teacher, classes=2, image_size=side, seed=0, plugins=Plugins())
    network = network.to(memory_format=torch.channels_last).eval()
    normalise = Normalise(255 * torch.tensor(MEAN), 255 * torch.tensor(STD))
    judge = Teacher(network, normalise, teacher, 2, 0)
    context = SimpleNamespace(dataset=data, device="cpu", progress=lambda *_: None)
    generator = torch.Generator().manual_seed(0)

    def ours() -> torch.Tensor:
        boxes = random_boxes(images * CROPS, (side, side), generator, SCALE, (1, 1))
        return score(context, judge, np.repeat(np.arange(images), CROPS), boxes, factor)

    def released() -> torch.Tensor:
        ((crops, labels),) = DataLoader(Crops(pixels, side // factor), batch_size=images)
        gap = side - side // factor
        padding = (gap // 2, gap - gap // 2, gap // 2, gap - gap // 2)
        inputs = torch.nn.functional.pad(crops.flatten(0, 1), padding)
        with torch.no_grad():
            logits = torch.cat([network(part) for part in inputs.split(images)])
        chances = torch.softmax(logits, 1).gather(1, labels.repeat_interleave(CROPS).unsqueeze(1))
        return -torch.log(chances)

    ours_s, peer_s = paired(ours, released, rounds=passes)
    return {
        "name": f"RDED: {images * CROPS} crops of {side} pixels, {teacher or 'no teacher'}",
        "ours": images * CROPS / ours_s,
        "peer": images * CROPS / peer_s,
        "ratio": peer_s / ours_s,
        "unit": "crops/s",
        "note": f"peer: torchvision image by image in a DataLoader, as released; {torch.get_num_threads()} threads",
    }


if __name__ == "__main__":
    for row in rows():
        print(
            f"{row['name']:45} ours {row['ours']:7.0f}  released {row['peer']:7.0f} {row['unit']}"
            f"  {row['ratio']:5.1f}x  {row['note']}"
        )
