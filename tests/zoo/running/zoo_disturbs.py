"""Moves to another folder and seeds the global generators, and is sound otherwise."""

import os
import random
import tempfile

from ccbench import MethodSpec, hookimpl


@hookimpl
def ccbench_methods():
    return [
        MethodSpec(
            name="zoo-disturbs",
            target="zoo_disturbs:Animal",
            version="1",
            summary="Moves to another folder and seeds the global generators, and is sound otherwise.",
        )
    ]


class Animal:
    def compress(self, task):
        import numpy as np
        import torch

        from ccbench import CompressedDataset

        os.chdir(tempfile.gettempdir())
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        return CompressedDataset.subset(task.dataset, np.arange(task.images))
