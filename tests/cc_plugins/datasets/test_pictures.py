"""Image files of every kind to RGB, by rules worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from cc_plugins.datasets.pictures import UnreadableError, read, size_of, to_rgb


def save(path, image, **options):
    image.save(path, **options)
    return path


def noise(height, width, channels=3, seed=0, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype=dtype)


@pytest.mark.parametrize("extension", ["png", "bmp", "tif", "ppm"])
def test_lossless_rgb_comes_back(tmp_path, extension):
    pixels = noise(7, 5)
    path = save(tmp_path / f"a.{extension}", Image.fromarray(pixels))
    assert size_of(path) == (5, 7)
    np.testing.assert_array_equal(read(path, None), pixels)
    assert read(path, None).dtype == np.uint8


@pytest.mark.parametrize("extension", ["jpg", "webp", "gif"])
def test_lossy_kinds_are_near(tmp_path, extension):
    pixels = np.full((16, 16, 3), (200, 100, 50), dtype=np.uint8)
    path = save(tmp_path / f"a.{extension}", Image.fromarray(pixels))
    assert np.abs(read(path, None).astype(int) - pixels).max() <= 6


def test_grey_and_bilevel(tmp_path):
    grey = noise(4, 6)[..., 0]
    np.testing.assert_array_equal(
        read(save(tmp_path / "g.png", Image.fromarray(grey)), None), np.stack([grey] * 3, axis=2)
    )
    bits = Image.fromarray(np.array([[0, 255], [255, 0]], dtype=np.uint8)).convert("1")
    assert read(save(tmp_path / "b.png", bits), None)[..., 0].tolist() == [[0, 255], [255, 0]]


def test_palette(tmp_path):
    image = Image.new("P", (2, 2))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.putdata([0, 1, 2, 0])
    path = save(tmp_path / "p.png", image)
    assert read(path, None).tolist() == [[[10, 20, 30], [40, 50, 60]], [[70, 80, 90], [10, 20, 30]]]
    path = save(tmp_path / "t.png", image, transparency=1)
    assert read(path, None).tolist() == [[[10, 20, 30], [255, 255, 255]], [[70, 80, 90], [10, 20, 30]]]


def test_palette_with_a_table_of_transparencies(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    path = save(tmp_path / "p.png", image, transparency=bytes([255, 0]))
    assert read(path, None).tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_rgb_with_one_transparent_colour(tmp_path):
    path = save(
        tmp_path / "t.png", Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8)), transparency=(1, 2, 3)
    )
    assert read(path, None).tolist() == [[[255, 255, 255], [4, 5, 6]]]


@given(value=st.tuples(*[st.integers(0, 255)] * 4))
@settings(max_examples=40, deadline=None)
def test_transparency_over_white(value):
    r, g, b, alpha = value
    out = np.asarray(to_rgb(Image.new("RGBA", (1, 1), value)))[0, 0]
    want = [(c * alpha + 255 * (255 - alpha)) / 255 for c in (r, g, b)]
    assert np.abs(out - want).max() <= 1


def test_grey_with_alpha(tmp_path):
    path = save(tmp_path / "la.png", Image.fromarray(np.array([[[40, 255], [40, 0]]], dtype=np.uint8)))
    assert Image.open(path).mode == "LA"
    assert read(path, None).tolist() == [[[40, 40, 40], [255, 255, 255]]]


def test_sixteen_bits_keep_their_high_byte(tmp_path):
    values = np.array([[0, 255, 256], [0x1234, 0xFF00, 0xFFFF]], dtype=np.uint16)
    for extension in ("png", "tif"):
        path = save(tmp_path / f"s.{extension}", Image.fromarray(values))
        assert read(path, None)[..., 0].tolist() == [[0, 0, 1], [0x12, 0xFF, 0xFF]]
        assert read(path, None).shape == (2, 3, 3)
    big = tmp_path / "big.tif"
    Image.fromarray(values.astype(">u2")).save(big)
    assert read(big, None)[..., 0].tolist() == [[0, 0, 1], [0x12, 0xFF, 0xFF]]


def test_numbers_without_a_white_are_refused(tmp_path):
    path = save(tmp_path / "f.tif", Image.fromarray(np.ones((2, 2), dtype=np.float32)))
    with pytest.raises(UnreadableError, match="floating-point"):
        read(path, None)
    path = save(tmp_path / "i.tif", Image.fromarray(np.full((2, 2), 70000, dtype=np.int32)))
    with pytest.raises(UnreadableError, match="16 bits"):
        read(path, None)


def test_cmyk(tmp_path):
    path = save(tmp_path / "c.tif", Image.new("CMYK", (2, 2), (0, 255, 255, 0)))
    assert read(path, None)[0, 0].tolist() == [255, 0, 0]
    path = save(tmp_path / "c.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0)), quality=100)
    assert np.abs(read(path, None)[0, 0].astype(int) - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", ["png", "tif"])
def test_orientation_is_applied(tmp_path, orientation, extension):
    pixels = noise(4, 6)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / f"o.{extension}", Image.fromarray(pixels), exif=exif)
    # the eight orientations of the EXIF standard: where the file's row 0 and column 0 belong
    turned = {
        1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1), 7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a),
    }[orientation](pixels)  # fmt: skip
    np.testing.assert_array_equal(read(path, None), turned)
    assert size_of(path) == (turned.shape[1], turned.shape[0])


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    for extension in ("gif", "webp", "png", "tif"):
        path = tmp_path / f"a.{extension}"
        frames[0].save(
            path, save_all=True, append_images=frames[1:], **({"lossless": True} if extension == "webp" else {})
        )
        assert getattr(Image.open(path), "n_frames", 1) == 3
        assert read(path, None)[1, 1].tolist() == [255, 0, 0]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_resizing_is_shorter_side_then_centre_crop(tmp_path_factory, height, width, size):
    """Against Pillow's own fit, which crops the same centred square."""
    image = Image.fromarray(noise(height, width))
    path = save(tmp_path_factory.mktemp("r") / "a.png", image)
    got = read(path, size)
    assert got.shape == (size, size, 3)
    if (height, width) == (size, size):
        np.testing.assert_array_equal(got, np.asarray(image))
    else:
        np.testing.assert_array_equal(got, np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)))


