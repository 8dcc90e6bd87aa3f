"""Gives images labels that are not theirs."""

import numpy as np

from ccbench import MethodSpec, hookimpl


@hookimpl
def ccbench_methods():
    return [
        MethodSpec(
            name="zoo-liar", target="zoo_liar:Animal", version="1", summary="Gives images labels that are not theirs."
        )
    ]


class Animal:
    def compress(self, task):
        from ccbench import CompressedDataset, RawImages

        ids = np.arange(task.images)
        data = task.dataset
        wrong = (data.labels[ids] + 1) % len(data.classes)
        return CompressedDataset(RawImages(data.images[ids]), ids, wrong, classes=data.classes)
