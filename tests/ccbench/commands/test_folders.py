"""A user's folder through the commands: splits that are missing, options that the file remembers."""

import json

import numpy as np
import pytest
from PIL import Image

TINY = """
from ccbench import ProtocolSpec, hookimpl

def tiny():
    base = {"architecture": "quicknet", "batch": 4, "lr": 0.05, "iterations": 2}
    return {"train": base, "proxy": base}

@hookimpl
def ccbench_protocols():
    return [ProtocolSpec(name="tiny", target="tiny_protocol:tiny", version="1", summary="for tests")]
"""


@pytest.fixture
def tiny(ccbench, module):
    module("tiny_protocol", TINY)
    return lambda *args: ccbench("-p", "tiny_protocol", *args)


def fill(root, prefix="", count=10, size=8):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        for i in range(count):
            path = root / prefix / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(path)
    return f"folder:{root}"


def test_class_folders_are_compressed_and_tested_without_another_word(tiny, tmp_path):
    folder = fill(tmp_path / "set")
    options = ("-m", "random", "--fraction", "0.5", "-d", folder)
    planned = tiny("plan", *options, "--json", "-p", "tiny")
    assert any("20 % of each class, 4 of 20 images" in note for note in json.loads(planned.out)["notes"])
    made = tiny("compress", *options, "a.ccb")
    assert made.code == 0, made.err
    assert "20 % of each class" in made.err
    assert "8 images" in made.out
    done = tiny("evaluate", "a.ccb", "-p", "tiny")
    assert done.code == 0, done.err
    assert f"on {folder}" in done.out
    shown = tiny("inspect", "a.ccb")
    assert "20 % of each class" in shown.out
    assert "holds other images now" not in shown.out


def test_a_coded_file_is_the_same_set_in_fewer_bytes(tiny, tmp_path):
    root = tmp_path / "set"
    shades = np.linspace(0, 255, 16).astype(np.uint8)
    for name in ("cat", "dog"):
        for i in range(12):
            path = root / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.roll(np.broadcast_to(shades[:, None, None], (16, 16, 3)), i, axis=1).copy()).save(path)
    options = ("-m", "random", "--fraction", "1", "-d", f"folder:{root}")
    sizes = {}
    for coding in ("none", "best", "webp"):
        made = tiny("compress", *options, "--coding", coding, f"{coding}.ccb")
        assert made.code == 0, made.err
        sizes[coding] = (tmp_path / "here" / f"{coding}.ccb").stat().st_size
    made = tiny("compress", "-m", "random+coded", *options[2:], "suffix.ccb")
    assert made.code == 0, made.err
    assert "coded: images by webp" in made.out or "coded: images by jxl" in made.out
    best = (tmp_path / "here" / "best.ccb").read_bytes()
    assert (tmp_path / "here" / "suffix.ccb").read_bytes() == best
    assert sizes["best"] <= sizes["webp"] < sizes["none"] / 2
    shown = {c: json.loads(tiny("inspect", "--json", f"{c}.ccb").out) for c in sizes}
    assert sum(shown["best"]["contents"]["parts"].values()) == sizes["best"]
    assert set(shown["best"]["contents"]["parts"]) == set(shown["none"]["contents"]["parts"])
    done = tiny("evaluate", "best.ccb", "-p", "tiny", "--out", "out")
    assert done.code == 0, done.err
    planned = tiny("plan", *options, "--coding", "best,none", "-p", "tiny", "--seeds", "1", "--out", "out", "--json")
    assert [c["state"] for c in json.loads(planned.out)["cells"]] == ["cached", "to run"]
    wrong = tiny("compress", *options, "--coding", "rans", "wrong.ccb")
    assert wrong.code == 2
    assert "rans codes palette indices" in wrong.err
    assert not (tmp_path / "here" / "wrong.ccb").exists()
    wrong = tiny("compress", *options, "--coding", "gzip", "wrong.ccb")
    assert wrong.code == 2
    assert "coding is one of none, best, rans" in wrong.err


def test_the_file_remembers_how_its_folder_was_read(tiny, tmp_path):
    folder = fill(tmp_path / "set", size=20)
    (tmp_path / "set/cat/bad.png").write_text("no image")
    made = tiny(
        "compress", "-m", "random", "--fraction", "0.5", "-d", folder,
        "--image-size", "8", "--skip-bad", "--test-share", "0.3", "a.ccb",
    )  # fmt: skip
    assert made.code == 0, made.err
    assert "1 unreadable file left out (--skip-bad): cat/bad.png" in made.err
    shown = tiny("inspect", "a.ccb")
    assert "--image-size 8 --skip-bad --test-share 0.3" in shown.out
    assert "cat/bad.png" in shown.out
    assert "comparison" not in shown.out
    facts = json.loads(tiny("inspect", "a.ccb", "--json").out)["contents"]
    assert facts["data_options"] == {"image_size": 8, "skip_bad": True, "test_share": 0.3}
    done = tiny("evaluate", "a.ccb", "-p", "tiny")
    assert done.code == 0, done.err
    for i in range(5):
        (tmp_path / f"set/cat/{i}.png").unlink()
    changed = tiny("evaluate", "a.ccb", "-p", "tiny")  # the draw is another one now
    assert changed.code == 2
    assert "may hold images of its test split" in changed.err


