"""libimagequant's palettes where it is installed, and what is said where it is not."""

import importlib.util

import numpy as np
import pytest

from cc_plugins.imagequant.method import ImageQuant, identity, ready
from ccbench import testing


def image(side=16):
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 255, side)
    return (np.stack(np.broadcast_arrays(ramp, ramp[:, None], 128), -1) * rng.uniform(0.8, 1)).astype(np.uint8)


def test_what_is_said_where_it_is_not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert ready({}).endswith("pip install 'ccbench[imagequant]'")
    assert identity({}) == ""


@pytest.mark.parametrize("colours", [2, 4, 16, 256])
def test_a_palette_of_at_most_so_many_colours(colours):
    pytest.importorskip("imagequant")
    picture = image(24)
    index, palette = ImageQuant(dither=0.0).quantise(picture, colours, 0)
    assert index.shape == picture.shape[:2]
    assert len(palette) == int(index.max()) + 1 <= colours
    own = ((palette[index].astype(int) - picture) ** 2).mean()
    mean = ((picture.mean((0, 1)) - picture) ** 2).mean()
    assert own < mean * (0.8 if colours == 2 else 0.4)


def test_dithering_is_off_unless_asked_for():
    pytest.importorskip("imagequant")
    plain, dithered = (ImageQuant(dither=d).quantise(image(32), 4, 0) for d in (0.0, 1.0))
    errors = [((p[i].astype(int) - image(32)) ** 2).mean() for i, p in (plain, dithered)]
    assert errors[0] < errors[1]  # each pixel has its nearest colour


def test_conformance():
    pytest.importorskip("imagequant")
    report = testing.check_method("imagequant")
    assert report.ok, str(report)
    assert "imagequant 1" in identity({})
