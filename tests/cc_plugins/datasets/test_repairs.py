"""Damage that viewers pass over: every pixel is in the file, or the file stays unreadable."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from cc_plugins.datasets.pictures import ENDLESS, UnreadableError, read, size_of

SEEDS = (0, 19, 260, *range(1, 6))  # with the first three a few pixels decide
END = b"\xff\xd9"
KINDS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "no subsampling": {"quality": 100, "subsampling": 0},
    "grey": {},
    "cmyk": {},
}


def jpeg(kind, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (70, 83, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    if kind in ("grey", "cmyk"):
        image = image.convert({"grey": "L", "cmyk": "CMYK"}[kind])
    file = io.BytesIO()
    image.save(file, "JPEG", **KINDS[kind])
    return file.getvalue()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tail", [b"", b"\xff"])
def test_only_the_end_marker_is_missing(tmp_path, kind, tail):
    whole, cut = tmp_path / "whole.jpg", tmp_path / "cut.jpg"
    whole.write_bytes(jpeg(kind))
    assert jpeg(kind).endswith(END)
    cut.write_bytes(jpeg(kind)[:-2] + tail)
    mended = []
    np.testing.assert_array_equal(read(cut, None, mended=mended), read(whole, None))
    assert mended == [ENDLESS]
    np.testing.assert_array_equal(read(cut, 16, draft=True), read(whole, 16, draft=True))
    assert size_of(cut) == (83, 70)
    read(whole, None, mended=mended)
    assert mended == [ENDLESS]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [3, 4, 5, 10, 100, 1000])
def test_pixels_are_missing(tmp_path, kind, missing):
    for seed in range(3):
        path = tmp_path / f"{seed}.jpg"
        content = jpeg(kind, seed)
        path.write_bytes(content[:-missing])
        with Image.open(io.BytesIO(content)) as whole, Image.open(io.BytesIO(content[:-missing] + END)) as part:
            lost = not np.array_equal(np.asarray(whole), np.asarray(part))
        if lost:  # a last byte may hold filling bits alone
            with pytest.raises(UnreadableError):
                read(path, None)


@pytest.mark.parametrize("restarts", [{"restart_marker_rows": 1}, {"restart_marker_blocks": 2}])
def test_files_with_restart_markers_stay_unreadable(tmp_path, restarts):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)).save(file, "JPEG", **restarts)
    content = file.getvalue()
    marks = [i for i in range(len(content)) if content[i] == 0xFF and 0xD0 <= content[i + 1] <= 0xD7]
    assert len(marks) > 4
    for cut in (marks[1], marks[1] + 2, marks[3], len(content) - 2):
        (tmp_path / "r.jpg").write_bytes(content[:cut])
        with pytest.raises(UnreadableError):
            read(tmp_path / "r.jpg", None)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 95}])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_blocks_at_an_edge_of_which_few_pixels_are_seen(tmp_path, mode, options):
    accepted = 0
    for seed in SEEDS:
        file = io.BytesIO()
        pixels = np.random.default_rng(seed).integers(0, 256, (18, 17, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(file, "JPEG", **options)
        content = file.getvalue()
        (tmp_path / "whole.jpg").write_bytes(content)
        whole = read(tmp_path / "whole.jpg", None)
        for missing in range(2, 8):
            (tmp_path / "cut.jpg").write_bytes(content[:-missing])
            try:
                found = read(tmp_path / "cut.jpg", None)
            except UnreadableError:
                assert missing > 2
                continue
            accepted += 1
            np.testing.assert_array_equal(found, whole, f"{seed} {missing}")
    assert accepted >= len(SEEDS)


def test_a_progressive_file_without_its_last_scans(tmp_path):
    content = jpeg("progressive")
    scans = [i for i in range(len(content)) if content.startswith(b"\xff\xda", i)]
    assert len(scans) > 4
    path = tmp_path / "p.jpg"
    for at in scans[1:]:
        start = content.rfind(b"\xff\xc4", 0, at)  # its tables go with it
        for cut in {at, max(start, scans[0] + 1)}:
            path.write_bytes(content[:cut])
            with pytest.raises(UnreadableError):
                read(path, None)


@pytest.mark.parametrize(
    "content", [b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xda\0", jpeg("baseline")[:200], b"\xff" * 50]
)
def test_rubbish_stays_unreadable(tmp_path, content):
    (tmp_path / "r.jpg").write_bytes(content)
    with pytest.raises(UnreadableError):
        read(tmp_path / "r.jpg", None)


def png(path, *, after=False, packed=False, exif=None):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **({"exif": exif} if exif else {}))
    content = file.getvalue()

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    if packed:
        much = zlib.compress(b"x" * (PngImagePlugin.MAX_TEXT_CHUNK + 1))
        texts = [chunk(b"zTXt", b"Comment\0\0" + much)]
    else:
        texts = [chunk(b"tEXt", b"Comment\0" + b"x" * (PngImagePlugin.MAX_TEXT_MEMORY * 2 // 3))] * 2
    at = content.index(b"IEND" if after else b"IDAT") - 4
    path.write_bytes(content[:at] + b"".join(texts) + content[at:])
    return pixels


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_png_files_with_much_text(tmp_path, monkeypatch, after, packed):
    if not packed:
        monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_MEMORY", 3000)  # as 64 MiB, in less time
    path = tmp_path / "t.png"
    pixels = png(path, after=after, packed=packed)
    with pytest.raises(ValueError, match=r"too large|Too much"), Image.open(path) as image:
        image.load()
    assert size_of(path) == (5, 7)
    np.testing.assert_array_equal(read(path, None), pixels)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UnreadableError):
        read(path, None)


def test_the_orientation_survives(tmp_path, monkeypatch):
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_MEMORY", 3000)
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = png(tmp_path / "t.png", exif=exif)
    assert size_of(tmp_path / "t.png") == (7, 5)
    np.testing.assert_array_equal(read(tmp_path / "t.png", None), np.rot90(pixels, -1))
