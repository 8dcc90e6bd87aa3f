"""PNG folders for other tools."""

from __future__ import annotations

import resource

import numpy as np
import pytest
from archive_samples import CLASSES, dataset, encoded, palette, pixels_of, raw
from PIL import Image
from torchvision.datasets import ImageFolder

from ccbench.archive import CompressedDataset, export
from ccbench.archive.export import folder_names
from ccbench.errors import UserError


@pytest.mark.parametrize("make", [raw, palette, encoded])
def test_torchvision_reads_the_same_images(tmp_path, make):
    rng = np.random.default_rng(0)
    data = dataset(make(12, 5, 7, rng), rng, ids=np.arange(12) * 100)
    assert export(data, tmp_path / "out") == 12
    found = ImageFolder(tmp_path / "out")
    assert found.classes == list(CLASSES)  # they happen to be in alphabetical order
    want = {
        (CLASSES[label], f"{i:06d}.png"): p
        for i, label, p in zip(data.ids, data.labels, pixels_of(data.payload), strict=True)
    }
    assert len(found) == 12
    for path, label in found.samples:
        pixels = np.asarray(Image.open(path))
        assert (pixels == want[found.classes[label], path.rsplit("/", 1)[1]]).all()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_synthetic_images_are_numbered_by_position(tmp_path):
    rng = np.random.default_rng(0)
    data = CompressedDataset(raw(2, 2, 2, rng), [-1, -1], [0, 1], classes=["a", "b"])
    export(data, tmp_path / "out")
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.png")) == [
        "out/a/000000.png",
        "out/b/000001.png",
    ]


def test_an_empty_folder_will_do_and_a_full_one_will_not(tmp_path):
    rng = np.random.default_rng(0)
    data = dataset(raw(2, 2, 2, rng), rng)
    (tmp_path / "out").mkdir()
    assert export(data, tmp_path / "out") == 2
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="exists already"):
        export(data, tmp_path / "out")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="exists already"):
        export(data, tmp_path / "file")
    with pytest.raises(UserError, match="cannot write"):
        export(data, tmp_path / "file" / "below")
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "file"])


def test_a_full_disk_leaves_nothing(tmp_path):
    rng = np.random.default_rng(0)
    data = dataset(raw(3, 30, 30, rng), rng)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(UserError, match="cannot write"):
            export(data, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_class_names_become_safe_and_distinct_folders():
    assert folder_names(("aquarium fish", "tench, Tinca", "naïve")) == ["aquarium fish", "tench, Tinca", "naïve"]
    assert folder_names(("../up", "a/b", "a\\b")) == ["_up", "0001_a_b", "0002_a_b"]
    assert folder_names(("", "..", "Cat", "cat")) == ["0000_", "0001_", "0002_Cat", "0003_cat"]
