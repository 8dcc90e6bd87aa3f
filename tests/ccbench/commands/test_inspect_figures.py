import io

import numpy as np
import pytest
from PIL import Image

from ccbench.archive import CompressedDataset, RawImages
from ccbench.colors import measure
from ccbench.inspection import Subject, contact_sheet, curves
from ccbench.inspection.colors import shared_curves
from ccbench.inspection.contact_sheet import shown_size, spread
from ccbench.store import Store


def subject(path, images, labels, classes, original=None):
    compressed = CompressedDataset(RawImages(images), np.full(len(images), -1), labels, classes=classes)
    return Subject(path / "a.ccb", compressed, original, "", Store(path))


def opened(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def plain(count, size=(8, 8)):
    """Images of one colour each, no two alike and none a grey."""
    return np.stack([np.full((*size, 3), (255, i, 60), np.uint8) for i in range(count)])


def test_the_sheet_shows_images_of_their_class_in_its_row(tmp_path):
    labels = np.array([0, 2, 0, 2, 2])
    sheet = opened(contact_sheet.png(subject(tmp_path, plain(5), labels, ("cat", "none", "dog")), images=2))
    seen = [np.flatnonzero((sheet == (255, i, 60)).all(2).any(1)) for i in range(5)]
    assert len(seen[0]) == len(seen[2]) == 64  # 8 pixels, each shown as 8x8
    assert (seen[0] == seen[2]).all()  # one row
    assert not len(seen[3])  # of three dogs the first and the last
    assert (seen[1] == seen[4]).all()
    assert seen[1].min() > seen[0].max() + 64  # between them the row of the class without images
    columns = [np.flatnonzero((sheet == (255, i, 60)).all(2).any(0)) for i in (0, 2)]
    assert columns[0].max() < columns[1].min()
    assert np.any(sheet[: sheet.shape[0] // 3, : columns[0].min()] < 100)  # its name


def test_many_classes_are_thinned_out_and_long_names_cut(tmp_path):
    names = tuple(f"{i}" + "w" * 300 for i in range(100))
    sheet = opened(contact_sheet.png(subject(tmp_path, plain(100), np.arange(100), names)))
    rows = [i for i in range(100) if (sheet == (255, i, 60)).all(2).any()]
    assert rows == spread(100, 20).tolist()
    assert sheet.shape[1] < 300


def test_enlarged_by_whole_factors_and_shrunk_in_shape():
    assert shown_size(32, 32) == (64, 64)
    assert shown_size(28, 28) == (84, 84)
    assert shown_size(64, 48) == (48, 64)
    assert shown_size(100, 160) == (160, 100)
    assert shown_size(256, 512) == (160, 80)
    assert shown_size(1, 4000) == (160, 1)
    assert shown_size(1, 1) == (64, 64)


def test_large_images_are_averaged(tmp_path):
    board = np.indices((1, 400, 400)).sum(0)[..., None] % 2 * np.full(3, 255)
    sheet = opened(contact_sheet.png(subject(tmp_path, board.astype(np.uint8), np.array([0]), ("a",))))
    assert sheet.shape[0] < 200
    assert 110 < sheet[20:140, -150:-20].mean() < 145  # grey; picking pixels would leave black or white


@pytest.mark.parametrize(("count", "most", "expected"), [(0, 3, []), (1, 3, [0]), (5, 1, [0]), (5, 3, [0, 2, 4])])
def test_spread(count, most, expected):
    assert spread(count, most).tolist() == expected


def test_curves_solid_and_dashed(tmp_path):
    from ccbench.data import ImageDataset

    images, labels = plain(4), np.arange(4) % 2
    original = ImageDataset.from_arrays(255 - images, labels, ("a", "b"), name="toy")
    axis = curves.draw(subject(tmp_path, images, labels, ("a", "b"), original)).axes[0]
    assert [line.get_linestyle() for line in axis.lines] == ["-", "--"] * 3
    assert [line.get_label() for line in axis.lines][:2] == ["red, compressed", "red, original"]
    assert axis.lines[0].get_ydata().argmax() == 511  # all red is 255
    assert axis.lines[1].get_ydata().argmax() == 0
    assert "distance" in axis.get_title()
    alone = curves.draw(subject(tmp_path, images, labels, ("a", "b"))).axes[0]
    assert [line.get_linestyle() for line in alone.lines] == ["-"] * 3
    assert "original" not in alone.get_title()


def test_a_part_of_a_set_is_not_smoothed_more_than_the_whole():
    values = np.tile(np.arange(0, 256, 3, dtype=np.uint8), 300)
    whole = np.repeat(values, 3).reshape(1, 1, -1, 3)
    part = measure([whole[:, :, : 256 // 3 + 1]])  # every value once
    one, other = shared_curves([part, measure([whole])], np.linspace(0, 1, 64))
    assert one == pytest.approx(other, abs=1e-9)


def test_the_same_file_gives_the_same_figures(tmp_path):
    given = subject(tmp_path, plain(3), np.array([0, 1, 1]), ("$a", "b\\"))
    for figure in (curves, contact_sheet):
        assert figure.png(given) == figure.png(given)
