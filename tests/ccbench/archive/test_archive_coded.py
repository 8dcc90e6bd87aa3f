"""Coded files: fewer bytes, the same dataset; no damage becomes a pixel."""

import json
import sys

import numpy as np
import pytest
from archive_samples import dataset, datasets, encoded, palette, photographs, pixels_of, raw
from hypothesis import given, settings
from hypothesis import strategies as st

from ccbench.archive import CompressedDataset, PaletteImages, RawImages, container, pending, pictures
from ccbench.archive.decode import RawDecoder
from ccbench.coding import indices, names
from ccbench.errors import Unfit, UserError

RNG = np.random.default_rng(0)


def photo_set(n=300, bits=2, side=16):
    """Photographs of four palettes, with soft labels and weights."""
    images = photographs(n, side)
    own = np.arange(len(images)) % 4
    grey = images.mean(3)
    found = np.minimum(grey / 256 * (1 << bits), (1 << bits) - 1).astype(np.uint8)
    colours = np.random.default_rng(2).integers(0, 256, (4, 1 << bits, 3), dtype=np.uint8)
    return dataset(PaletteImages(found, colours, own, bits), np.random.default_rng(1), soft=True, weights=True)


def same(one, two):
    assert type(one.payload) is type(two.payload)
    assert np.array_equal(pixels_of(one.payload), pixels_of(two.payload))
    for name in ("ids", "labels", "soft_labels", "weights"):
        assert np.array_equal(getattr(one, name), getattr(two, name)) or getattr(one, name) is None
    assert one.content_digest() == two.content_digest()
    assert (one.classes, one.meta, one.nominal) == (two.classes, two.meta, two.nominal)
    assert one.bits_per_pixel == two.bits_per_pixel


@settings(deadline=None)
@given(datasets(), st.sampled_from(["best", "zstd"]))
def test_everything_comes_back(tmp_path_factory, made, coding):
    path = tmp_path_factory.mktemp("coded") / "a.ccb"
    plain = made.save(path)
    size = made.save(path, coding)
    assert size == path.stat().st_size
    assert size <= plain + 8  # a header is padded to eight bytes
    same(CompressedDataset.open(path), made)


@pytest.mark.parametrize("codec", ["webp", "jxl"])
@pytest.mark.parametrize(("n", "side"), [(1, 16), (5, 1), (300, 8), (513, 16)])
def test_raw_images_come_back_from_mosaics(tmp_path, codec, n, side):
    if codec == "jxl":
        pytest.importorskip("imagecodecs")
    made = dataset(RawImages(photographs(n, side)), np.random.default_rng(0))
    made.save(tmp_path / "a.ccb", codec)
    same(CompressedDataset.open(tmp_path / "a.ccb"), made)


def test_a_coded_file_of_photographs_is_smaller(tmp_path):
    made = photo_set()
    plain = made.save(tmp_path / "plain.ccb")
    best = made.save(tmp_path / "best.ccb", "best")
    named = {coding: made.save(tmp_path / f"{coding}.ccb", coding) for coding in ("rans", "zstd")}
    assert best == min(named.values()) == named["rans"]
    assert best < 0.75 * plain
    kept = dataset(RawImages(photographs(200, 16)), np.random.default_rng(0))
    raw_size = kept.save(tmp_path / "raw.ccb")
    assert kept.save(tmp_path / "webp.ccb", "webp") < 0.8 * raw_size
    assert kept.save(tmp_path / "best.ccb", "best") <= kept.save(tmp_path / "webp.ccb", "webp")


def test_nothing_is_coded_where_that_would_be_larger(tmp_path):
    made = dataset(raw(1, 2, 2, RNG), RNG)
    assert made.save(tmp_path / "a.ccb", "best") == made.save(tmp_path / "b.ccb")
    assert (tmp_path / "a.ccb").read_bytes() == (tmp_path / "b.ccb").read_bytes()


def test_equal_content_makes_equal_bytes(tmp_path):
    for name in ("a", "b"):
        photo_set().save(tmp_path / name, "best")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_training_decodes_as_fast_as_from_a_plain_file(tmp_path):
    made = photo_set()
    made.save(tmp_path / "a.ccb", "best")
    opened = CompressedDataset.open(tmp_path / "a.ccb")
    assert opened.payload.pending is not None
    assert type(opened.to_device("cpu")) is type(made.to_device("cpu"))
    assert opened.payload.pending is None
    kept = dataset(RawImages(photographs(30, 16)), RNG)
    kept.save(tmp_path / "b.ccb", "webp")
    assert isinstance(CompressedDataset.open(tmp_path / "b.ccb").to_device("cpu"), RawDecoder)


