"""The built-in datasets, as specs; the modules beside this one are imported only when one is opened."""

from __future__ import annotations

from ccbench.plugin import DatasetSpec, DataShape, Param, hookimpl

_CIFAR = "not stated by its authors"
_IMAGENET = "the photographs are their owners'; ImageNet's terms of access allow non-commercial research and education"
_PARTIAL = (Param(name="partial", default=False, doc="take a folder with some of the classes or images"),)


@hookimpl
def ccbench_datasets() -> list[DatasetSpec]:
    """photodigits, the published sets, and folder:PATH."""
    return [
        DatasetSpec(
            name="photodigits",
            card="ccbench.registry:datasets/photodigits.toml",
            target="cc_plugins.datasets.photodigits:PhotoDigits",
            version="1",
            summary="Handwritten digits blended over patches of two photographs; needs no download.",
            shape=DataShape(1297, 32, 32, 10),
            license="CC BY 4.0 (digits), CC BY 2.0 (photographs)",
            packaged=("sklearn/datasets/data", "sklearn/datasets/images"),
        ),
        DatasetSpec(
            name="cifar10",
            card="ccbench.registry:datasets/cifar10.toml",
            target="cc_plugins.datasets.cifar:CIFAR10",
            version="1",
            summary="50,000 training and 10,000 test photographs of 10 kinds of things, 32x32.",
            shape=DataShape(50000, 32, 32, 10),
            places=("cifar-10-batches-py",),
            license=_CIFAR,
        ),
        DatasetSpec(
            name="cifar10-wrong-labels",
            card="ccbench.registry:datasets/cifar10-wrong-labels.toml",
            target="cc_plugins.datasets.cifar:WrongCIFAR10",
            version="1",
            summary="CIFAR-10 with 30 % of the training labels wrong, as in DCQ's Table 19.",
            shape=DataShape(50000, 32, 32, 10),
            places=("cifar-10-batches-py",),
            license=_CIFAR,
            params=(Param(name="share", default=0.3, low=0, high=0.99, doc="of the training labels that are wrong"),),
        ),
        DatasetSpec(
            name="cifar100",
            card="ccbench.registry:datasets/cifar100.toml",
            target="cc_plugins.datasets.cifar:CIFAR100",
            version="1",
            summary="50,000 training and 10,000 test photographs of 100 kinds of things, 32x32.",
            shape=DataShape(50000, 32, 32, 100),
            places=("cifar-100-python",),
            license=_CIFAR,
        ),
        DatasetSpec(
            name="tiny-imagenet",
            card="ccbench.registry:datasets/tiny-imagenet.toml",
            target="cc_plugins.datasets.tiny_imagenet:TinyImageNet",
            version="2",
            summary="100,000 training and 10,000 validation photographs of 200 kinds of things, 64x64.",
            shape=DataShape(100_000, 64, 64, 200),
            places=("tiny-imagenet-200",),
            resizable=True,
            params=_PARTIAL,
            license=_IMAGENET,
        ),
        DatasetSpec(
            name="imagenette",
            card="ccbench.registry:datasets/imagenette.toml",
            target="cc_plugins.datasets.imagenette:Imagenette",
            version="2",
            summary="Ten easy classes of ImageNet: 9,469 training and 3,925 validation photographs.",
            shape=DataShape(9469, 224, 224, 10),
            places=("imagenette2", "imagenette2-320", "imagenette2-160"),
            resizable=True,
            params=_PARTIAL,
            license=_IMAGENET,
        ),
        DatasetSpec(
            name="imagewoof",
            card="ccbench.registry:datasets/imagewoof.toml",
            target="cc_plugins.datasets.imagenette:Imagewoof",
            version="2",
            summary="Ten breeds of dogs of ImageNet: 9,025 training and 3,929 validation photographs.",
            shape=DataShape(9025, 224, 224, 10),
            places=("imagewoof2", "imagewoof2-320", "imagewoof2-160"),
            resizable=True,
            params=_PARTIAL,
            license=_IMAGENET,
        ),
        DatasetSpec(
            name="imagenet",
            card="ccbench.registry:datasets/imagenet.toml",
            target="cc_plugins.datasets.imagenet:ImageNet",
            version="2",
            summary="ImageNet-1k (ILSVRC 2012): 1,281,167 training and 50,000 validation photographs of 1,000 classes.",
            shape=DataShape(1_281_167, 224, 224, 1000),
            places=("imagenet", "ILSVRC2012", "ImageNet", "imagenet-1k", "ILSVRC/Data/CLS-LOC"),
            resizable=True,
            params=_PARTIAL,
            license=_IMAGENET,
        ),
        DatasetSpec(
            name="folder:",
            card="ccbench.registry:datasets/folder.toml",
            target="cc_plugins.datasets.folder:Folder",
            version="3",
            summary="Your own images: folder:PATH with train/<class>/* and test/<class>/*, or <class>/* alone.",
            license="yours",
        ),
    ]
