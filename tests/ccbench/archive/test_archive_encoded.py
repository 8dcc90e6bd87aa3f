"""Encoded images: mosaics, shared heads, stored small; every file put together again as it was."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features

from ccbench.archive import CompressedDataset, EncodedImages, container, decode
from ccbench.archive.codecs import SizeError, read_pixels, read_size
from ccbench.archive.heads import Head, SharedHeads, split
from ccbench.archive.joined import JoinedBlobs
from ccbench.archive.mosaic import grid_of, mosaics, tiles
from ccbench.errors import UserError

CODECS = ["png", "jpeg", "webp", *(["avif"] if features.check("avif") else [])]


def pictures(n, height=16, width=24, seed=0):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (n, 4, 4, 3), np.uint8)
    return np.stack([np.asarray(Image.fromarray(x).resize((width, height), Image.Resampling.BILINEAR)) for x in small])


def encode(picture, codec="png", **options):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, codec.upper(), **options)
    return file.getvalue()


def mosaic_of(images, grid, codec="png", **also):
    blobs = [encode(m, codec) for m in mosaics(images, grid)]
    return EncodedImages(blobs, codec, grid=grid, count=len(images), **also)


def saved(payload, path):
    n = len(payload)
    CompressedDataset(payload, np.arange(n), np.zeros(n, int), classes=("a",)).save(path)
    return CompressedDataset.open(path)


@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(1, 6))
def test_tiles_are_the_images_of_a_mosaic(n, rows, columns, height, width):
    images = np.random.default_rng(n).integers(0, 256, (n, height, width, 3), np.uint8)
    cut = [tiles(m, (height, width)) for m in mosaics(images, (rows, columns))]
    assert len(cut) == -(-n // (rows * columns))
    np.testing.assert_array_equal(np.concatenate(cut)[:n], images)


def test_a_mosaic_by_hand():
    images = np.arange(3, dtype=np.uint8).repeat(3).reshape(3, 1, 1, 3)
    (mosaic,) = mosaics(images, (4, 2))
    assert mosaic[..., 0].tolist() == [[0, 1], [2, 2]]  # two rows of four, and the last image again


@pytest.mark.parametrize(("n", "expected"), [(1, (1, 1)), (2, (1, 2)), (12, (3, 4)), (256, (16, 16)), (7, (2, 3))])
def test_grids(n, expected):
    assert grid_of(n) == expected


@given(n=st.integers(1, 23), rows=st.integers(1, 3), columns=st.integers(1, 3), data=st.data())
def test_any_images_of_a_mosaic(n, rows, columns, data):
    images = np.random.default_rng(n).integers(0, 256, (n, 3, 5, 3), np.uint8)
    payload = mosaic_of(images, (rows, columns))
    index = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=30))
    np.testing.assert_array_equal(decode.decode_blobs(payload, index), images[index])
    np.testing.assert_array_equal(payload.decode(n - 1), images[-1])


def test_mosaics_in_a_file(tmp_path):
    images = pictures(11)
    again = saved(mosaic_of(images, (2, 2)), tmp_path / "x.ccb")
    np.testing.assert_array_equal(again.decode(range(11)).permute(0, 2, 3, 1).numpy(), images)
    np.testing.assert_array_equal(again.to_device("cpu")._rows._host.reshape(images.shape), images)
    assert repr(again.payload) == "EncodedImages(11 png images of (16, 24) in 3 files)"
    assert again.bits_per_pixel == pytest.approx(8 * sum(map(len, again.payload.blobs)) / (11 * 16 * 24))


def test_mosaics_larger_than_what_is_kept(tmp_path, monkeypatch):
    images = pictures(11)
    again = saved(mosaic_of(images, (2, 2)), tmp_path / "x.ccb")
    monkeypatch.setattr(decode, "KEEP_DECODED", 1)
    decoder = again.to_device("cpu")
    assert isinstance(decoder._rows._host.base, np.memmap)
    np.testing.assert_array_equal(again.decode([10, 3]).permute(0, 2, 3, 1).numpy(), images[[10, 3]])


def test_no_room_for_mosaics(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    again = saved(mosaic_of(pictures(5), (2, 2)), tmp_path / "x.ccb")
    monkeypatch.setattr(decode, "KEEP_DECODED", 1)
    monkeypatch.setattr(decode.os, "posix_fallocate", full, raising=False)
    with pytest.raises(UserError, match=r"no room to decode 5,760 bytes .*\n.*No space left.*\n.*TMPDIR"):
        again.to_device("cpu")


@pytest.mark.parametrize("codec", ["jpeg", "webp", "avif"])
def test_heads_are_shared_and_every_file_is_whole(codec, tmp_path):
    if codec not in CODECS:
        pytest.skip("this Pillow has no AVIF")
    images = pictures(30)
    blobs = [encode(x, codec, quality=60) for x in images]
    payload = EncodedImages(blobs, codec, shared_heads=True)
    assert list(payload.blobs) == blobs
    plain, shared = (saved(EncodedImages(blobs, codec, shared_heads=s), tmp_path / f"{s}.ccb") for s in (False, True))
    assert list(shared.payload.blobs) == blobs
    assert shared.content_digest() == plain.content_digest()
    spared = (tmp_path / "False.ccb").stat().st_size - (tmp_path / "True.ccb").stat().st_size
    assert spared > 29 * {"jpeg": 600, "webp": 12, "avif": 200}[codec]
    bits = 8 * (shared.payload.blobs.total) / (30 * 16 * 24)
    assert shared.bits_per_pixel == pytest.approx(bits)
    assert bits < plain.bits_per_pixel


def test_heads_of_webp_by_hand():
    blob = b"RIFF" + struct.pack("<I", 16) + b"WEBPVP8 " + struct.pack("<I", 3) + b"abc\0"
    head, body = split(blob, "webp")
    assert body == b"abc\0"
    assert head == Head(b"RIFF" + bytes(4) + b"WEBPVP8 " + bytes(4), ((4, 12, 0), (16, -1, 0)))
    assert Head.unpacked(head.packed()) == head
    assert (
        head.before(b"wxyz\0\0") == b"RIFF" + struct.pack("<I", 18) + b"WEBPVP8 " + struct.pack("<I", 5) + b"wxyz\0\0"
    )


@given(st.binary(max_size=60), st.sampled_from(["jpeg", "webp", "avif", "png"]))
def test_any_bytes_come_back(blob, codec):
    head, body = split(blob, codec)
    assert head.before(body) == blob


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8), st.sampled_from(["jpeg", "webp", "avif"]))
def test_any_list_comes_back(blobs, codec):
    shared = SharedHeads.of(blobs, codec)
    assert list(SharedHeads.from_arrays(shared.arrays())) == list(shared) == blobs
    assert shared[-1] == blobs[-1]
    assert shared[:2] == blobs[:2]


@pytest.mark.parametrize("data", [b"", b"\x02\0\0\0", b"\x01\x09\0\0\0abcdefgh"])
def test_heads_that_are_none(data):
    with pytest.raises(ValueError, match="a head of"):
        Head.unpacked(data)


@pytest.mark.parametrize("wrong", ["too many heads", "no head"])
def test_owners_that_are_none(wrong):
    bodies, heads = JoinedBlobs.of([b"a", b"b"]), [Head(b"x")]
    owners = np.zeros(2 if wrong == "no head" else 3, np.uint8)
    if wrong == "no head":
        owners[1] = 1
    with pytest.raises(ValueError, match="2 bodies and 1 heads"):
        SharedHeads(heads, owners, bodies)


def test_images_stored_small_are_shown_large(tmp_path):
    small = pictures(3, 8, 12)
    again = saved(EncodedImages([encode(x) for x in small], "png", shown=(16, 24)), tmp_path / "x.ccb")
    assert again.shape == (16, 24)
    expected = np.asarray(Image.fromarray(small[1]).resize((24, 16), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(again.decode([1])[0].permute(1, 2, 0).numpy(), expected)
    assert again.bits_per_pixel == pytest.approx(8 * again.payload.blobs.total / (3 * 16 * 24))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"grid": (2, 5)}, "does not fit"),
        ({"grid": (0, 1)}, "does not fit"),
        ({"count": 3}, "3 images"),
        ({"grid": (1, 2), "count": 5}, "5 images"),
        ({"shown": (4, 24)}, "1 to 64 times"),
        ({"shown": (16, 24 * 65)}, "1 to 64 times"),
        ({"shown": (10**9, 10**9)}, "1 to 64 times"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        EncodedImages([encode(x) for x in pictures(2)], "png", **wrong)


def test_a_mosaic_of_another_size_is_refused():
    blobs = [encode(m) for m in mosaics(pictures(6), (2, 2))]
    with pytest.raises(UserError, match=r"mosaic 0 is \(32, 48\), mosaic 1 is \(16, 48\)"):
        EncodedImages(blobs, "png", grid=(2, 2), count=8)
    assert len(EncodedImages(blobs, "png", grid=(2, 2), count=6)) == 6


@pytest.mark.parametrize(
    "facts",
    [{"grid": [2, 2], "count": 10**12}, {"grid": [10**6, 10**6], "count": 12}, {"shown": [10**6, 10**6]},
     {"grid": [0, 1]}, {"grid": "ab", "count": 11}, {"shared_heads": True}, {"codec": "gif"}, {"count": None},
     {"size": [10**7, 10**7]}, {"size": [10**12, 10**12]}, {"size": [4000, 4000]}, {"size": [1e300, 1]}],
)  # fmt: skip
def test_hostile_facts_are_refused(facts, tmp_path):
    saved(mosaic_of(pictures(11), (2, 2)), tmp_path / "x.ccb")
    meta, arrays, _ = container.read(tmp_path / "x.ccb")
    meta["payload"] |= facts
    container.write(tmp_path / "y.ccb", {k: v for k, v in meta.items() if k != "arrays"}, arrays)
    with pytest.raises(UserError, match=r"no sense|damaged|another size"):
        CompressedDataset.open(tmp_path / "y.ccb").decode([0])


@pytest.mark.parametrize("ids", [{"form": "range", "first": 0}, {"form": "synthetic"}])
@pytest.mark.parametrize("count", [10**18, 3, -1])
def test_a_count_of_ids_is_that_of_the_labels(ids, count, tmp_path):
    saved(mosaic_of(pictures(11), (2, 2)), tmp_path / "x.ccb")
    meta, arrays, _ = container.read(tmp_path / "x.ccb")
    container.write(tmp_path / "y.ccb", meta | {"ids": ids | {"count": count}}, arrays)
    with pytest.raises(UserError, match=rf"{count} ids for 11 labels|`ids\.count`"):
        CompressedDataset.open(tmp_path / "y.ccb")


@pytest.mark.parametrize("lengths", [np.array([4, 2**64 - 3, 2], np.uint64), np.array([1, 1, 1], np.float32)])
def test_lengths_that_come_round_to_the_total(lengths):
    with pytest.raises(ValueError, match="3 bytes of blobs"):
        JoinedBlobs(np.zeros(3, np.uint8), lengths)


def test_a_file_of_too_many_pixels_is_not_made():
    blob = encode(np.zeros((20, 2000, 3), np.uint8))
    with pytest.raises(UserError, match=r"at most 67,108,864 pixels\n.*\(20, 2000\), \(1280, 128000\)"):
        EncodedImages([blob], "png", shown=(1280, 128_000))


def test_heads_that_want_an_impossible_length():
    shared = SharedHeads([Head(bytes(4), ((0, -1, 0),))], np.zeros(1, np.uint8), JoinedBlobs.of([b""]))
    assert list(shared) == [b"\xff\xff\xff\xff"]  # no file, and no error before somebody reads it as one


def test_only_the_images_asked_for_are_enlarged(monkeypatch):
    images, seen = pictures(6, 8, 8), []
    payload = mosaic_of(images, (2, 3), shown=(16, 16))
    monkeypatch.setattr(EncodedImages, "enlarged", lambda self, image: seen.append(image) or np.zeros((16, 16, 3)))
    decode.decode_blobs(payload, [4, 1])
    np.testing.assert_array_equal(seen, images[[4, 1]])


def test_a_file_of_another_size_is_refused_before_it_is_decoded():
    with pytest.raises(SizeError, match=r"\(16, 24\), not \(8, 8\)"):
        read_pixels(encode(pictures(1)[0]), "png", (8, 8))


@pytest.mark.parametrize("size", [(8, 8), (256, 512), (7, 9), (300, 200), (20, 40), (1000, 1500), (513, 3), (40, 30)])
@pytest.mark.parametrize("boxed", [False, True])
def test_the_size_of_jpeg_xl(size, boxed):
    imagecodecs = pytest.importorskip("imagecodecs", reason="pip install 'ccbench[jxl]'")
    blob = imagecodecs.jpegxl_encode(np.zeros((*size, 3), np.uint8), lossless=True, usecontainer=boxed)
    assert read_size(blob, "jxl") == size
    assert read_pixels(blob, "jxl", size).shape == (*size, 3)


def test_jpeg_xl_without_its_package(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "imagecodecs", None)
    codestream = b"\xff\x0a" + (1 | 0 << 1 | 1 << 6).to_bytes(9, "little")  # small, 8 high, as wide
    again = saved(EncodedImages([codestream], "jxl"), tmp_path / "x.ccb")
    assert again.shape == (8, 8)
    with pytest.raises(UserError, match=r"pip install 'ccbench\[jxl\]'"):
        again.decode([0])


def test_the_same_files_in_another_grid_or_size_are_other_content():
    blobs = [encode(x) for x in pictures(2, 16, 32)]
    made = [
        EncodedImages(blobs, "png", grid=(2, 2)),
        EncodedImages(blobs, "png", grid=(1, 4)),
        EncodedImages(blobs, "png", grid=(2, 2), shown=(16, 32)),
        EncodedImages(blobs, "png", grid=(2, 2), count=7),
    ]
    digests = {
        CompressedDataset(p, np.arange(len(p)), np.zeros(len(p), int), classes=("a",)).content_digest() for p in made
    }
    assert len(digests) == 4


def test_a_damaged_file_is_counted_among_images_or_among_mosaics():
    for grid, said in (((1, 1), "image 1 is a damaged png"), ((2, 2), "mosaic 1 is a damaged png")):
        blobs = [encode(m) for m in mosaics(pictures(8), grid)]
        blobs[1] = blobs[1][: len(blobs[1]) // 2]
        payload = EncodedImages(blobs, "png", grid=grid, count=8)
        payload.decode(0)
        with pytest.raises(UserError, match=said):
            payload.decode(grid[0] * grid[1])
    with pytest.raises(UserError, match="mosaic 0 is not a png"):
        EncodedImages([b"x"], "png", grid=(2, 2), count=4)
