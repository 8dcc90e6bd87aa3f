"""ImageNet-1k, the images of ILSVRC 2012."""

from __future__ import annotations

import csv
import importlib.util
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from cc_plugins.datasets.layout import Split, folders
from cc_plugins.datasets.published import Published

SOLUTION = "LOC_val_solution.csv"  # Kaggle's list of the validation images' classes
_ABOVE = 4  # folders: it lies beside ILSVRC/Data/CLS-LOC/val


class ImageNet(Published):
    """``train/<wnid>/*.JPEG`` and ``val/<wnid>/*.JPEG``.

    Kaggle's layout is taken as it is: its ``val`` is flat, and :data:`SOLUTION` beside it or in a folder above says
    of which class each image is. Another flat ``val`` is an error that says how to sort it.
    """

    name = "imagenet"
    locations = ("imagenet", "ILSVRC2012", "ImageNet", "imagenet-1k", "ILSVRC/Data/CLS-LOC")
    page = "https://image-net.org/download"
    counts = (1_281_167, 50_000)

    def names(self, root: Path) -> Mapping[str, str]:
        """The thousand classes; those of ``train/`` under their ids where no list of them is installed."""
        return class_names() or {name: name for name in folders(root / "train") if re.fullmatch(r"n\d{8}", name)}

    def test(self, root: Path, wnids: Sequence[str]) -> Split:
        """The validation images of some classes, from class folders or by Kaggle's list.

        Raises:
            UserError: a flat ``val`` without that list, or a list that does not fit the images.
        """
        val = root / "val"
        if folders(val):
            return super().test(root, wnids)
        places = [val, *val.parents][: _ABOVE + 1]
        solution = next((place / SOLUTION for place in places if (place / SOLUTION).is_file()), None)
        if solution is None:
            raise self.wrong(
                "val/ is not sorted into classes",
                f"no class folders in {val} and no {SOLUTION} beside it",
                f"torchvision.datasets.ImageNet({str(root)!r}, split='val') sorts the official archives "
                f"(ILSVRC2012_img_val.tar and ILSVRC2012_devkit_t12.tar.gz) into folders, or put Kaggle's {SOLUTION} "
                f"into {root}",
            )
        return self.annotated(root, "val", self._solution(solution), wnids)

    def _solution(self, file: Path) -> dict[str, str]:
        labels: dict[str, str] = {}
        with file.open(newline="", encoding="utf-8", errors="replace") as lines:
            for number, row in enumerate(csv.reader(lines), 1):
                if number == 1 and row[:1] == ["ImageId"]:
                    continue
                wnid = row[1].partition(" ")[0] if len(row) > 1 else ""
                name = f"{row[0]}.JPEG" if row else ""
                if not re.fullmatch(r"n\d{8}", wnid) or name in labels:
                    raise self.wrong(
                        f"line {number} of {file.name} is no annotation",
                        f"{','.join(row)[:80]!r}" + (", an image that has one already" if name in labels else ""),
                        "a line holds the image's name, a comma, the class's id and boxes; download the file again",
                    )
                labels[name] = wnid
        return labels


@cache
def class_names() -> dict[str, str]:
    """The names of the thousand classes by their WordNet ids, as timm lists them; empty where it does not."""
    found = importlib.util.find_spec("timm")  # read, not imported: that takes seconds
    info = Path(((found and found.submodule_search_locations) or [""])[0], "data", "_info")
    try:
        wnids = (info / "imagenet_synsets.txt").read_text(encoding="utf-8").split()
        lemmas = (info / "imagenet_synset_to_lemma.txt").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    names = dict(line.partition("\t")[::2] for line in lemmas)
    return {wnid: names.get(wnid, wnid) for wnid in wnids}