def test_a_first_batch_decodes_its_blocks_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(indices, "_BLOCK", 32)
    monkeypatch.setattr(pictures, "_BLOCK", 16)
    kept = dataset(RawImages(photographs(300, 8)), np.random.default_rng(0))
    for made, coding in ((photo_set(side=8), "rans"), (kept, "webp")):
        made.save(tmp_path / "a.ccb", coding)
        opened = CompressedDataset.open(tmp_path / "a.ccb")
        index = [70, 3, 65]
        assert np.array_equal(opened.decode(index).numpy(), made.decode(index).numpy())
        assert opened.payload.pending is not None
        assert np.array_equal(opened.decode(index).numpy(), made.decode(index).numpy())
        assert opened.payload.pending is None  # the second batch shows that more will follow
        whole = CompressedDataset.open(tmp_path / "a.ccb")
        everything = np.arange(len(made))
        assert np.array_equal(whole.decode(everything).numpy(), made.decode(everything).numpy())


def test_a_large_set_is_decoded_into_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(pending, "KEEP", 1000)
    monkeypatch.setattr(indices, "_BLOCK", 32)
    for made, coding in ((photo_set(100, side=8), "rans"), (dataset(RawImages(photographs(30)), RNG), "webp")):
        made.save(tmp_path / "a.ccb", coding)
        opened = CompressedDataset.open(tmp_path / "a.ccb")
        same(opened, made)
        held = opened.payload.packed if coding == "rans" else opened.payload.images
        assert isinstance(held, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            held[...] = 0


def test_no_room_for_decoded_pixels_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(pending, "KEEP", 1000)
    photo_set().save(tmp_path / "a.ccb", "rans")
    opened = CompressedDataset.open(tmp_path / "a.ccb")
    monkeypatch.setattr(pending.tempfile, "TemporaryFile", lambda: open("/dev/full", "wb"))  # noqa: SIM115, PTH123
    with pytest.raises(UserError, match="no room") as caught:
        opened.to_device("cpu")
    assert "TMPDIR" in str(caught.value)


def test_any_flipped_bit_of_the_file_is_found(tmp_path):
    path = tmp_path / "a.ccb"
    photo_set(60).save(path, "best")
    whole = path.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(whole), 60).tolist():
        hurt = bytearray(whole)
        hurt[place] ^= 4
        path.write_bytes(hurt)
        with pytest.raises(UserError):
            CompressedDataset.open(path)
    for size in (0, 10, 500, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError):
            CompressedDataset.open(path)


def rewritten(path, change):
    """The same file with other facts or arrays, and the right digest: somebody else's writer."""
    facts, arrays, _ = container.read(path)
    facts, arrays = json.loads(json.dumps(facts)), dict(arrays)
    change(facts, arrays)
    other = path.with_name("other.ccb")
    container.write(other, facts, arrays)
    return other


@pytest.mark.parametrize("kind", ["rans", "webp"])
def test_what_does_not_fit_together_is_never_a_pixel(tmp_path, kind):
    path = tmp_path / "a.ccb"
    made = photo_set(100, side=8) if kind == "rans" else dataset(RawImages(photographs(300, 8)), RNG)
    made.save(path, kind)
    name = "packed" if kind == "rans" else "images"
    wanted = pixels_of(made.payload)
    rng = np.random.default_rng(0)
    changed = 0
    for part in [key for key in container.read(path)[1] if key.startswith(name)]:
        for _ in range(4):

            def flip(facts, arrays, part=part):
                hurt = arrays[part].copy()
                hurt.reshape(-1).view(np.uint8)[rng.integers(hurt.nbytes)] ^= 1 << rng.integers(8)
                arrays[part] = hurt

            other = rewritten(path, flip)
            try:
                found = pixels_of(CompressedDataset.open(other).payload)
            except UserError:
                changed += 1
            else:
                assert np.array_equal(found, wanted)
    assert changed > 3

    def drop(facts, arrays):
        arrays.pop(f"{name}.checks")

    with pytest.raises(UserError, match="make no sense"):
        CompressedDataset.open(rewritten(path, drop))
    for value in (None, [], "x", {}, -1):

        def spoil(facts, arrays, value=value):
            facts["coded"][name]["size"] = value

        with pytest.raises(UserError, match="make no sense"):
            CompressedDataset.open(rewritten(path, spoil))


