"""Prints a lot, and is sound otherwise."""

import sys

import numpy as np

from ccbench import MethodSpec, hookimpl


@hookimpl
def ccbench_methods():
    return [
        MethodSpec(
            name="zoo-prints", target="zoo_prints:Animal", version="1", summary="Prints a lot, and is sound otherwise."
        )
    ]


class Animal:
    def compress(self, task):
        from ccbench import CompressedDataset

        for _ in range(2000):
            print("the parrot talks " * 8)
            print("and screams", file=sys.stderr)
        return CompressedDataset.subset(task.dataset, np.arange(task.images))
