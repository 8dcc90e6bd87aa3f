"""Folders of images as strangers leave them."""

import os
import random
import shutil

import numpy as np
from PIL import Image

from tests.attack.conftest import cases, fault_of

NAMES = (
    "cat", "dog", "a b", "ünï", "=1+1", "-x", "--help", "a,b", "[x]", "a:b", "x" * 200, "🐈", "\x1b[2J", ".hidden",
    "$(id)", "train", "test", "CON", "a'b", 'a"b', "<b>", "a\nb", "%s",
)  # fmt: skip


def _file(rng, place):
    kind = rng.randrange(12)
    side = rng.choice([1, 2, 8, 8, 8, 16])
    mode = rng.choice(["RGB", "RGB", "RGB", "L", "RGBA", "P", "1", "CMYK"])
    suffix = rng.choice([".png", ".jpg", ".PNG", ".jpeg", ".bmp", ".gif", ".webp"])
    pixels = np.random.default_rng(rng.randrange(2**32)).integers(0, 255, (side, side, 3), dtype=np.uint8)
    if kind < 8:
        try:
            Image.fromarray(pixels).convert(mode).save(place.with_suffix(suffix))
        except (OSError, ValueError):
            Image.fromarray(pixels).save(place.with_suffix(".png"))
    elif kind == 8:
        place.with_suffix(suffix).write_bytes(b"" if rng.random() < 0.5 else os.urandom(50))
    elif kind == 9:
        Image.fromarray(pixels).save(whole := place.with_suffix(".png"))
        whole.write_bytes(whole.read_bytes()[: rng.randrange(60)])
    elif kind == 10:
        place.with_suffix(".txt").write_text("notes")
    else:
        place.with_suffix(".png").symlink_to(rng.choice(["nowhere", ".", place.with_suffix(".png").name, "/dev/zero"]))


def _tree(rng, root):
    splits = rng.choice([["train", "test"], ["train"], [""], ["train", "val"], ["training", "testing"]])
    for split in splits:
        for name in rng.sample(NAMES, rng.randrange(1, 5)):
            folder = root / split / name
            folder.mkdir(parents=True, exist_ok=True)
            for i in range(rng.choice([0, 1, 5, 12])):
                _file(rng, folder / f"{i}")
    if rng.random() < 0.1:
        os.mkfifo(root / "pipe.png")
    if rng.random() < 0.1:
        (root / "loop").symlink_to(root)
    if rng.random() < 0.1:
        os.mkfifo(next((p for p in root.rglob("*") if p.is_dir()), root) / "inner.png")


@cases(20, 800)
def test_folders(call, tally, tmp_path, many):
    rng = random.Random(0)
    for number in range(many):
        root = tmp_path / f"images{number}"
        root.mkdir()
        _tree(rng, root)
        more = rng.choice([(), ("--skip-bad",), ("--image-size", "8"), ("--skip-bad", "--image-size", "8")])
        words = ("plan", "-m", "random,dcq", "--ratio", "0.5", "-d", f"folder:{root}", *more)
        tally.count(fault_of(call(*words, seconds=30), *words))
        shutil.rmtree(root)
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