def test_a_newer_coder_is_named(tmp_path):
    photo_set(60).save(tmp_path / "a.ccb", "rans")

    def newer(facts, arrays):
        facts["coded"]["packed"]["version"] = 99

    with pytest.raises(UserError, match="newer version of ccbench") as caught:
        CompressedDataset.open(rewritten(tmp_path / "a.ccb", newer))
    assert "packed coded by rans, version 99" in str(caught.value)


def test_without_imagecodecs_all_but_the_pixels_is_there(tmp_path, monkeypatch):
    pytest.importorskip("imagecodecs")
    made = dataset(RawImages(photographs(40)), RNG, soft=True)
    made.save(tmp_path / "a.ccb", "jxl")
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    opened = CompressedDataset.open(tmp_path / "a.ccb")
    assert np.array_equal(opened.labels, made.labels)
    assert (len(opened), opened.shape) == (40, (32, 32))
    assert "40 images" in repr(opened)
    for ask in (lambda: opened.decode([3]), lambda: opened.to_device("cpu"), lambda: opened.content_digest()):
        with pytest.raises(UserError, match="imagecodecs") as caught:
            ask()
        assert "pip install 'ccbench[jxl]'" in str(caught.value)
    with pytest.raises(UserError, match="imagecodecs"):
        made.save(tmp_path / "b.ccb", "jxl")
    assert not (tmp_path / "b.ccb").exists()


def test_a_coding_that_is_not_for_these_images_is_refused(tmp_path):
    with pytest.raises(UserError, match="coding is one of none, best") as caught:
        photo_set(20).save(tmp_path / "a.ccb", "gzip")
    assert "'gzip'" in str(caught.value)
    with pytest.raises(Unfit, match="webp codes raw images"):
        photo_set(20).save(tmp_path / "a.ccb", "webp")
    with pytest.raises(Unfit, match="rans codes palette indices"):
        dataset(raw(3, 4, 4, RNG), RNG).save(tmp_path / "a.ccb", "rans")
    assert not (tmp_path / "a.ccb").exists()
    made = dataset(encoded(9, 8, 8, RNG), RNG)  # encoded already: the rest of the file alone
    made.save(tmp_path / "a.ccb", "webp")
    same(CompressedDataset.open(tmp_path / "a.ccb"), made)


def test_versions_name_the_coders_that_are_meant(monkeypatch):
    assert names.versions("rans")["coders"] == {"rans": names.VERSIONS["rans"], "zstd": 1}
    monkeypatch.setattr(names, "find_spec", lambda name: None)
    assert set(names.versions("best")["coders"]) == {"rans", "webp", "zstd"}
    monkeypatch.setattr(names, "find_spec", lambda name: object())
    assert set(names.versions("best")["coders"]) == {"rans", "jxl", "webp", "zstd"}


def test_palettes_of_their_own_come_back(tmp_path):
    made = dataset(palette(40, 8, 8, RNG, 3, shared=False), RNG)
    made.save(tmp_path / "a.ccb", "best")
    same(CompressedDataset.open(tmp_path / "a.ccb"), made)


def test_a_damaged_block_of_raw_images_is_told_by_its_images(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "_BLOCK", 16)
    made = dataset(RawImages(photographs(40, 8)), np.random.default_rng(0))
    made.save(tmp_path / "a.ccb", "webp")
    facts, arrays, _ = container.read(tmp_path / "a.ccb")
    for name, change, said in (
        ("images.checks", 1, "the mosaic of images 16 to 31 decodes to other pixels"),
        ("images.blobs", 0, "the mosaic of images 0 to 15 cannot be read"),
    ):
        wrong = arrays[name].copy()
        wrong[change] ^= 1
        container.write(tmp_path / "b.ccb", facts, {**arrays, name: wrong})
        opened = CompressedDataset.open(tmp_path / "b.ccb")
        with pytest.raises(UserError, match="is damaged") as error:
            opened.to_device("cpu")
        assert said in str(error.value.found)
