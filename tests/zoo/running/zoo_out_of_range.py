"""Returns an id that the training set does not have."""

import numpy as np

from ccbench import MethodSpec, hookimpl


@hookimpl
def ccbench_methods():
    return [
        MethodSpec(
            name="zoo-out-of-range",
            target="zoo_out_of_range:Animal",
            version="1",
            summary="Returns an id that the training set does not have.",
        )
    ]


class Animal:
    def compress(self, task):
        from ccbench import CompressedDataset, RawImages

        ids = np.arange(task.images)
        data = task.dataset
        away = ids + len(data)
        return CompressedDataset(RawImages(data.images[ids]), away, data.labels[ids], classes=data.classes)
