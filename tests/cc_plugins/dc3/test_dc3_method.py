import io
import json
import subprocess
import sys
from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from cc_plugins.dc3 import COMPENSATE, GENERATED, STITCHES
from cc_plugins.dc3 import DC3 as SPEC
from cc_plugins.dc3.generate import compensated
from cc_plugins.dc3.prompts import prompts_of
from cc_plugins.dc3.settings import Settings
from cc_plugins.dc3.shifts import SHIFTS, shifted
from cc_plugins.dc3.stitch import stitched
from cc_plugins.dc3.stitch import variants as wanted
from cc_plugins.dc3.weights import revision_of
from ccbench import testing
from ccbench.budget import Budget
from ccbench.data import ImageDataset
from ccbench.errors import UserError
from ccbench.methods.compress import compress
from ccbench.methods.task import Task, Workbench
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import parse
from ccbench.store import Store
from tests.cc_plugins.dc3.tiny_pipeline import configured

FREE = [kind for kind in COMPENSATE if kind not in GENERATED]
LABELS = np.repeat([0, 1, 2], [30, 24, 18])[np.random.default_rng(0).permutation(72)]


class Given(Task):
    """A real task, but that the network's arrays are given by the test."""

    asked: list
    arrays: dict

    def stage(self, name, **params):
        self.asked.append((name, params))
        return self.arrays[name]


def make_task(folder, ipc=4, *, size=(16, 16), seed=0, base=0, ids=None, images=None, labels=LABELS):
    rng = np.random.default_rng(7)
    if images is None:
        images = rng.integers(0, 256, (len(labels), *size, 3)).astype(np.uint8)
    data = ImageDataset.from_arrays(images, labels, ("ant", "bee", "cow"), name="toy")
    budget = Budget(Fraction(ipc * 3, len(labels)))
    bench = Workbench(data, Store(folder), Plugins(), None, base_seed=base)
    task = Given(bench, data, budget, np.arange(len(labels)) if ids is None else ids, {"seed": seed, "kept": str(ipc)})
    task.asked = []
    features = rng.normal(size=(len(labels), 5)).astype(np.float32)
    task.arrays = {"last-layer": {"features": features, "logits": rng.normal(size=(len(labels), 3))}}
    task.arrays["latents"] = {"latents": rng.normal(size=(len(labels), 50)).astype(np.float32)}
    return task


def build(**params):
    return SPEC.build(**params)


@pytest.fixture
def tiny(tiny_model):
    """Parameters of a diffusion model that takes a second."""
    return {"model": str(tiny_model), "steps": 2, "resolution": 16, "batch": 4, "features": "network", "store_size": 16}


def pixels(result):
    return result.decode(np.arange(len(result))).permute(0, 2, 3, 1).numpy()


def saved(result, folder):
    result.save(folder / "x.ccb")
    return (folder / "x.ccb").read_bytes()


def test_parameters_are_the_methods():
    SPEC.check()
    assert set(STITCHES) == set(next(p for p in SPEC.params if p.name == "stitch").choices)
    assert {field.name for field in fields(Settings)} <= {p.name for p in SPEC.params}


def test_stages_that_are_not_used_are_not_needed():
    def needs(text):
        return set(parse(text, Plugins()).needs)

    assert needs("dc3") == {"proxy", "last-layer", "latents"}
    assert needs("dc3[compensate=hsv_shift]") == {"proxy", "last-layer"}
    assert needs("dc3[sampling=herding]") == needs("dc3[sampling=dq,features=vae]") == {"proxy", "last-layer"}
    assert needs("dc3[compensate=none,features=vae,soft_labels=stored]") == {
        "proxy",
        "last-layer",
        "latents",
        "teacher",
    }


def test_listing_imports_nothing_heavy():
    code = "import sys, cc_plugins.dc3; print(sorted({'torch', 'sklearn', 'numpy', 'PIL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", FREE)
@pytest.mark.parametrize("stitch", ["half", "quarter"])
def test_the_steps_follow_each_other(kind, stitch, tmp_path):
    """Every stored picture is what shifting and stitching give for its source, without loss in PNG."""
    task = make_task(tmp_path)
    result = build(compensate=kind, stitch=stitch, codec="png", bins=3).compress(task)
    sources = np.array(result.meta["source"])
    assert np.array_equal(result.labels, [0] * 4 + [1] * 4 + [2] * 4)
    assert np.array_equal(LABELS[sources], result.labels)
    assert result.meta["ipc"] == 4
    assert result.nominal == "images"
    assert result.soft_labels is None
    assert [name for name, _ in task.asked] == ["last-layer"]
    for source, found in zip(sources, pixels(result), strict=True):
        image = task.dataset.images[source]
        if kind != "none":
            pictures = shifted(image, kind, wanted(stitch), task.shared_seed("dc3 compensate"), int(source))
            image = stitched(pictures, stitch, task.shared_seed("dc3 stitch"), int(source))
        assert np.array_equal(found, image)
    assert result.ids.tolist() == (sources.tolist() if kind == "none" else [-1] * 12)


