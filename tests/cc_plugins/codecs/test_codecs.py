"""Codecs as methods: within the budget and near it, every image there, nothing taken from another machine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features

from cc_plugins.codecs import CODECS, ready
from cc_plugins.codecs import method as codec_methods
from cc_plugins.codecs.encoders import Encoder, distance
from cc_plugins.codecs.method import Avif, Downscale, Jpeg, JpegXL, WebP
from cc_plugins.codecs.search import Search
from ccbench.archive import CompressedDataset
from ccbench.archive.codecs import read_pixels
from ccbench.budget import Budget
from ccbench.data import ImageDataset
from ccbench.errors import UserError
from ccbench.methods.task import Task, Workbench
from ccbench.offers.discovery import Plugins
from ccbench.store import Store
from ccbench.training.protocols import load_protocol

PLUGINS = Plugins(discover=False, extra=("cc_plugins.codecs", "cc_plugins.protocols", "cc_plugins.architectures"))
HERE = [c for c in CODECS if ready.downscale({"codec": c}) is None]


def scenes(n, side=16, seed=0):
    """Smooth pictures with an edge, as photographs have."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (n, 4, 4, 3), np.uint8)
    large = [np.asarray(Image.fromarray(x).resize((side, side), Image.Resampling.BICUBIC)) for x in small]
    return np.stack(large)


def task(tmp_path, n=60, side=16, kept="1/6", images=None):
    images = scenes(n, side) if images is None else images
    data = ImageDataset.from_arrays(images, np.arange(len(images)) % 2, ("a", "b"), name="scenes")
    bench = Workbench(data, Store(tmp_path), PLUGINS, load_protocol("quick", PLUGINS).proxy)
    return Task(
        bench, data, Budget.from_fraction(kept) if isinstance(kept, float) else Budget(kept), np.arange(len(images))
    )


def method(codec, **also):
    effort = {"webp": 2, "avif": 0, "jxl": 3}
    options = {"mosaic": None, "quality": None}
    if codec in ("jpeg", "avif"):
        options["chroma"] = "444"
    if codec in effort:
        options["effort"] = effort[codec]
    return {"jpeg": Jpeg, "webp": WebP, "avif": Avif, "jxl": JpegXL}[codec](**options | also)


def error(images, compressed):
    decoded = compressed.decode(range(len(images))).permute(0, 2, 3, 1).numpy()
    return np.square(decoded.astype(float) - images).mean()


@pytest.mark.parametrize("codec", HERE)
@pytest.mark.parametrize("mosaic", [1, 8, None])
def test_within_the_budget_and_near_it(tmp_path, codec, mosaic):
    given_ = task(tmp_path, kept=0.2)
    assert method(codec, mosaic=mosaic).skip(given_) is None
    made = method(codec, mosaic=mosaic).compress(given_)
    allowed = given_.budget.bytes(given_.dataset.shape)
    near = 0.7 if mosaic is None else 0.9  # one file cannot be of two qualities
    assert near * allowed < made.payload.blobs.total <= allowed
    assert made.nominal_kept(given_.dataset.shape) <= given_.budget.kept
    assert made.ids.tolist() == list(range(60))
    assert made.labels.tolist() == given_.dataset.labels.tolist()
    assert len(made.payload.blobs) == {1: 60, 8: 8, None: 1}[mosaic]
    assert error(given_.dataset.images, made) < 300
    assert method(codec, mosaic=mosaic).compress(given_).content_digest() == made.content_digest()


