"""``ccbench recommend``: trials on a sample, and a command that works."""

import os
import re
import shlex
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ccbench.archive import CompressedDataset
from ccbench.commands.recommend import _ending, _megabytes
from ccbench.data import DataSource
from ccbench.errors import UserError
from ccbench.recommend import Advice, Sample, Trial, recommend

RECIPE = """
[train]
architecture = "quicknet"
iterations = 20
batch = 32
lr = 0.1
[proxy]
architecture = "quicknet"
iterations = 20
batch = 32
lr = 0.1
"""


@pytest.fixture
def place():
    """Pictures of two colours, 80 pixels wide, and a short protocol, in the current folder."""
    rng = np.random.default_rng(0)
    for name, colour in {"red": (200, 40, 40), "blue": (40, 40, 200)}.items():
        Path("pictures", name).mkdir(parents=True)
        for i in range(60):
            field = np.array(colour) + rng.normal(0, 25, (5, 10, 3))
            picture = Image.fromarray(field.clip(0, 255).astype(np.uint8)).resize((80, 40), Image.Resampling.BICUBIC)
            picture.save(Path("pictures", name, f"{i}.png"))
    Path("short.toml").write_text(RECIPE)
    return Path.cwd()


def test_for_a_size_and_the_command_works(ccbench, place):
    done = ccbench("recommend", "pictures", "--bytes", "100KB", "-m", "jpeg", "--seeds", 1, "--protocol", "short.toml",
                   "--images", 80)  # fmt: skip
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "60 of 96 training images are tried, shrunk to 32 x 64 pixels; others of them judge"
    assert re.fullmatch(r"full +\d+\.\d %, uncompressed", lines[1])
    assert re.fullmatch(r"jpeg +\d+\.\d %, [+-]\d+\.\d points, \d+\.\d\d % of the raw bytes", lines[2])
    assert lines[4] == "recommended: jpeg"
    assert re.fullmatch(r"size: 0.922 MB raw \(the whole folder's files [\d.]+ MB\); 0.1 MB compressed", lines[5])
    command = shlex.split(lines[-1])
    assert command[:4] == ["ccbench", "compress", "-d", f"folder:{place / 'pictures'}"]
    made = ccbench(*command[1:])
    assert made.code == 0, made.err
    assert Path("compressed.ccb").stat().st_size <= 100_000
    assert CompressedDataset.open("compressed.ccb").shape == (40, 80)


def test_for_a_loss_the_smallest_share_is_taken(ccbench, place):
    done = ccbench(
        "recommend", "pictures", "--loss", 100, "-m", "random,jpeg", "--seeds", 1, "--protocol", "short.toml"
    )
    assert done.code == 0, done.err
    assert "--bytes 9216 compressed.ccb" in done.out  # the first share that is tried
    assert re.search(r"^random +this budget keeps 1 of 72 images", done.out, re.MULTILINE)  # said, not an error


def test_nothing_fits(ccbench, place):
    done = ccbench(
        "recommend", "pictures", "--bytes", 900, "-m", "mediancut,full", "--seeds", 1, "--protocol", "short.toml"
    )
    assert (done.code, done.out.splitlines()[-1]) == (1, "no method that was tried fits")
    assert re.search(r"^full +takes [\d,]+ bytes of 432$", done.out, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pictures"], "a recommendation is for a size or for a loss"),
        (["pictures", "--bytes", "1MB", "--loss", "2"], "found: both"),
        (["pictures", "--bytes", "1TB"], "has 921,600 raw bytes"),
        (["pictures", "--bytes", "0"], "bytes must be above 0"),
        (["pictures", "--bytes", "lots"], "lots"),
        (["pictures", "--loss", "nan"], "nan"),
        (["nowhere", "--loss", "2"], "nowhere"),
        (["pictures", "--loss", "2", "-m", "jpg"], "did you mean 'jpeg'"),
        (["pictures", "--loss", "2", "-m", "all-none"], "no group is called 'none'"),
        (["pictures", "--loss", "2", "--protocol", "none"], "none"),
    ],
)
def test_what_cannot_be_asked(ccbench, place, arguments, message):
    done = ccbench("recommend", *arguments)
    assert done.code in (1, 2)
    assert message in done.err
    assert "Traceback" not in done.err


def test_the_command_draws_the_same_test_split():
    best = Trial("jpeg", Fraction(1, 2), accuracy=0.5, measured=0.5, seconds=1.0)
    advice = Advice(best, best, (best,), Sample("folder:/sample", 60, 40, 1000, (8, 8), (8, 8)))
    given = dict.fromkeys(("data_root", "image_size", "skip_bad")) | {"protocol": "quick", "test_share": 0.5}
    lines = _ending(advice, "photodigits", given)
    assert "--test-share 0.5" in lines[-1]
    assert lines[2].endswith("50.0 %, +0.0 points against full")


def test_one_class_has_two_images(ccbench, place):
    for name, count in {"one": 60, "other": 2}.items():
        Path("few", name).mkdir(parents=True)
        for i in range(count):
            Image.new("RGB", (8, 8), (i, 0, 0)).save(Path("few", name, f"{i}.png"))
    done = ccbench("recommend", "few", "--loss", 1, "-m", "jpeg", "--images", 40)
    assert (done.code, done.out) == (2, "")
    assert "found: 1 such classes among 39 of 49 training images" in done.err


def test_more_classes_than_images(ccbench, place):
    for k in range(45):
        Path("many", f"{k}").mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (8, 8), (i, k, 0)).save(Path("many", f"{k}", f"{i}.png"))
    done = ccbench("recommend", "many", "--loss", 1, "-m", "jpeg", "--images", 40)
    assert done.code == 2
    assert "--images 180" in done.err
    assert "ccbench-recommend-" not in done.err


def test_nothing_is_left_behind(ccbench, place, monkeypatch, tmp_path):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    before = os.environ.get("CCBENCH_CACHE")

    def interrupted(*_):
        assert os.environ["CCBENCH_CACHE"].startswith(str(tmp_path / "temporary"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recommend(f"folder:{place / 'pictures'}", DataSource(), ["jpeg"], loss=1.0, say=interrupted)
    assert list((tmp_path / "temporary").iterdir()) == []
    assert os.environ.get("CCBENCH_CACHE") == before


def test_no_room_for_the_sample(ccbench, place, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(UserError, match=r"cannot be written.*\n.*No space left.*\n.*TMPDIR"):
        recommend(f"folder:{place / 'pictures'}", DataSource(), ["jpeg"], loss=1.0)


def test_sizes_for_people():
    assert [_megabytes(n) for n in (20_000, 999_499_999, 999_999_999, 2e9)] == [
        "0.02 MB", "999 MB", "1,000 MB", "2,000 MB"
    ]  # fmt: skip