@pytest.mark.parametrize("size", [0, 8, 48])
@pytest.mark.parametrize("codec", ["jpeg", "png"])
def test_size_and_format(size, codec, tmp_path):
    task = make_task(tmp_path, size=(16, 24))
    result = build(compensate="none", sampling="random", bins=1, codec=codec, store_size=size).compress(task)
    assert task.asked == []
    assert result.shape == ((size, size) if size else (16, 24))
    for source, blob in zip(result.meta["source"], result.payload.blobs, strict=True):
        original = Image.fromarray(task.dataset.images[source])
        expected = original if not size else original.resize((size, size), Image.Resampling.BICUBIC)
        file = io.BytesIO()
        expected.save(file, codec, subsampling="4:4:4")  # and Pillow's default quality
        assert blob == file.getvalue()


def test_quality_is_a_parameter_and_bytes_are_measured(tmp_path):
    task = make_task(tmp_path, size=(32, 32))
    small, large = (build(compensate="balance", quality=q).compress(task) for q in (20, 95))
    assert len(saved(small, tmp_path)) < len(saved(large, tmp_path))
    assert small.bits_per_pixel == pytest.approx(8 * sum(map(len, small.payload.blobs)) / (12 * 32 * 32))
    assert small.nominal_kept(task.dataset.shape) == Fraction(12, 72)


def test_pictures_depend_on_seed_and_image_alone(tmp_path):
    """A larger budget and other parameters leave the pictures of the same images as they are."""
    one, more = make_task(tmp_path, 2), make_task(tmp_path, 6)
    few = build(compensate="hsv_shift").compress(one)
    many = build(compensate="hsv_shift", gain="paper", quality=75, bins=2).compress(more)
    first = dict(zip(few.meta["source"], few.payload.blobs, strict=True))
    second = dict(zip(many.meta["source"], many.payload.blobs, strict=True))
    shared = first.keys() & second.keys()
    assert shared
    assert all(first[i] == second[i] for i in shared)
    assert saved(few, tmp_path) == saved(build(compensate="hsv_shift").compress(one), tmp_path)
    for other in (make_task(tmp_path, 2, seed=1), make_task(tmp_path, 2, base=1)):
        changed = build(compensate="hsv_shift").compress(other)
        third = dict(zip(changed.meta["source"], changed.payload.blobs, strict=True))
        assert not any(first.get(i) == blob for i, blob in third.items())


def test_vae_features_are_asked_for_by_the_models_content(tiny, tmp_path):
    task = make_task(tmp_path)
    chosen = build(**(tiny | {"features": "auto", "compensate": "null"})).select(task)[0]
    settings = configured(model=tiny["model"])
    latents = [params for name, params in task.asked if name == "latents"]
    assert latents == [{"model": tiny["model"], "revision": revision_of(settings), "dtype": "auto"}]
    task.arrays["latents"] = {"latents": task.arrays["last-layer"]["features"]}
    other = build(**(tiny | {"features": "vae", "compensate": "none"})).select(task)[0]
    assert np.array_equal(other, build(compensate="none").select(task)[0])
    assert not np.array_equal(other, chosen)


@pytest.mark.parametrize("kind", GENERATED)
def test_diffusion_is_generated_stitched_and_stored(kind, tiny, tmp_path):
    task = make_task(tmp_path, 1)
    method = build(**tiny, compensate=kind, codec="png")
    result = method.compress(task)
    sources = np.array(result.meta["source"])
    pictures = compensated(task, task.dataset.images[sources], sources, variants=2, settings=method.settings,
                           prompts=prompts_of(kind, ""), seed=task.shared_seed("dc3 compensate"))  # fmt: skip
    expected = [
        stitched(p, "half", task.shared_seed("dc3 stitch"), int(i)) for p, i in zip(pictures, sources, strict=True)
    ]
    assert np.array_equal(pixels(result), np.stack(expected))
    assert result.ids.tolist() == [-1] * 3


@pytest.mark.parametrize("stitch", ["half", "quarter"])
def test_shares_prepared_by_workers_are_found_by_compress(stitch, tiny, tmp_path):
    alone = saved(build(**tiny, stitch=stitch).compress(make_task(tmp_path / "alone", 1)), tmp_path)
    shared = tmp_path / "shared"
    for part in (2, 0, 1):
        build(**tiny, stitch=stitch).prepare(make_task(shared, 1), part, 3)
    task, told = make_task(shared, 1), []
    task.bench.progress = lambda done, total, what: told.append(what)
    assert saved(build(**tiny, stitch=stitch).compress(task), tmp_path) == alone
    assert not any("compensating" in what for what in told)