@pytest.mark.parametrize("codec", HERE)
def test_more_bytes_are_better_images(tmp_path, codec):
    images = scenes(40)
    errors = [
        error(images, method(codec, mosaic=20).compress(task(tmp_path, images=images, kept=k)))
        for k in (0.05, 0.15, 0.4)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_the_files_are_those_of_the_found_quality(tmp_path):
    given_ = task(tmp_path, kept=0.2)
    made = method("jpeg", mosaic=8).compress(given_)
    quality, better = made.meta["quality"], made.meta["files_of_next_quality"]
    encoder = Encoder("jpeg", chroma="444")
    one = given_.dataset.images[:8].reshape(2, 4, 16, 16, 3).transpose(0, 2, 1, 3, 4).reshape(32, 64, 3)
    assert made.payload.blobs[0] in [encoder(one, quality), encoder(one, quality + 1)]
    looks = [(s["quality"], s["bytes"]) for s in made.meta["search"] if s["files"] == 8]
    allowed = given_.budget.bytes(given_.dataset.shape)
    assert dict(looks)[quality] <= allowed < dict(looks)[quality + 1]
    assert 0 <= better < 8
    assert made.meta["library"] == f"libjpeg-turbo {features.version('libjpeg_turbo')}"


def test_a_quality_of_ones_own(tmp_path):
    made = method("jpeg", mosaic=8, quality=30).compress(task(tmp_path, kept=0.5))
    assert (made.meta["quality"], made.meta["files_of_next_quality"], len(made.meta["search"])) == (30, 0, 1)
    reason = method("jpeg", mosaic=8, quality=95).skip(task(tmp_path, kept=0.01))
    assert reason.startswith("jpeg takes ")
    assert reason.endswith(" bytes at its quality 95, and the budget allows 460")


@pytest.mark.parametrize("codec", HERE)
def test_the_floor_is_said(tmp_path, codec):
    given_ = task(tmp_path, kept=0.0005)
    assert "at its lowest quality, and the budget allows 23" in method(codec).skip(given_)
    with pytest.raises(UserError, match="at its lowest quality"):
        method(codec).compress(given_)


def test_everything_fits_a_large_budget(tmp_path):
    made = method("jpeg").compress(task(tmp_path, kept=0.99))
    assert (made.meta["quality"], made.meta["files_of_next_quality"]) == (95, 0)


@pytest.mark.parametrize("codec", HERE)
@pytest.mark.parametrize(("n", "side"), [(2, 1), (2, 7), (3, 33)])
def test_odd_sizes_and_few_images(tmp_path, codec, n, side):
    images = np.random.default_rng(0).integers(0, 256, (n, side, side, 3), np.uint8)
    for mosaic in (1, 2, None):
        made = method(codec, mosaic=mosaic, quality=90).compress(Task_whole(tmp_path, images))
        assert made.decode(range(n)).shape == (n, 3, side, side)


def Task_whole(tmp_path, images):  # noqa: N802
    """A budget that does not matter: files of tiny images are larger than the images."""
    given_ = task(tmp_path, images=images, kept=1.0)
    given_.budget = Budget(given_.budget.kept * 10_000)
    return given_


@pytest.mark.parametrize("codec", HERE)
def test_one_colour_and_grey(tmp_path, codec):
    flat = np.full((10, 16, 16, 3), 77, np.uint8)
    made = method(codec).compress(task(tmp_path, images=flat, kept=0.5))
    assert np.abs(made.decode(range(10)).numpy().astype(int) - 77).max() <= 2


def test_a_mosaic_that_is_too_large(tmp_path):
    images = np.zeros((2, 4, 300, 3), np.uint8)
    assert method("webp", mosaic=4096).skip(task(tmp_path, images=images)) == (
        "webp takes 16383 pixels a side, and this mosaic has 19200; a smaller mosaic"
    )


def test_a_mosaic_of_too_many_pixels(tmp_path):
    images = np.zeros((4096, 1, 1, 3), np.uint8)
    large = np.broadcast_to(images, (4096, 150, 150, 3))  # Pillow would not open such a file again
    assert method("jpeg", mosaic=4096).skip(task(tmp_path, images=large)) == (
        "a file has at most 67,108,864 pixels, and this mosaic has 92,160,000; a smaller mosaic"
    )


def test_avif_is_no_wider_than_its_decoder_takes(tmp_path):
    if "avif" not in HERE:
        pytest.skip("this Pillow has no AVIF")
    encoder = Encoder("avif")
    picture = np.zeros((1, encoder.longest_side, 3), np.uint8)
    assert read_pixels(encoder(picture, 0), "avif", picture.shape[:2]).shape == picture.shape
    images = np.zeros((2, 1, 520, 3), np.uint8)
    assert method("avif", mosaic=4096).skip(task(tmp_path, images=images)).startswith("avif takes 32768 pixels a side")


def test_small_images_are_made_for_a_mosaic_at_a_time(tmp_path, monkeypatch):
    seen, real = [], codec_methods._smaller
    monkeypatch.setattr(codec_methods, "_smaller", lambda part, size: seen.append(len(part)) or real(part, size))
    given_ = task(tmp_path, images=scenes(30, 32), kept=0.1)
    Downscale(factor=2.0, codec="jpeg", mosaic=8, quality=50).compress(given_)
    assert max(seen) == 8


@pytest.mark.parametrize("codec", HERE)
def test_downscale(tmp_path, codec):
    images = scenes(30, 32)
    given_ = task(tmp_path, images=images, kept=0.1)
    made = Downscale(factor=2.0, codec=codec, mosaic=None, quality=None).compress(given_)
    assert made.payload.stored == (16, 16)
    assert made.shape == (32, 32)
    assert made.nominal_kept(given_.dataset.shape) <= given_.budget.kept
    made.save(tmp_path / "x.ccb")
    assert error(images, CompressedDataset.open(tmp_path / "x.ccb")) == error(images, made) < 250


def test_downscale_by_hand(tmp_path):
    images = scenes(4, 30)
    made = Downscale(factor=1.5, codec="jpeg", mosaic=1, quality=95).compress(task(tmp_path, images=images, kept=0.9))
    small = np.asarray(Image.fromarray(images[0]).resize((20, 20), Image.Resampling.BICUBIC))
    assert made.payload.blobs[0] == Encoder("jpeg", single=True, chroma="420")(small, 95)


def test_avif_keeps_colour_where_it_is_asked_to():
    if "avif" not in HERE:
        pytest.skip("this Pillow has no AVIF")
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:, ::2] = (255, 0, 0)
    picture[:, 1::2] = (0, 0, 255)
    loss = {
        chroma: np.abs(
            read_pixels(Encoder("avif", chroma=chroma)(picture, 100), "avif", (16, 16)).astype(int) - picture
        ).mean()
        for chroma in ("444", "420")
    }
    assert loss["444"] < 3 < 30 < loss["420"]


