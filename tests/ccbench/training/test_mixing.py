"""CutMix's box and pixels, and mixup's shares, worked out by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ccbench.training.mixing import cut_box, mix


class Fixed:
    """A generator that draws what it is told."""

    def __init__(self, *draws, share=None):
        self.draws, self.share = list(draws), share

    def integers(self, high):
        assert 0 <= self.draws[0] < high
        return self.draws.pop(0)

    def beta(self, a, b):
        assert a == b
        return self.share


@pytest.mark.parametrize(
    ("size", "share", "centre", "box"),
    [
        ((8, 8), 0.75, (4, 4), (2, 6, 2, 6)),  # half of each side: 4 pixels round the centre
        ((8, 8), 0.75, (0, 7), (0, 2, 5, 8)),  # cut off at the edges
        ((10, 20), 0.51, (5, 10), (2, 8, 3, 17)),  # sqrt(.49) = .7: 7 and 14 pixels, 7 becomes 2 * 3
        ((8, 8), 0.0, (4, 4), (0, 8, 0, 8)),
        ((8, 8), 0.0, (0, 0), (0, 4, 0, 4)),
        ((8, 8), 0.99, (3, 3), (3, 3, 3, 3)),  # less than a pixel: nothing
    ],
)
def test_boxes_by_hand(size: tuple[int, int], share, centre, box):
    assert cut_box(*size, share, Fixed(*centre)) == box


@given(st.integers(1, 70), st.integers(1, 70), st.floats(0, 1), st.integers(0, 99))
def test_boxes_lie_inside(height, width, share, seed):
    top, bottom, left, right = cut_box(height, width, share, np.random.default_rng(seed))
    assert 0 <= top <= bottom <= height
    assert 0 <= left <= right <= width
    assert (bottom - top) * (right - left) <= (1 - share) * height * width + 1e-6


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_pixels_of_the_box_are_the_partners(dtype):
    images = torch.arange(5).view(5, 1, 1, 1).expand(5, 3, 8, 6).to(dtype).contiguous(memory_format=torch.channels_last)
    mixed, how = mix(images, "cutmix", 1.0, Fixed(1, 5, share=0.75), torch.Generator().manual_seed(0))
    assert sorted(how.partners.tolist()) == list(range(5))
    assert how.partners.tolist() != list(range(5))
    assert mixed.dtype == dtype
    for i, image in enumerate(mixed):
        expected = torch.full((3, 8, 6), float(i))
        expected[:, 0:3, 4:6] = how.partners[i]  # sides 4 and 3, so 2 and 1 to each side of (1, 5), cut off at the edge
        assert torch.equal(image.float(), expected)
    assert how.kept == pytest.approx(1 - 6 / 48)  # the true area, not the share that was drawn


def test_mixup_by_hand():
    images = torch.tensor([0, 100, 200], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 3, 2, 2).clone()
    mixed, how = mix(images, "mixup", 0.8, Fixed(share=0.25), torch.Generator().manual_seed(1))
    assert how.kept == 0.25
    for i, image in enumerate(mixed):
        torch.testing.assert_close(image, torch.full((3, 2, 2), 25.0 * i + 75.0 * int(how.partners[i])))
    assert images.unique().tolist() == [0, 100, 200]


def test_shares_are_betas():
    rng, generator = np.random.default_rng(0), torch.Generator()
    images = torch.zeros(2, 3, 2, 2)
    shares = np.array([mix(images, "mixup", 0.5, rng, generator)[1].kept for _ in range(3000)])
    assert shares.mean() == pytest.approx(0.5, abs=0.03)
    assert shares.var() == pytest.approx(1 / 8, abs=0.01)  # Beta(a, a): 1 / (4 (2a + 1))
