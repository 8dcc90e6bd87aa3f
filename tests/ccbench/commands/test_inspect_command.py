import io
import json

import numpy as np
import pytest
from PIL import Image

from ccbench.archive import (
    Channels,
    CompressedDataset,
    EncodedImages,
    FloatImages,
    PaletteImages,
    RawImages,
    Whitening,
    container,
)
from ccbench.coding import names

RED, BLUE = (255, 0, 0), (0, 0, 255)


def raw(*colours, size=4):
    return RawImages(np.stack([np.full((size, size, 3), colour, np.uint8) for colour in colours]))


def save(path, payload, labels=None, classes=("cat", "dog"), **changes):
    n = len(payload)
    facts = {"ids": np.full(n, -1), "labels": np.arange(n) % 2 if labels is None else labels, "classes": classes}
    CompressedDataset(payload, **{**facts, **changes}).save(path)
    return path


@pytest.fixture
def pictures(tmp_path):
    """A folder dataset: two red cats and two blue dogs to train on, one of each to test."""
    for split, count in (("train", 2), ("test", 1)):
        for name, colour in (("cat", RED), ("dog", BLUE)):
            for i in range(count):
                file = tmp_path / "pictures" / split / name / f"{i}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                pixels = np.full((4, 4, 3), colour, np.uint8)
                pixels[0, 0] = (i, i, split == "test")  # no two alike
                Image.fromarray(pixels).save(file)
    return f"folder:{tmp_path / 'pictures'}"


def numbers(done):
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_file_without_its_original(ccbench, tmp_path):
    file = save(tmp_path / "a.ccb", raw(RED, BLUE, RED), ids=[4, 7, 9])
    done = ccbench("inspect", file)
    assert done.code == 0
    assert "3 of 4x4 pixels, 24 bits per pixel" in done.out
    assert "2, 1 to 2 images each: cat, dog" in done.out
    assert "no comparison: the file does not say what it was made from" in done.out
    assert "ratio" not in done.out
    assert "original" not in done.out
    assert sorted(p.name for p in (tmp_path / "here").iterdir()) == ["a-colors.png", "a-images.png"]


def test_numbers_worked_by_hand(ccbench, tmp_path):
    file = save(tmp_path / "a.ccb", raw(RED, BLUE), meta={"full": [100, 4, 4, 2]})
    report = numbers(ccbench("inspect", file, "--json"))
    assert report["contents"]["parts"]["pixels"] == 2 * 4 * 4 * 3
    assert sum(report["contents"]["parts"].values()) == report["contents"]["bytes"] == file.stat().st_size
    assert report["contents"]["synthetic"] == 2
    assert report["ratio"]["nominal"] == pytest.approx(0.98)
    assert report["ratio"]["measured"] == pytest.approx(1 - file.stat().st_size / 4800)
    assert report["ratio"]["ipc"] == 1
    # red: |R-G| = 255, yb = 127.5; blue: 0 and -255; one colour has no spread
    assert report["colors"]["colorfulness"] == {"compressed": pytest.approx(0.15 * (np.hypot(255, 127.5) + 255))}
    assert report["colors"]["distance"] is None
    assert "does not say" in report["comparison"]


def test_compared_with_a_dataset_named(ccbench, tmp_path, pictures):
    file = save(tmp_path / "a.ccb", raw(RED, RED))
    report = numbers(ccbench("inspect", file, "--dataset", pictures, "--json", "--out", tmp_path / "new" / "out"))
    # of the original's 64 pixels 30 are red and 30 blue, the others black but for the numbers 0 and 1 in two of them
    red, blue = 34 / 64 - 2 / 64 / 255, (30 * 255) / 64 / 255
    assert report["colors"]["distances"] == {
        "red": pytest.approx(red), "green": pytest.approx(2 / 64 / 255), "blue": pytest.approx(blue),
    }  # fmt: skip
    assert report["colors"]["distance"] == pytest.approx((red + blue + 2 / 64 / 255) / 3)
    assert set(report["colors"]["colorfulness"]) == {"compressed", "original"}
    assert report["ratio"]["original_images"] == 4
    assert report["comparison"] is None
    assert set(report["colors"]["curves"]) == {"compressed", "original"}
    for path in report["figures"].values():
        assert str(tmp_path / "new" / "out") in path
        assert Image.open(path).format == "PNG"


