"""The built-in datasets, as specs; the modules beside this one are imported only when one is opened."""

from __future__ import annotations

from ccbench import DatasetSpec, DataShape, hookimpl

_CIFAR = "not stated by its authors"


@hookimpl
def ccbench_datasets() -> list[DatasetSpec]:
    """photodigits, cifar10, cifar100 and folder:PATH."""
    return [
        DatasetSpec(
            name="photodigits",
            target="cc_plugins.datasets.photodigits:PhotoDigits",
            version="1",
            summary="Handwritten digits blended over patches of two photographs; needs no download.",
            shape=DataShape(1297, 32, 32, 10),
            license="CC BY 4.0 (digits), CC BY 2.0 (photographs)",
        ),
        DatasetSpec(
            name="cifar10",
            target="cc_plugins.datasets.cifar:CIFAR10",
            version="1",
            summary="50,000 training and 10,000 test photographs of 10 kinds of things, 32x32.",
            paper="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
            shape=DataShape(50000, 32, 32, 10),
            license=_CIFAR,
        ),
        DatasetSpec(
            name="cifar100",
            target="cc_plugins.datasets.cifar:CIFAR100",
            version="1",
            summary="50,000 training and 10,000 test photographs of 100 kinds of things, 32x32.",
            paper="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
            shape=DataShape(50000, 32, 32, 100),
            license=_CIFAR,
        ),
        DatasetSpec(
            name="folder:",
            target="cc_plugins.datasets.folder:Folder",
            version="1",
            summary="Your own images: folder:PATH with PATH/train/<class>/* and PATH/test/<class>/*.",
            license="yours",
        ),
    ]
