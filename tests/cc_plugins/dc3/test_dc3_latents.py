import shutil
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from cc_plugins.dc3.latents import run
from cc_plugins.dc3.stages import LATENTS
from cc_plugins.dc3.weights import revision_of
from ccbench import UserError
from ccbench.data import ImageDataset
from ccbench.methods.task import StageContext, Workbench
from ccbench.offers.discovery import Plugins
from ccbench.store import Store
from tests.cc_plugins.dc3.tiny_pipeline import configured

LABELS = np.array([0, 1, 0, 0, 1, 0, 2, 0, 1, 0, 0, 1])  # seven, four and one image


def dataset(side=16, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (len(LABELS), side, side, 3), dtype=np.uint8)
    return ImageDataset("pictures", "train", images, LABELS, ("a", "b", "c"), "digest")


@pytest.fixture
def stage(tiny_model, tmp_path):
    said = []

    def make(data, model=tiny_model, **params):
        bench = Workbench(data, Store(tmp_path), Plugins(), None, progress=lambda *told: said.append(told))
        values = LATENTS.read_params({"model": str(model), "resolution": 32, "batch": 3, **params})
        values["revision"] = params.get("revision", revision_of(configured(model=str(model))))
        return run(StageContext(bench, data, LATENTS, values, tmp_path), **values)["latents"]

    vars(make)["said"] = said
    return make


def encode(model, inputs):
    """Mean latents with diffusers alone: (n, 3, 32, 32) floats to (n, D)."""
    from diffusers import AutoencoderKL

    with torch.no_grad():
        means = AutoencoderKL.from_pretrained(model / "vae").encode(torch.from_numpy(inputs).float()).latent_dist.mean
    return means.flatten(1).numpy()


def direct(model, images):
    """The same of images whose pixels are normalised by NumPy and repeated, (n, D) float32."""
    pixels = images.reshape(-1, 3).astype(np.float64)
    inputs = (images - pixels.mean(0)) / pixels.std(0)
    inputs = inputs.repeat(32 // images.shape[1], axis=1).repeat(32 // images.shape[2], axis=2)
    return encode(model, inputs.transpose(0, 3, 1, 2))


def distances(rows):
    return np.linalg.norm(rows[:, None] - rows[None], axis=-1)


def test_all_components_keep_the_distances_of_the_vaes_means(stage, tiny_model):
    data = dataset()
    found = stage(data)
    assert found.shape == (12, 50)
    assert found.dtype == np.float32
    means = direct(tiny_model, data.images)
    for label in range(3):
        mine = label == LABELS
        # n centred points span at most n - 1 dimensions, so PCA only turns them
        np.testing.assert_allclose(distances(found[mine]), distances(means[mine]), atol=1e-3, rtol=1e-4)
        np.testing.assert_allclose(found[mine].mean(0), 0, atol=1e-4)


def test_a_class_smaller_than_the_components_ends_in_zeros(stage):
    found = stage(dataset())
    for label, size in ((0, 7), (1, 4), (2, 1)):
        mine = found[label == LABELS]
        assert not mine[:, size:].any()
        assert size == 1 or mine[:, : size - 1].any(axis=0).all()
    assert not found[LABELS == 2].any()


def test_fewer_components_are_the_leading_ones(stage, tiny_model):
    data = dataset()
    found = stage(data, components=2)
    assert found.shape == (12, 2)
    means = direct(tiny_model, data.images)[LABELS == 0]
    left, scale, _ = np.linalg.svd(means - means.mean(0), full_matrices=False)
    for k in range(2):
        wanted = left[:, k] * scale[k]
        np.testing.assert_allclose(abs(found[LABELS == 0][:, k]), abs(wanted), atol=1e-3 * scale[0])


def test_batches_change_nothing_but_rounding(stage):
    one, many = (stage(dataset(), batch=batch) for batch in (1, 12))
    for label in range(3):
        mine = label == LABELS
        np.testing.assert_allclose(distances(one[mine]), distances(many[mine]), atol=1e-3)


def test_the_same_work_gives_the_same_bits_and_tells_how_far_it_is(stage):
    data = dataset()
    found = stage(data)
    told = [done for done, total, what in stage.said if (total, what) == (12, "latents")]
    assert told[-1] == 12
    assert all(a < b for a, b in pairwise(told))
    np.testing.assert_array_equal(stage(data), found)


def test_larger_images_are_shrunk_as_pillow_shrinks_them(stage, tiny_model):
    data = dataset(side=72)
    pixels = data.images.reshape(-1, 3).astype(np.float64)
    normal = ((data.images - pixels.mean(0)) / pixels.std(0)).astype(np.float32)
    small = [
        np.stack(
            [np.asarray(Image.fromarray(channel).resize((32, 32), Image.Resampling.BILINEAR)) for channel in image]
        )
        for image in normal.transpose(0, 3, 1, 2)
    ]
    found, means = stage(data), encode(tiny_model, np.stack(small).reshape(-1, 3, 32, 32))
    for label in range(3):
        mine = label == LABELS
        np.testing.assert_allclose(distances(found[mine]), distances(means[mine]), atol=1e-3, rtol=1e-4)


def test_a_folder_is_asked_for_by_what_it_holds(stage, tiny_model, tmp_path):
    model = shutil.copytree(tiny_model, tmp_path / "model")
    held = revision_of(configured(model=str(model)))
    assert stage(dataset(), model=model, revision=held).any()
    with pytest.raises(UserError, match="not the one that is asked for") as caught:
        stage(dataset(), model=model, revision=None)
    assert caught.value.mend == f"revision={held}"
    file = model / "vae" / "diffusion_pytorch_model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match="not the one that is asked for"):
        stage(dataset(), model=model, revision=held)


def test_numbers_that_overflow_are_no_latents(stage, tiny_model, tmp_path):
    from safetensors.torch import load_file, save_file

    model = shutil.copytree(tiny_model, tmp_path / "model")
    file = model / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors["encoder.conv_in.weight"] *= 1e38
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(UserError, match="not finite"):
        stage(dataset(), model=model)
