"""Dataset quantization with dropped patches: which are kept, what they cost, and what is painted over them."""

import json
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from cc_plugins.coresets._mae import Painter, ready
from cc_plugins.coresets._patches import grid_of, important, kept_of
from ccbench import Budget, UserError, testing
from ccbench.archive import container
from ccbench.data import ImageDataset
from ccbench.methods.ready import unready
from ccbench.methods.task import Task, Workbench
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import parse
from ccbench.store import Store

PLUGINS = Plugins()
N, CLASSES, SIDE = 60, 3, 28  # patches of 2 pixels, 14 x 14 of them


@dataclass
class Known(Task):
    """A task whose last layer and attention are known."""

    def stage(self, name, **params):
        """What is asked for, instead of a training."""
        rng = np.random.default_rng(3)
        n, (height, width) = len(self.dataset.labels), self.dataset.images.shape[1:3]
        if name == "attention":
            assert params == {"cam": "gradcam++", "proxy": None}
            return {"attention": rng.random((n, height, width)).astype(np.float16)}
        assert name == "last-layer"
        return {"features": rng.normal(size=(n, 8)), "logits": rng.normal(size=(n, CLASSES))}


def task(folder, kept, ids=None, side=SIDE):
    images = np.random.default_rng(0).integers(0, 256, (N, side, side, 3), dtype=np.uint8)
    data = ImageDataset.from_arrays(images, np.arange(N) % CLASSES, tuple("abc"), name="tiny")
    bench = Workbench(root=data, store=Store(folder), plugins=PLUGINS, recipe=None)
    return Known(bench, data, Budget(Fraction(kept)), np.arange(N) if ids is None else ids)


def build(name, **params):
    return PLUGINS.get("method", name).build(**params)


def test_patches_of_the_papers_and_of_small_images():
    assert grid_of(224, 224) == (14, 14)
    assert grid_of(32, 32) == (16, 16)
    assert grid_of(64, 64) == (16, 16)
    assert grid_of(28, 56) == (7, 14)
    assert grid_of(33, 70) == (33, 70)  # nothing but one pixel divides both
    assert grid_of(8, 8) == (8, 8)


def test_how_many_patches_stay():
    assert kept_of(0.2, (14, 14)) == 157  # 39.2 of 196 are dropped
    assert kept_of(0.99, (2, 2)) == 1
    assert kept_of(0.5, (1, 1)) == 1


def test_the_patches_with_most_attention_stay():
    maps = np.zeros((2, 4, 4))
    maps[1] = np.arange(16).reshape(4, 4)
    maps[1, 0, 0] = 100
    found = important(maps, np.array([1, 0]), (2, 2), 2)
    assert found[0].tolist() == [[True, False], [False, True]]  # 100 + 1 + 4 + 5, and 10 + 11 + 14 + 15
    assert found[1].tolist() == [[True, True], [False, False]]  # all equal: the earlier ones


def test_a_patch_may_cut_through_pixels():
    maps = np.array([[[0.0, 6.0, 0.0]]])  # halves of 1.5 pixels see half of the middle one each
    assert important(maps, np.array([0]), (1, 2), 1).tolist() == [[[True, False]]]
    assert important(maps + np.array([0, 0, 1]), np.array([0]), (1, 2), 1).tolist() == [[[False, True]]]
    assert important(np.array([[[1.0], [2.0]]]), np.array([0]), (4, 1), 3).ravel().tolist() == [True, False, True, True]


@pytest.mark.parametrize("fill", ["mean", "neighbours"])
@pytest.mark.parametrize("drop", [0.2, 0.5, 0.9])
def test_what_is_dropped_pays_for_more_images(tmp_path, fill, drop):
    job = task(tmp_path, "1/4")
    result = build("dq", drop=drop, fill=fill).compress(job)
    share = Fraction(kept_of(drop, (14, 14)), 196)
    assert len(result) == min(N, int(15 / share + Fraction(1, 2)))
    assert result.payload.bits_per_pixel == 24 * share
    assert result.nominal_kept(job.dataset.shape) <= Fraction(1, 4) + Fraction(1, 2 * N)
    result.save(tmp_path / "a.ccb")
    held = container.sizes(tmp_path / "a.ccb")
    assert held["patches"] == len(result) * share * SIDE * SIDE * 3
    assert held["masks"] == len(result) * 25  # 196 bits
    shown = result.decode(np.arange(len(result))).permute(0, 2, 3, 1).numpy()
    known = result.payload.masks.repeat(2, 1).repeat(2, 2)
    assert (shown[known] == job.dataset.images[result.ids][known]).all()
    assert (shown[~known] != job.dataset.images[result.ids][~known]).mean() > 0.9
    assert (result.labels == job.dataset.labels[result.ids]).all()


def test_masks_are_those_of_the_kept_images(tmp_path):
    job = task(tmp_path, "1/4")
    result = build("dq", drop=0.3).compress(job)
    maps = job.stage("attention", cam="gradcam++", proxy=None)["attention"]
    assert (result.payload.masks == important(maps, result.ids, (14, 14), kept_of(0.3, (14, 14)))).all()


