"""Imagenette and Imagewoof: ten easy and ten difficult classes of ImageNet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cc_plugins.datasets.published import Published
from ccbench.plugin import DataSource


class _TenClasses(Published):
    classes: Mapping[str, str]

    def names(self, root: Path) -> Mapping[str, str]:
        """The ten classes."""
        return self.classes

    def place(self, found: list[Path], source: DataSource) -> Path:
        """The largest pictures that are there: ``-320`` and ``-160`` have that many pixels on their shorter side.

        Raises:
            UserError: they are smaller than the images asked for.
        """
        size = source.image_size or self.size
        short = next((s for s in (160, 320) if found[0].name.endswith(f"-{s}")), size)
        if short < size:
            raise self.wrong(
                f"images of {size} pixels would be enlarged ones",
                f"{found[0]}, whose pictures have {short} pixels on their shorter side",
                f"--image-size {short}, or extract {self.locations[0]}, which is at {self.page}",
            )
        return found[0]


class Imagenette(_TenClasses):
    """Ten classes that are easy to tell apart, in fastai's second split."""

    name = "imagenette"
    locations = ("imagenette2", "imagenette2-320", "imagenette2-160")
    page = "https://github.com/fastai/imagenette"
    counts = (9469, 3925)
    classes = {  # noqa: RUF012 - read only
        "n01440764": "tench",
        "n02102040": "English springer",
        "n02979186": "cassette player",
        "n03000684": "chain saw",
        "n03028079": "church",
        "n03394916": "French horn",
        "n03417042": "garbage truck",
        "n03425413": "gas pump",
        "n03445777": "golf ball",
        "n03888257": "parachute",
    }


class Imagewoof(_TenClasses):
    """Ten breeds of dogs, in fastai's second split."""

    name = "imagewoof"
    locations = ("imagewoof2", "imagewoof2-320", "imagewoof2-160")
    page = "https://github.com/fastai/imagenette"
    counts = (9025, 3929)
    classes = {  # noqa: RUF012 - read only
        "n02086240": "Shih-Tzu",
        "n02087394": "Rhodesian ridgeback",
        "n02088364": "beagle",
        "n02089973": "English foxhound",
        "n02093754": "Border terrier",
        "n02096294": "Australian terrier",
        "n02099601": "golden retriever",
        "n02105641": "Old English sheepdog",
        "n02111889": "Samoyed",
        "n02115641": "dingo",
    }
