"""JPEG files decoded at a part of their size: near the whole ones, and not shifted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cc_plugins.datasets.pictures import read


def waves(height, width):
    """A smooth picture with slopes everywhere, so that a shift shows."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    channels = [np.sin(9 * x + 5 * y), np.cos(11 * y - 3 * x), np.sin(7 * x * y + 4 * x)]
    return (127.5 + 120 * np.stack(channels, axis=2)).astype(np.uint8)


@given(width=st.integers(130, 500), height=st.integers(130, 500), size=st.integers(16, 40))
@settings(max_examples=40, deadline=None)
def test_off_by_less_than_a_grey_level_on_average(tmp_path_factory, width, height, size):
    path = tmp_path_factory.mktemp("draft") / "a.jpg"
    Image.fromarray(waves(height, width)).save(path, quality=95)
    plain, drafted = (read(path, size, draft=draft).astype(int) for draft in (False, True))
    assert drafted.shape == (size, size, 3)
    assert np.abs(plain - drafted).mean() < 0.7
    assert np.abs(plain - drafted)[1:-1, 1:-1].max() <= 4  # the border's last pixels stand for a part of a pixel


def test_it_is_done_where_twice_the_size_is_left_and_not_below(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (129, 160, 3), dtype=np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(noise).save(path, quality=95)
    for size, same in ((32, False), (33, True), (64, True), (None, True)):
        assert np.array_equal(read(path, size), read(path, size, draft=True)) is same


@pytest.mark.parametrize("options", [{"format": "PNG"}, {"format": "JPEG", "exif": 6}])
def test_other_files_and_turned_ones_are_read_whole(tmp_path, options):
    path = tmp_path / "a"
    if "exif" in options:
        options["exif"], options["exif"][0x0112] = Image.Exif(), 6
    Image.fromarray(waves(203, 301)).save(path, **options)
    assert np.array_equal(read(path, 16), read(path, 16, draft=True))


@pytest.mark.parametrize(("mode", "colour", "wanted"), [("L", 77, [77] * 3), ("CMYK", (0, 255, 255, 0), [255, 0, 0])])
def test_grey_and_cmyk(tmp_path, mode, colour, wanted):
    path = tmp_path / "a.jpg"
    Image.new(mode, (400, 300), colour).save(path, quality=95)
    assert np.abs(read(path, 16, draft=True).astype(int) - wanted).max() <= 3