def test_attention_is_asked_for_only_where_patches_are_dropped():
    def needs(text):
        return set(parse(text, PLUGINS).needs)

    assert needs("dq") == needs("dq[drop=0]") == needs("dq[fill=mean]") == {"proxy", "last-layer"}
    assert needs("dq[drop=0.2]") == {"proxy", "last-layer", "attention"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Folder of a masked autoencoder of a few thousand random weights: 32 pixels in 4 x 4 patches."""
    return save(tmp_path_factory.mktemp("mae"))


def save(folder, **changes):
    import torch
    from transformers import ViTMAEConfig, ViTMAEForPreTraining

    given = {"image_size": 32, "patch_size": 8, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    given |= {"intermediate_size": 16, "decoder_hidden_size": 16, "decoder_num_hidden_layers": 1}
    given |= {"decoder_num_attention_heads": 2, "decoder_intermediate_size": 16, "norm_pix_loss": False} | changes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ViTMAEForPreTraining(ViTMAEConfig(**given)).save_pretrained(folder)
    return folder


def test_painted_pictures_are_counted_whole(tmp_path, model):
    job = task(tmp_path, "1/4", ids=np.arange(N) + 100, side=32)
    result = build("dq", drop=0.25, fill="mae", model=model).compress(job)
    assert len(result) == 15
    assert result.bits_per_pixel == 24
    assert set(result.ids.tolist()) == {-1}  # they are no training images any more
    source = np.array(result.meta["source"]) - 100
    assert (result.labels == job.dataset.labels[source]).all()
    plain = build("dq").compress(job)
    assert source.tolist() == plain.ids.tolist()
    masks = important(job.stage("attention", cam="gradcam++", proxy=None)["attention"], source, (4, 4), 12)
    known = masks.repeat(8, 1).repeat(8, 2)
    originals = job.dataset.images[source]
    assert (result.payload.images[known] == originals[known]).all()
    assert (result.payload.images[~known] != originals[~known]).mean() > 0.9


def test_the_painter_does_not_see_what_was_dropped(model):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    masks = np.argsort(rng.random((3, 16)), axis=1).reshape(3, 4, 4) < 10
    other = np.where(masks.repeat(8, 1).repeat(8, 2)[..., None], images, 255 - images)
    painter = Painter(model, "cpu")
    found = painter.restored(images, np.arange(3), masks)
    assert (painter.restored(other, np.arange(3), masks) == found).all()
    assert (painter.restored(images, np.array([2]), masks[2:]) == found[2:]).all()
    moved = np.where(masks.repeat(8, 1).repeat(8, 2)[..., None], 255 - images, images)
    assert (painter.restored(moved, np.arange(3), masks) != found).any()


def test_other_sizes_are_brought_to_the_models_and_back(model):
    images = np.full((1, 20, 24, 3), 200, np.uint8)
    found = Painter(model, "cpu").restored(images, np.array([0]), np.ones((1, 4, 4), bool))
    assert found.shape == images.shape
    assert (found == 200).all()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder, config: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder, config: (folder / "model.safetensors").unlink(), "no model.safetensors"),
        (lambda folder, config: (folder / "config.json").write_text("{"), "cannot be read"),
        (lambda folder, config: write(folder, config | {"model_type": "vit"}), "no ViTMAEForPreTraining of RGB images"),
        (lambda folder, config: write(folder, config | {"norm_pix_loss": True}), "normalised by what was dropped"),
        (lambda folder, config: write(folder, config | {"patch_size": 5}), "no ViTMAEForPreTraining of RGB images"),
    ],
)
def test_a_run_says_beforehand_what_the_model_lacks(tmp_path, spoil, says):
    folder = save(tmp_path / "mae")
    asked = parse(f"dq[drop=0.2,fill=mae,model={folder}]", PLUGINS)
    assert unready(asked, None) == ""
    spoil(folder, json.loads((folder / "config.json").read_text()))
    reason = unready(asked, None)
    assert says in reason
    assert "model" in reason
    with pytest.raises(UserError, match=says):
        Painter(folder, "cpu")


def write(folder, config):
    (folder / "config.json").write_text(json.dumps(config))


def test_damaged_weights_are_said_to_be(tmp_path):
    folder = save(tmp_path)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match="cannot be loaded"):
        Painter(folder, "cpu")


def test_no_model_is_asked_for_unless_it_paints():
    values = PLUGINS.get("method", "dq").read_params
    assert ready(values({"fill": "mae"})) is None
    assert ready(values({"drop": "0.2"})) is None
    assert "save_pretrained" in ready(values({"drop": "0.2", "fill": "mae"}))


def test_another_model_is_another_method(tmp_path):
    def version(folder):
        return parse(f"dq[drop=0.2,fill=mae,model={folder}]", PLUGINS).version

    one, two = save(tmp_path / "a"), save(tmp_path / "b", hidden_size=8)
    assert version(one) != version(two)
    assert parse("dq[drop=0.2]", PLUGINS).version == parse("dq", PLUGINS).version


@pytest.mark.parametrize("check", testing.checks("dq[drop=0.3]"))
def test_conformance(check):
    check()