def test_a_real_file_finds_its_original(ccbench, tmp_path):
    assert ccbench("compress", "-m", "mediancut", "--bits", "2", tmp_path / "m.ccb").code == 0
    done = ccbench("inspect", tmp_path / "m.ccb")
    assert done.code == 0
    assert "comparison" not in done.out
    assert "note" not in done.out
    assert "palettes of 4 colours (2 bits), 1,297, of its own for each image" in done.out
    assert "nominal   0.9167" in done.out
    assert ", original 49.26" in done.out
    assert "distance" in done.out


def test_an_original_that_is_gone_or_has_changed_is_said(ccbench, tmp_path, pictures):
    gone = save(tmp_path / "g.ccb", raw(RED, BLUE), meta={"dataset": "folder:/no/such/place", "full": [4, 4, 4, 2]})
    done = ccbench("inspect", gone)
    assert done.code == 0
    assert "no comparison: folder:/no/such/place cannot be compared" in done.out
    assert "nominal   0.5000" in done.out  # the file says how large it was
    changed = save(tmp_path / "c.ccb", raw(RED, BLUE), meta={"dataset": pictures, "dataset_digest": "other"})
    done = ccbench("inspect", changed)
    assert "note: " in done.out
    assert "holds other images now" in done.out
    assert "distance" in done.out
    classes = save(tmp_path / "k.ccb", raw(RED, BLUE), classes=("cat", "cow"), meta={"dataset": pictures})
    assert "different classes" in ccbench("inspect", classes).out
    named = ccbench("inspect", classes, "--dataset", pictures)
    assert named.code == 2  # asked for by name
    assert "different classes" in named.err


def test_soft_labels_weights_and_counting_are_told(ccbench, tmp_path):
    soft = np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)
    indices = np.array([[[0, 1]], [[1, 0]]], np.uint8)
    palettes = np.array([[RED, BLUE]], np.uint8)
    payload = PaletteImages(indices, palettes, np.zeros(2, np.int64))
    file = save(tmp_path / "s.ccb", payload, soft_labels=soft, weights=np.array([1.0, 2.0]), nominal="images")
    done = ccbench("inspect", file)
    assert "palettes of 2 colours (1 bits), 1, shared" in done.out
    assert "; soft ones beside them (float16); weights" in done.out
    assert "whole images (IPC)" in done.out
    parts = numbers(ccbench("inspect", file, "--json"))["contents"]["parts"]
    assert parts.pop("header") + sum(parts.values()) == file.stat().st_size
    # 4 pixels of 1 bit; 2 colours of 3 bytes and a byte for each image's palette; 2 x 2 float16; 2 float32; 2 labels
    assert parts == {"pixels": 1, "palettes": 8, "soft labels": 8, "weights": 8, "labels": 2}


def test_what_a_file_says_does_not_steer_the_terminal(ccbench, tmp_path):
    meta = {
        "method": "\x1b[31mred\n",
        "dataset": "a\x1b]0;b",
        "data_options": {"image_size": 4, "root": "/"},
        "notes": ["\x1b[31mred"],
    }
    file = save(tmp_path / "e.ccb", raw(RED, BLUE), classes=("\x1b[2Jcat", "$dog\\\ud800"), meta=meta)
    done = ccbench("inspect", file)
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "[31mred" in done.out


@pytest.mark.parametrize("command", [("inspect",), ("evaluate",), ("export",)])
@pytest.mark.parametrize("kept", ["1/0", "5", None, "1e999999999"])
def test_a_file_that_says_what_cannot_be(ccbench, tmp_path, command, kept):
    file = save(tmp_path / "a.ccb", raw(RED, BLUE))
    facts, arrays, _ = container.read(file)
    container.write(file, {**facts, "meta": {"dataset": "photodigits", "kept": kept}}, arrays)
    done = ccbench(*command, file, *(["there"] if command == ("export",) else []))
    assert done.code == 2
    assert "make no sense" in done.err
    assert "kept" in done.err
    assert not list((tmp_path / "here").iterdir())


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_damaged_file_is_an_error_and_leaves_nothing(ccbench, tmp_path, options):
    file = save(tmp_path / "a.ccb", raw(RED, BLUE))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    for path in (file, tmp_path / "none.ccb", tmp_path):
        done = ccbench("inspect", path, *options)
        assert done.code == 2
        assert "rror" in done.err
        assert done.out == ""
    file.write_bytes(content[:50])
    assert ccbench("inspect", file, *options).code == 2
    assert not list((tmp_path / "here").iterdir())


