import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cc_plugins.dc3.generate import compensated, prepare
from cc_plugins.dc3.pipeline import load
from cc_plugins.dc3.prompts import PAPER, Prompts
from ccbench import UserError
from ccbench.budget import Budget
from ccbench.data import ImageDataset
from ccbench.methods.task import Task, Workbench
from ccbench.offers.discovery import Plugins
from ccbench.seeds import derive
from ccbench.store import Store
from tests.cc_plugins.dc3.tiny_pipeline import configured

TWO = Prompts("make it {p}", cool=("ice",), warm=("fire",))


def images(n, side=16, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def task(folder, told=None):
    data = ImageDataset("pictures", "train", images(2), np.array([0, 1]), ("a", "b"), "digest")
    progress = (lambda *said: told.append(said)) if told is not None else (lambda *said: None)
    bench = Workbench(data, Store(folder), Plugins(), None, progress=progress)
    return Task(bench, data, Budget.from_fraction(1), np.arange(2))


def generate(*given, **options):
    """(n, variants, S, S, 3) uint8: every image's pictures at once."""
    return np.stack(list(compensated(*given, **options)))


@pytest.fixture
def settings(tiny_model):
    return configured(model=str(tiny_model), steps=3, resolution=32, batch=4)


def options(settings, **changed):
    return {"variants": 2, "settings": settings, "prompts": PAPER, "seed": 7, **changed}


@contextmanager
def counted(settings):
    """How often the UNet is called: once per step and batch."""
    calls = []
    hook = load(settings, "cpu").unet.register_forward_pre_hook(lambda module, inputs: calls.append(len(inputs[0])))
    try:
        yield calls
    finally:
        hook.remove()


def blobs(folder):
    return {path: path.read_bytes() for path in (folder / "blobs" / "pictures").rglob("*") if path.is_file()}


@cache
def plain(model):
    from diffusers import StableDiffusionInstructPix2PixPipeline

    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(model, safety_checker=None, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def direct(settings, image, prompt, seed):
    """One picture with diffusers' own loading and calling."""
    pipeline = plain(settings.model)
    square = Image.fromarray(image).resize((settings.resolution, settings.resolution))
    return np.asarray(
        pipeline(
            prompt,
            image=square,
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance,
            image_guidance_scale=settings.image_guidance,
            generator=torch.Generator().manual_seed(seed),
        ).images[0]
    )


def assert_near(found, wanted):
    """Equal but for the rounding of batches of another size."""
    assert found.shape == wanted.shape
    difference = abs(found.astype(int) - wanted)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


@pytest.mark.parametrize("side", [16, 32, 50])
def test_pictures_are_what_diffusers_gives_cool_ones_first(settings, tmp_path, side):
    pictures = images(2, side)
    found = generate(task(tmp_path), pictures, np.array([5, 9]), **options(settings, prompts=TWO, variants=4))
    assert found.shape == (2, 4, 32, 32, 3)
    assert found.dtype == np.uint8
    for row, name in ((0, 5), (1, 9)):
        for place, (hue, number) in enumerate([("cool", 0), ("cool", 1), ("warm", 0), ("warm", 1)]):
            prompt = "make it ice" if hue == "cool" else "make it fire"
            seed = derive(7, id=name, hue=hue, number=number)
            assert_near(found[row, place], direct(settings, pictures[row], prompt, seed))


def test_images_of_4000_pixels_and_of_another_shape(settings, tmp_path):
    large = np.tile(images(1, 40)[0], (100, 100, 1))
    wide = images(1, 64)[0][:24]
    found = generate(task(tmp_path), [large, wide], np.array([0, 1]), **options(settings, prompts=TWO))
    seed = derive(7, id=0, hue="cool", number=0)
    assert_near(found[0, 0], direct(settings, large, "make it ice", seed))
    seed = derive(7, id=1, hue="warm", number=0)
    assert_near(found[1, 1], direct(settings, wide, "make it fire", seed))


def test_a_grey_image_is_edited_like_any_other(settings, tmp_path):
    grey = images(1)[..., :1].repeat(3, -1)
    found = generate(task(tmp_path), grey, np.array([0]), **options(settings, prompts=TWO))
    assert_near(found[0, 0], direct(settings, grey[0], "make it ice", derive(7, id=0, hue="cool", number=0)))


def test_the_split_and_the_order_change_nothing(settings, tmp_path):
    pictures, ids = images(5), np.array([31, 4, 15, 9, 26])
    chosen = options(settings)
    whole = generate(task(tmp_path / "whole"), pictures, ids, **chosen)
    for parts in (2, 3):
        split = task(tmp_path / str(parts))
        for part in reversed(range(parts)):
            prepare(split, pictures, ids, part=part, parts=parts, **chosen)
        with counted(settings) as calls:
            np.testing.assert_array_equal(generate(split, pictures, ids, **chosen), whole)
        assert not calls  # the shares together are everything
    for order in ([4, 3, 2, 1, 0], [2, 0, 4, 1, 3]):
        found = generate(task(tmp_path / str(order)), pictures[order], ids[order], **chosen)
        np.testing.assert_array_equal(found, whole[order])
    # alone in a batch that is filled up: on this device not even the neighbours count
    alone = generate(task(tmp_path / "alone"), pictures[2:3], ids[2:3], **chosen)
    np.testing.assert_array_equal(alone[0], whole[2])


def test_shares_are_whole_batches(settings, tmp_path):
    pictures, ids = images(5), np.arange(5)  # ten pictures: batches of four, four and two
    for part, made in ((0, 4 + 2), (1, 4)):
        folder = tmp_path / str(part)
        with counted(settings) as calls:
            prepare(task(folder), pictures, ids, part=part, parts=2, **options(settings))
        assert len(blobs(folder)) == made
        assert set(calls) == {3 * 4}  # three guidance branches of a full batch, also the last
    prepare(task(tmp_path / "none"), pictures, ids, part=5, parts=6, **options(settings))
    assert not blobs(tmp_path / "none")


def test_seed_id_prompt_and_pixels_make_another_picture(settings, tmp_path):
    pictures = images(1).repeat(2, 0)
    two = generate(task(tmp_path), pictures, np.array([0, 1]), **options(settings))
    assert (two[0, 0] != two[1, 0]).any()  # the same image under another id
    assert (two[0, 0] != two[0, 1]).any()
    for changed in (
        {"seed": 8},
        {"prompts": TWO},
        {"prompts": Prompts("make it {p}", cool=("snow",), warm=("fire",))},
        {"settings": replace(settings, steps=4)},
        {"settings": replace(settings, guidance=9)},
        {"settings": replace(settings, image_guidance=2.5)},
    ):
        other = generate(task(tmp_path), pictures[:1], np.array([0]), **{**options(settings), **changed})
        assert (other[0, 0] != two[0, 0]).any(), changed
    darker = generate(task(tmp_path), pictures[:1] // 2, np.array([0]), **options(settings))
    assert (darker[0, 0] != two[0, 0]).any()


def test_two_prompts_give_two_pictures_of_the_same_noise(settings, tmp_path):
    found = [
        generate(task(tmp_path), images(1), np.array([0]), **options(settings, prompts=Prompts("{p}", (p,), ("x",))))
        for p in ("blue", "a very long prompt about frozen lakes")
    ]
    assert (found[0][0, 0] != found[1][0, 0]).any()
    np.testing.assert_array_equal(found[0][0, 1], found[1][0, 1])


def test_another_model_makes_other_pictures(settings, tiny_model, tmp_path):
    model = shutil.copytree(tiny_model, tmp_path / "model")
    first = generate(task(tmp_path), images(1), np.array([0]), **options(settings))
    edited = replace(settings, model=str(model))
    with counted(edited) as calls:
        generate(task(tmp_path), images(1), np.array([0]), **options(edited))
    assert not calls  # a copy of the model is the same model
    config = model / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace("0.012", "0.05"))
    assert (generate(task(tmp_path), images(1), np.array([0]), **options(edited)) != first).any()


def test_stitches_of_two_and_of_four_share_pictures(settings, tmp_path):
    two = generate(task(tmp_path), images(2), np.arange(2), **options(settings))
    assert len(blobs(tmp_path)) == 4
    four = generate(task(tmp_path), images(2), np.arange(2), **options(settings, variants=4))
    assert len(blobs(tmp_path)) == 8
    np.testing.assert_array_equal(four[:, [0, 2]], two)


def test_what_is_asked_for_twice_is_made_once(settings, tmp_path):
    pictures, ids = images(1).repeat(3, 0), np.array([6, 6, 6])
    with counted(settings) as calls:
        found = generate(task(tmp_path), pictures, ids, **options(settings))
    assert len(calls) == settings.steps  # two pictures, one batch
    assert len(blobs(tmp_path)) == 2
    np.testing.assert_array_equal(found[0], found[2])


def test_a_damaged_or_missing_picture_is_made_again_and_no_other(settings, tmp_path):
    pictures, ids = images(5), np.arange(5)
    first = generate(task(tmp_path), pictures, ids, **options(settings))
    kept = blobs(tmp_path)
    flipped, cut, gone = sorted(kept)[:3]
    content = bytearray(kept[flipped])
    content[len(content) // 2] ^= 0x10
    flipped.write_bytes(content)
    cut.write_bytes(kept[cut][:40])
    gone.unlink()
    untouched = {path: path.stat().st_mtime_ns for path in kept if path not in (flipped, cut, gone)}
    np.testing.assert_array_equal(generate(task(tmp_path), pictures, ids, **options(settings)), first)
    assert blobs(tmp_path) == kept  # to the last bit
    assert {path: path.stat().st_mtime_ns for path in untouched} == untouched


def test_pictures_come_one_image_at_a_time(settings, tmp_path):
    pictures, ids = images(3), np.arange(3)
    whole = generate(task(tmp_path), pictures, ids, **options(settings))
    coming = compensated(task(tmp_path), list(pictures), ids, **options(settings))
    np.testing.assert_array_equal(next(coming), whole[0])
    shutil.rmtree(tmp_path / "blobs")  # as `ccbench cache clear` in another terminal
    np.testing.assert_array_equal(np.stack(list(coming)), whole[1:])
    assert list(compensated(task(tmp_path), [], np.array([], int), **options(settings))) == []


def test_progress_counts_what_is_left_and_every_step(settings, tmp_path):
    pictures, ids, told = images(5), np.arange(5), []
    prepare(task(tmp_path), pictures, ids, part=0, parts=2, **options(settings))  # the first and third batch
    generate(task(tmp_path, told), pictures, ids, **options(settings))
    assert told == [(1, 3, "compensating"), (2, 3, "compensating"), (3, 3, "compensating")]
    told.clear()
    generate(task(tmp_path, told), pictures, ids, **options(settings))
    assert told == []


WORKER = """
import os, signal, sys
from tests.cc_plugins.dc3.test_dc3_generate import *

class Deadly(list):
    def append(self, said):
        if said[0] == 2 * 3 + 2:
            os.kill(os.getpid(), signal.SIGKILL)

settings = configured(model=sys.argv[2], steps=3, resolution=32, batch=4)
generate(task(Path(sys.argv[1]), Deadly()), images(8), np.arange(8), **options(settings))
"""


def test_after_a_kill_only_what_is_missing_is_made(settings, tmp_path):
    killed = tmp_path / "killed"
    command = [sys.executable, "-c", WORKER, str(killed), settings.model]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    finished = blobs(killed)
    assert len(finished) == 2 * 4  # the kill came in the third of four batches
    with counted(settings) as calls:
        found = generate(task(killed), images(8), np.arange(8), **options(settings))
    assert len(calls) == 2 * 3
    assert {path: content for path, content in blobs(killed).items() if path in finished} == finished
    np.testing.assert_array_equal(found, generate(task(tmp_path / "x"), images(8), np.arange(8), **options(settings)))


def test_numbers_that_overflow_are_no_picture(settings, tiny_model, tmp_path):
    from safetensors.torch import load_file, save_file

    model = shutil.copytree(tiny_model, tmp_path / "model")
    file = model / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors["conv_out.weight"] *= float("inf")
    save_file(tensors, file, {"format": "pt"})
    broken = configured(model=str(model), steps=2, resolution=32, batch=2)
    with pytest.raises(UserError, match="not finite in float32"):
        generate(task(tmp_path), images(1), np.array([0]), **options(broken))
    assert not blobs(tmp_path)


def test_a_missing_model_is_an_error_before_anything_is_made(tmp_path):
    with pytest.raises(UserError, match="neither a local folder"):
        generate(task(tmp_path), images(1), np.array([0]), **options(configured(model=str(tmp_path / "none"))))


def test_calls_that_make_no_sense(settings, tmp_path):
    for variants in (0, 1, 3):
        with pytest.raises(ValueError, match="even"):
            generate(task(tmp_path), images(1), np.array([0]), **options(settings, variants=variants))
    with pytest.raises(ValueError, match="2 images and 1 ids"):
        generate(task(tmp_path), images(2), np.array([0]), **options(settings))
