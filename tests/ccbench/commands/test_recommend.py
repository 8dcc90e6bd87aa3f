"""``ccbench recommend``: trials on a sample, and a command that works."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ccbench.archive import CompressedDataset

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
    assert re.fullmatch(r"size: 0.922 MB raw, [\d.]+ MB as files; 0.1 MB compressed", lines[5])
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
    done = ccbench("recommend", "pictures", "--bytes", 900, "-m", "mediancut", "--seeds", 1, "--protocol", "short.toml")
    assert (done.code, done.out.splitlines()[-1]) == (1, "no method that was tried fits")


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