def test_a_comma_in_a_folders_path(tiny, tmp_path):
    def planned(datasets):
        done = tiny("plan", "-m", "random", "--fraction", "0.5", "-p", "tiny", "-d", datasets, "--json")
        return done, [*dict.fromkeys(c["dataset"] for c in json.loads(done.out)["cells"])] if not done.code else None

    odd, plain = fill(tmp_path / "odd,1" / "a,B"), fill(tmp_path / "plain")
    for given in ([odd], [odd, plain], [plain, odd], [plain, "photodigits", odd]):
        done, found = planned(",".join(given))
        assert found == given, done.err
    (tmp_path / "odd").mkdir()  # a folder of that name, but what follows is no dataset
    assert planned(odd)[1] == [odd]
    done, _ = planned(f"folder:{tmp_path}/none,2/B")
    assert done.code == 2
    assert "a comma separates datasets" in done.err
    assert "2/B" in done.err


def test_a_share_that_is_given_wins_over_the_remembered_one(tiny, tmp_path):
    folder = fill(tmp_path / "set")
    made = tiny("compress", "-m", "random", "--fraction", "0.5", "-d", folder, "--test-share", "0.4", "a.ccb")
    assert made.code == 0, made.err
    for share in ("0.3", "0.2"):  # the second is the default
        done = tiny("evaluate", "a.ccb", "-p", "tiny", "--test-share", share)
        assert done.code == 2, share
        assert "may hold images of its test split" in done.err
        assert "holds other images now" in tiny("inspect", "a.ccb", "--test-share", share).out
    assert tiny("evaluate", "a.ccb", "-p", "tiny", "--test-share", "0.4").code == 0


def test_without_a_test_split_all_but_testing_works(tiny, tmp_path):
    folder = fill(tmp_path / "set", "train")
    options = ("-m", "random", "--fraction", "0.5", "-d", folder)
    made = tiny("compress", *options, "a.ccb")
    assert made.code == 0, made.err
    assert "has no test split" in made.err
    assert tiny("inspect", "a.ccb").code == 0
    assert tiny("export", "a.ccb", tmp_path / "png").code == 0
    assert len(list((tmp_path / "png").rglob("*.png"))) == 10
    for command in (("evaluate", "a.ccb"), ("run", *options)):
        refused = tiny(*command, "-p", "tiny")
        assert refused.code == 2
        assert "has no test split" in refused.err
        assert f"or name {folder}/train" in refused.err
    leak = tiny("evaluate", "a.ccb", "-p", "tiny", "-d", f"{folder}/train")
    assert leak.code == 2
    assert "may hold images of its test split" in leak.err
    other = fill(tmp_path / "other", "train")
    fill(tmp_path / "other", "test", count=3)
    assert tiny("evaluate", "a.ccb", "-p", "tiny", "-d", other).code == 0


@pytest.mark.parametrize("share", ["0", "1", "-1", "nan", "20"])
def test_shares_that_are_none(tiny, tmp_path, share):
    folder = fill(tmp_path / "set")
    done = tiny("compress", "-m", "random", "--fraction", "0.5", "-d", folder, "--test-share", share, "a.ccb")
    assert done.code == 2
    assert "test share" in done.err
    assert not (tmp_path / "here" / "a.ccb").exists()


def test_images_per_class_where_a_class_has_too_few(ccbench, tmp_path):
    for name, count in (("ant", 20), ("bee", 20), ("cow", 2)):
        for split, n in (("train", count), ("test", 1)):
            for i in range(n):
                path = tmp_path / "set" / split / name / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.full((8, 8, 3), i, np.uint8)).save(path)
    folder = f"folder:{tmp_path / 'set'}"
    made = ccbench("compress", "-m", "random", "--ipc", "5", "-d", folder, "a.ccb")
    assert made.code == 0, made.err
    assert "fewer than 10 training images of 'cow' (2)" in made.err
    assert "15 images, 5 of a class on average, are kept by random" in made.err
    facts = json.loads(ccbench("inspect", "a.ccb", "--json").out)["contents"]
    assert facts["images_per_class"] == [6, 7, 2]


def test_a_plan_says_where_classes_keep_few_images(ccbench):
    def notes(*budget, methods):
        return json.loads(ccbench("plan", "-m", methods, *budget, "--json").out)["notes"]

    (said,) = [
        note for note in notes("--bits", "0.1", methods="random[fraction=0.05]+mediancut,full") if "on average" in note
    ]
    assert "65 images, 6.5 of a class on average, are kept by random[fraction=0.05]+mediancut;" in said
    one, other = (n for n in notes("--ipc", "2,9", "--no-snap", methods="random,rded") if "on average" in n)
    assert "20 images, 2 of a class on average, are kept by random, rded" in one
    assert "90 images, 9 of a class" in other
    assert not [n for n in notes("--ipc", "10", "--no-snap", methods="random") if "on average" in n]
