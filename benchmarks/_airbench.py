"""airbench's 94 % run in a folder with its images: ``python -m benchmarks._airbench FOLDER`` prints JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

BATCH, EPOCHS = 1024, 9.9  # its own


def prepare(folder: Path, images: np.ndarray, labels: np.ndarray, test: tuple[np.ndarray, np.ndarray]) -> None:
    """Write CIFAR-10 where and as airbench looks for it, so that it downloads nothing."""
    import torch

    (folder / "cifar10").mkdir(parents=True)
    for name, (pictures, classes) in {"train": (images, labels), "test": test}.items():
        held = {
            "images": torch.from_numpy(pictures),
            "labels": torch.from_numpy(classes).long(),
            "classes": [*range(10)],
        }
        torch.save(held, folder / "cifar10" / f"{name}.pt")


def run(folder: str) -> dict[str, Any]:
    """Train twice, the first time to warm up; seconds of the second, images per second and accuracy."""
    import airbench
    import torch

    os.chdir(folder)

    def loader() -> Any:
        views = {"flip": True, "translate": 2}
        return airbench.CifarLoader("cifar10", train=True, batch_size=BATCH, aug=views, altflip=True)

    airbench.train94(loader(), verbose=False)
    once = loader()
    torch.cuda.synchronize()
    started = time.perf_counter()
    network = airbench.train94(once, verbose=False)
    torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    tested = airbench.CifarLoader("cifar10", train=False, batch_size=2000)
    images = int(np.ceil(len(once) * EPOCHS)) * BATCH
    accuracy = airbench.evaluate(network, tested, tta_level=2)
    return {"seconds": seconds, "images_per_second": images / seconds, "accuracy": accuracy}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1])))
