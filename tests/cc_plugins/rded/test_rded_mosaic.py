"""Tiles side by side, by hand."""

import pytest
import torch

from cc_plugins.rded.mosaic import mosaic
from cc_plugins.rded.realism import framed, tile


def flat(values, height, width):
    """One crop of one colour per value."""
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 3, height, width)


def test_tiles_go_row_by_row():
    picture = mosaic(flat([10, 20, 30, 40], 2, 3), 2, (4, 6))
    assert picture.shape == (4, 6, 3)
    assert picture.dtype == torch.uint8
    assert picture[:, :, 1].tolist() == [[10] * 3 + [20] * 3] * 2 + [[30] * 3 + [40] * 3] * 2


def test_the_first_tiles_are_larger_where_the_size_does_not_divide():
    """5 pixels are tiles of 3 and 2, 7 are 3, 2 and 2; crops of 2 pixels are enlarged by repeating their first."""
    crop = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).expand(3, 2, 2)
    crops = torch.stack([crop + 10 * k for k in range(4)])
    assert mosaic(crops, 2, (5, 5))[:, :, 0].tolist() == [
        [1, 1, 2, 11, 12],
        [1, 1, 2, 11, 12],
        [3, 3, 4, 13, 14],
        [21, 21, 22, 31, 32],
        [23, 23, 24, 33, 34],
    ]
    wide = mosaic(flat(range(9), 2, 2), 3, (7, 7))[:, :, 0]
    assert wide[0].tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert wide[:, 0].tolist() == [0, 0, 0, 3, 3, 6, 6]


def test_values_are_cut_off_and_flat_colours_survive_rounding_errors():
    values = torch.tensor([99.9, 100.0, 99.99999, 254.99998, 255.0, -1e-5, 0.5]).view(1, 1, 1, 7).expand(1, 3, 1, 7)
    assert mosaic(values, 1, (1, 7))[0, :, 2].tolist() == [99, 100, 100, 255, 255, 0, 0]


def test_one_tile_is_the_crop():
    crop = torch.randint(0, 256, (1, 3, 5, 4), generator=torch.Generator().manual_seed(0)).float()
    assert torch.equal(mosaic(crop, 1, (5, 4)).permute(2, 0, 1), crop[0].to(torch.uint8))


@pytest.mark.parametrize(("size", "factor", "expected"), [((32, 32), 1, (32, 32)), ((33, 65), 2, (16, 32))])
def test_size_of_a_crop(size, factor, expected):
    assert tile(size, factor) == expected


def test_a_crop_lies_in_the_middle_of_its_canvas():
    crops = flat([200, 100], 2, 1)
    canvas = framed(crops, (5, 4), torch.tensor([1.0, 2.0, 3.0]))
    assert canvas.shape == (2, 3, 5, 4)
    # one row above, two below; one column left, two right
    assert canvas[0, 0].tolist() == [[1] * 4, [1, 200, 1, 1], [1, 200, 1, 1], [1] * 4, [1] * 4]
    assert canvas[1, 2, 1].tolist() == [3, 100, 3, 3]
    assert framed(crops, (2, 1), torch.zeros(3)) is crops