def test_prepare_is_nothing_without_diffusion_or_where_the_cell_is_a_skip(tiny, tmp_path):
    task = make_task(tmp_path)
    build(compensate="balance").prepare(task, 0, 2)
    build(**tiny).prepare(make_task(tmp_path, 19), 0, 2)
    assert task.asked == []


def test_a_class_smaller_than_the_ipc(tmp_path):
    task = make_task(tmp_path, 19)
    method = build(compensate="none")
    assert method.skip(task) == "19 images per class are more than the 18 of class 'cow'"
    with pytest.raises(UserError, match="18 of class 'cow'"):
        method.compress(task)
    assert method.skip(make_task(tmp_path, 18)) is None
    assert len(method.compress(make_task(tmp_path, 18))) == 54  # of cow everything, in fewer bins than asked for


def test_a_class_smaller_than_k(tmp_path):
    result = build(compensate="none", bins=25).compress(make_task(tmp_path, 3))
    assert np.bincount(result.labels).tolist() == [3, 3, 3]


def test_a_budget_that_classes_do_not_divide_is_rounded_down(tmp_path):
    task = make_task(tmp_path)
    task.budget = Budget(Fraction(14, 72))
    assert len(build(compensate="none").compress(task)) == 12


@pytest.mark.parametrize("kind", FREE)
def test_grey_images(kind, tmp_path):
    grey = np.repeat(np.random.default_rng(0).integers(0, 256, (72, 16, 16, 1)), 3, axis=3).astype(np.uint8)
    result = build(compensate=kind, codec="png").compress(make_task(tmp_path, 2, images=grey))
    coloured = np.ptp(pixels(result).astype(int), axis=3).max()
    assert (coloured > 0) == (kind == "balance")


@pytest.mark.parametrize("stitch", STITCHES)
def test_tiny_pictures(stitch, tmp_path):
    result = build(compensate="color_jitter", stitch=stitch).compress(make_task(tmp_path, 1, size=(3, 5)))
    assert result.shape == (3, 5)


def test_after_a_step_that_made_pictures(tmp_path):
    """Synthetic images have no place in the training set; each still has draws of its own."""
    same = np.broadcast_to(make_task(tmp_path).dataset.images[0], (72, 16, 16, 3))
    task = make_task(tmp_path, images=same, ids=np.full(72, -1))
    result = build(compensate="hsv_shift").compress(task)
    assert result.meta["source"] == [-1] * 12
    assert len(set(result.payload.blobs)) == 12


def test_sources_of_a_pipeline_are_those_of_the_whole_set(tmp_path):
    plugins = Plugins()
    data = make_task(tmp_path).dataset
    bench = Workbench(data, Store(tmp_path), plugins, None)
    expression = parse("random[fraction=0.5]+dc3[compensate=none,sampling=random,bins=1,codec=png]", plugins)
    result = compress(expression, Budget(Fraction(12, 72)), bench)
    assert result.ids.tolist() == result.meta["source"]
    assert np.array_equal(pixels(result), data.images[result.ids])


def test_weights_of_a_selection_stay_with_their_pictures(tmp_path):
    task = make_task(tmp_path)
    found = build(compensate="hsv_shift", sampling="gradmatch").compress(task)
    chosen, weights = build(compensate="none", sampling="gradmatch").select(task)
    assert found.meta["source"] == chosen.tolist()
    np.testing.assert_array_equal(found.weights, weights.astype(np.float32))
    assert len(set(weights.tolist())) > 1
    assert build(compensate="hsv_shift", sampling="herding").compress(task).weights is None


def test_meta_is_small_and_plain(tmp_path):
    meta = build(compensate="none").compress(make_task(tmp_path)).meta
    assert json.loads(json.dumps(meta)) == meta


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"compensate": "sepia"}, "compensate takes one of"),
        ({"stitch": "third"}, "stitch takes one of"),
        ({"bins": "0"}, "bins must lie in"),
        ({"quality": "101"}, "quality must lie in"),
        ({"store_size": "-1"}, "store_size must lie in"),
        ({"temperature": "0"}, "temperature must lie in"),
        ({"resolution": "20"}, "multiple of 8"),
        ({"bin": "3"}, "did you mean 'bins'"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(UserError, match=message):
        build(**params)


def test_every_shift_is_a_value_of_compensate():
    assert [kind for kind in FREE if kind != "none"] == list(SHIFTS)


@pytest.mark.parametrize("check", testing.checks("dc3[compensate=hsv_shift,sampling=gradmatch]"))
def test_conformance(check):
    check()
