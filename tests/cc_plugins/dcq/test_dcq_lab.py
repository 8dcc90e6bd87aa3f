import warnings

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.color import lab2rgb, rgb2lab

from cc_plugins.dcq.lab import bytes_to_lab, lab_to_bytes, lab_to_rgb, rgb_to_lab

GRID = np.stack(np.meshgrid(*[np.append(np.arange(0, 256, 5), range(12))] * 3), axis=-1).reshape(-1, 3).astype(np.uint8)


def test_floats_agree_with_scikit_image():
    rgb = GRID / 255
    assert abs(rgb_to_lab(torch.from_numpy(rgb)).numpy() - rgb2lab(rgb)).max() < 1e-3
    assert abs(rgb_to_lab(torch.from_numpy(rgb).float()).numpy() - rgb2lab(rgb)).max() < 1e-3


def test_bytes_agree_with_scikit_image():
    assert abs(bytes_to_lab(GRID).numpy() - rgb2lab(GRID)).max() < 1e-3
    image = GRID[:600].reshape(5, 10, 12, 3)
    assert bytes_to_lab(image).shape == image.shape
    assert torch.equal(bytes_to_lab(image).reshape(-1, 3), bytes_to_lab(GRID[:600]))


def test_back_to_rgb_agrees_with_scikit_image_and_clips():
    lab = np.random.default_rng(0).uniform([0, -60, -60], [100, 60, 60], (500, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells of colours outside the display's range
        expected = lab2rgb(lab)
    found = lab_to_rgb(torch.from_numpy(lab)).numpy()
    inside = ((expected > 0) & (expected < 1)).all(axis=1)
    assert inside.sum() > 50
    assert abs(found - expected)[inside].max() < 1e-3
    assert found.min() >= 0
    assert found.max() <= 1


def test_known_colours():
    lab = bytes_to_lab(np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0]], np.uint8)).numpy()
    assert abs(lab[0]).max() < 0.01
    np.testing.assert_allclose(lab[1], [100, 0, 0], atol=0.02)
    np.testing.assert_allclose(lab[2], [53.24, 80.09, 67.20], atol=0.02)


@given(arrays(np.uint8, (7, 3)))
def test_bytes_survive_the_way_there_and_back(rgb):
    assert np.array_equal(lab_to_bytes(bytes_to_lab(rgb)).numpy(), rgb)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.06, 0.95), min_size=6, max_size=6))
def test_gradients_are_right(values):
    rgb = torch.tensor(values, dtype=torch.float64).reshape(2, 3).requires_grad_()
    assert torch.autograd.gradcheck(rgb_to_lab, (rgb,))
    assert torch.autograd.gradcheck(lab_to_rgb, (rgb_to_lab(rgb.detach()).requires_grad_(),), atol=1e-4)


def test_gradients_are_finite_at_black_and_white():
    rgb = torch.tensor([[0.0, 0, 0], [1, 1, 1], [0, 0, 1]], requires_grad=True)
    rgb_to_lab(rgb).sum().backward()
    assert torch.isfinite(rgb.grad).all()