def test_single_jpegs_share_their_tables():
    blobs = [Encoder("jpeg", single=True)(x, 50) for x in scenes(5)]
    assert len({b[: b.index(b"\xff\xda")] for b in blobs}) == 1
    assert len({b[: b.index(b"\xff\xda")] for b in (Encoder("jpeg")(x, 50) for x in scenes(5))}) > 1


def test_distances_of_jpeg_xl():
    assert [distance(q) for q in (100, 90, 30, 0)] == pytest.approx([0.1, 1.0, 6.4, 25.0])


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.integers(1, 5000), st.integers(0, 9))
def test_a_search_takes_the_highest_quality_that_fits(bases, allowed, lowest):
    def encode(quality, which):
        return [bytes(bases[i] + 3 * quality) for i in which]

    search = Search(encode, lambda files: sum(map(len, files)), len(bases), (lowest, 40))
    found = search.within(allowed)
    sizes = {q: sum(bases) + 3 * q * len(bases) for q in range(lowest, 41)}
    fits = [q for q, size in sizes.items() if size <= allowed]
    if not fits:
        assert found is None
        return
    assert found is not None
    files, quality, better = found
    assert quality == max(fits)
    size = sum(map(len, files))
    assert size == sizes[quality] + 3 * better <= allowed
    assert quality == 40 or allowed - size < 3  # another file of the next quality would not fit
    assert len(search.steps) <= 6 + 3 if len(bases) <= 16 else True


def test_what_files_share_is_expected_once():
    head = bytes(600)
    search = Search(
        lambda quality, which: [bytes(quality) for _ in which],
        lambda files: len(head) + sum(map(len, files)),
        5000,
        (1, 95),
    )
    found = search.within(600 + 5000 * 40 + 7)
    assert found is not None
    assert found[1] == 40
    assert len([s for s in search.steps if s[1] == 5000]) == 2


def test_not_installed(monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "imagecodecs" else real(name))
    monkeypatch.setattr(features, "check", lambda name: False)
    assert ready.jxl({}).endswith("pip install 'ccbench[jxl]'")
    assert ready.avif({}).endswith("pip install --upgrade pillow")
    assert ready.downscale({"codec": "avif"}) == ready.avif({})
    assert ready.downscale({"codec": "jpeg"}) is None


def test_pillow_writes_what_it_is_told():
    """The options reach the encoder: another chroma or effort is another file."""
    picture = scenes(1, 64)[0]
    for codec in HERE:
        variants = (
            [{"effort": 1}, {"effort": 5}]
            if codec in ("webp", "avif", "jxl")
            else [{"chroma": "444"}, {"chroma": "420"}]
        )
        assert len({Encoder(codec, **v)(picture, 40) for v in variants}) == 2
    first = Encoder("jpeg", chroma="420")(picture, 40)
    frame = first[first.index(b"\xff\xc0") + 9 :]  # components, then 3 bytes of each: name, sampling, table
    assert [frame[1 + 3 * i + 1] for i in range(frame[0])] == [0x22, 0x11, 0x11]