def test_a_damaged_picture_in_a_whole_file(ccbench, tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(buffer, "PNG")
    blob = buffer.getvalue()
    payload = EncodedImages([blob, blob[: len(blob) // 2]], "png")
    done = ccbench("inspect", save(tmp_path / "a.ccb", payload))
    assert done.code == 2
    assert "image 1 is a damaged png file" in done.err
    assert not list((tmp_path / "here").iterdir())


def test_a_folder_that_cannot_be_written(ccbench, tmp_path):
    (tmp_path / "taken").write_text("")
    file = save(tmp_path / "a.ccb", raw(RED, BLUE))
    assert ccbench("inspect", file, "--out", tmp_path / "taken").code == 2
    done = ccbench("inspect", file, "--out", tmp_path / "taken" / "under")
    assert done.code == 2
    assert "cannot write" in done.err


def test_the_coders_of_a_file_are_named_with_their_versions(ccbench, tmp_path):
    rng = np.random.default_rng(0)
    indices = np.repeat(rng.integers(0, 4, (300, 2, 2), dtype=np.uint8), 4, axis=1).repeat(4, axis=2)
    payload = PaletteImages(indices, rng.integers(0, 256, (3, 4, 3), dtype=np.uint8), rng.integers(0, 3, 300))
    made = CompressedDataset(payload, np.arange(300), np.arange(300) // 150, classes=("cat", "dog"))
    made.save(tmp_path / "plain.ccb")
    made.save(tmp_path / "coded.ccb", "best")
    plain, coded = (
        numbers(ccbench("inspect", tmp_path / f"{n}.ccb", "--json"))["contents"] for n in ("plain", "coded")
    )
    assert plain["coded"] == {}
    assert coded["coded"]["labels"] == f"zstd, version {names.VERSIONS['zstd']}"
    assert coded["coded"]["packed"] in {f"{n}, version {names.VERSIONS[n]}" for n in ("rans", "zstd")}
    text = ccbench("inspect", tmp_path / "coded.ccb").out
    assert "  coded       " in text
    assert "labels" in text.split("  coded ")[1].split("\n")[0]
    assert "  coded " not in ccbench("inspect", tmp_path / "plain.ccb").out


def test_float_pictures_tell_their_space_and_what_clipping_would_cost(ccbench, tmp_path):
    values = np.zeros((2, 2, 2, 3), np.float32)
    values[0, 0, 0, 0] = 1.5  # 2 as a pixel in [0, 1]: 255 grey levels too bright, the others are 127.5
    space = Channels((0.5, 0.5, 0.5), (1, 1, 1))
    path = save(tmp_path / "a.ccb", FloatImages(values, space), learning_rate=0.02, nominal="images")
    payload = numbers(ccbench("inspect", path, "--json"))["contents"]["payload"]
    assert (payload["kind"], payload["dtype"], payload["space"]) == ("floats", "float32", "channels")
    assert payload["outside"] == pytest.approx(1 / 24)
    assert payload["moved"] == pytest.approx(((255**2 + 23 * 0.25) / 24) ** 0.5)
    text = ccbench("inspect", path).out
    assert "4.2% of the values are no colours" in text
    assert "a learned learning rate of 0.02" in text


def test_a_whitening_is_a_part_of_the_bytes(ccbench, tmp_path):
    white = Whitening(np.zeros(12), np.eye(12))
    path = save(tmp_path / "a.ccb", FloatImages(np.zeros((2, 2, 2, 3), np.float16), white))
    contents = numbers(ccbench("inspect", path, "--json"))["contents"]
    assert contents["parts"]["whitening"] == (12 * 13 // 2 + 12) * 4
    assert sum(contents["parts"].values()) == contents["bytes"]
    assert "whitened (ZCA) by a matrix of 12 x 12" in contents["payload"]["text"]
