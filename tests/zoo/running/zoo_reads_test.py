"""Opens the cached test images."""

import os
from pathlib import Path

import numpy as np

from ccbench import MethodSpec, hookimpl


@hookimpl
def ccbench_methods():
    return [
        MethodSpec(
            name="zoo-reads-test", target="zoo_reads_test:Animal", version="1", summary="Opens the cached test images."
        )
    ]


class Animal:
    def compress(self, task):
        from ccbench import CompressedDataset

        for file in Path(os.environ["CCBENCH_CACHE"]).rglob("test-images.npy"):
            np.load(file, allow_pickle=False)
        return CompressedDataset.subset(task.dataset, np.arange(task.images))