@pytest.mark.parametrize(("height", "width", "size"), [(10, 30, 5), (30, 10, 5), (12, 36, 4), (8, 8, 4), (6, 18, 12)])
def test_resizing_in_two_steps_is_the_same(tmp_path, height, width, size):
    """Shorter side to S, then the middle S x S: for whole factors the two ways meet exactly."""
    image = Image.fromarray(noise(height, width))
    path = save(tmp_path / "m.png", image)
    factor = size / min(height, width)
    scaled = image.resize((round(width * factor), round(height * factor)), Image.Resampling.BICUBIC)
    left, top = (scaled.width - size) // 2, (scaled.height - size) // 2
    want = np.asarray(scaled.crop((left, top, left + size, top + size)))
    assert np.abs(read(path, size).astype(int) - want).max() <= 1


def test_an_image_of_the_asked_height_is_only_cropped(tmp_path):
    pixels = noise(10, 30)
    path = save(tmp_path / "m.png", Image.fromarray(pixels))
    np.testing.assert_array_equal(read(path, 10), pixels[:, 10:20])


def test_resizing_averages_instead_of_picking(tmp_path):
    pixels = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    path = save(tmp_path / "check.png", Image.fromarray(pixels))
    assert np.abs(read(path, 8).astype(int) - 127).max() <= 2


@pytest.mark.parametrize("extension", ["png", "jpg", "gif", "webp", "tif", "bmp"])
@pytest.mark.parametrize("part", [0.0, 0.02, 0.5, 0.9])
def test_truncated_files_are_unreadable(tmp_path, extension, part):
    path = save(tmp_path / f"t.{extension}", Image.fromarray(noise(40, 40)))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(UnreadableError):
        read(path, 16)


HEADS = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF", b"BM", b"II*\0"]


@given(junk=st.binary(max_size=300), head=st.sampled_from(HEADS))
@settings(max_examples=80, deadline=None)
def test_junk_is_unreadable_and_nothing_worse(tmp_path_factory, junk, head):
    path = tmp_path_factory.mktemp("j") / "junk.png"
    path.write_bytes(head + junk)
    for function in (size_of, lambda p: read(p, 4)):
        with pytest.raises(UnreadableError):
            function(path)


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path, monkeypatch):
    path = save(tmp_path / "b.png", Image.new("1", (30, 20)))
    for most in (500, 200):  # Pillow warns above its limit and refuses above twice that
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
        with pytest.raises(UnreadableError, match=f"more than {most} pixels"):
            size_of(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 600)
    assert size_of(path) == (30, 20)


def test_reasons_are_short(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(UnreadableError, match=r"^not an image that Pillow knows$"):
        size_of(tmp_path / "a.png")
    with pytest.raises(UnreadableError, match=r"^No such file or directory$"):
        size_of(tmp_path / "b.png")
