"""--match bytes: a method takes the largest budget whose file fits, a pipeline through the step that is left open."""

import io
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from ccbench.archive import CompressedDataset, EncodedImages
from ccbench.budget import Budget
from ccbench.coding import models, names
from ccbench.data import ImageDataset
from ccbench.errors import Skipped, UserError
from ccbench.methods.match_bytes import fit_bytes
from ccbench.methods.task import Workbench
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import Expression, Step, parse
from ccbench.offers.specs import MethodSpec
from ccbench.records.cells import Cell
from ccbench.runner.plan import Data, Request, make_plan
from ccbench.store import Store

PLUGINS = Plugins(
    discover=False,
    extra=(
        "cc_plugins.quantizers",
        "cc_plugins.codecs",
        "cc_plugins.coresets",
        "cc_plugins.dcq",
        "cc_plugins.architectures",
        "cc_plugins.protocols",
    ),
)


@pytest.fixture
def bench(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (64, 16, 16, 3), dtype=np.uint8)
    root = ImageDataset.from_arrays(images, np.arange(64) % 4, ["a", "b", "c", "d"], name="noise")
    return Workbench(root, Store(tmp_path / "cache"), PLUGINS, None)


def fitted(text, share, bench, tmp_path):
    size = int(bench.root.shape.raw_bytes * share)
    return size, *fit_bytes(parse(text, PLUGINS), size, bench, tmp_path / "x.ccb")


@pytest.mark.parametrize(
    ("text", "share", "bits", "images"),
    [
        ("mediancut", 0.25, 5, 64),  # 96 bytes of palette for 160 of indices; 6 bits would take 192 + 192
        ("random[fraction=0.5]+mediancut", 0.125, 4, 32),  # the palette is what can give way
    ],
)
def test_a_palette_takes_the_largest_size_that_fits(bench, tmp_path, text, share, bits, images):
    size, made, written = fitted(text, share, bench, tmp_path)
    assert written == (tmp_path / "x.ccb").stat().st_size <= size
    assert len(CompressedDataset.open(tmp_path / "x.ccb")) == images
    assert made.payload.bits <= bits
    larger = parse(text, PLUGINS)
    budget = Budget(larger.fixed_share(bench.root.shape).kept * (made.payload.bits + 1) / 24)
    from ccbench.methods.compress import compress

    assert compress(larger, budget, bench).save(tmp_path / "larger.ccb") > size


def test_a_selection_before_a_fixed_palette_gives_way(bench, tmp_path):
    size, made, written = fitted("random+mediancut[bits=2]", 0.06, bench, tmp_path)
    assert written <= size
    assert made.payload.bits == 2
    assert 4 <= len(made) < 64


@pytest.mark.parametrize("text", ["jpeg[mosaic=4]", "random[fraction=0.5]+jpeg[mosaic=2]", "jpeg[mosaic=1]"])
def test_a_codec_gets_what_the_rest_of_the_file_leaves(bench, tmp_path, text):
    size, made, written = fitted(text, 0.2, bench, tmp_path)
    assert 0.97 * size < written == (tmp_path / "x.ccb").stat().st_size <= size
    assert len(made) == (32 if "random" in text else 64)


def test_a_codec_whose_best_quality_is_small_enough(bench, tmp_path):
    size, made, written = fitted("jpeg[quality=5]", 0.9, bench, tmp_path)
    assert written < size / 4
    assert made.meta["quality"] == 5


def test_a_codec_whose_worst_quality_is_too_large(bench, tmp_path):
    with pytest.raises(Skipped, match=r"jpeg takes .* bytes at its lowest quality"):
        fitted("jpeg", 0.01, bench, tmp_path)


def plan(bench, *methods, **facts):
    request = Request(methods=methods, datasets=("noise",), seeds=1, **facts)
    return make_plan(request, PLUGINS, lambda name: Data(bench.root.shape))


def test_the_plan_lets_palettes_off_the_grid_where_files_are_held_to_bytes(bench):
    cells = plan(bench, "mediancut", "random", budgets=(("ratio", "0.9"),), match="bytes").cells
    assert [c.skip for c in cells] == ["", ""]
    assert {c.ratio for c in cells} == {0.9}
    few = (("ratio", "0.99"),)
    (cell,) = plan(bench, "mediancut", budgets=few, match="bytes", codings=("none",)).cells
    assert "less than the smallest palette" in cell.skip
    (cell,) = plan(bench, "mediancut", budgets=(("ratio", "0.9"),), snap=False).cells
    assert "can only keep q of 24 bits" in cell.skip


@pytest.fixture
def photos(tmp_path):
    """Patches of photographs, which can be coded; noise cannot."""
    patches = [
        photo[y : y + 16, x : x + 16]
        for photo in load_sample_images().images
        for y in range(0, 400, 16)
        for x in range(0, 640, 16)
    ]
    root = ImageDataset.from_arrays(np.stack(patches), np.arange(2000) % 4, ["a", "b", "c", "d"], name="photos")
    return Workbench(root, Store(tmp_path / "cache"), PLUGINS, None)


def test_a_coded_selection_has_room_for_more_images(photos, tmp_path):
    size, path = 200_000, tmp_path / "x.ccb"
    saved = []
    save = CompressedDataset.save

    class Counted:
        def __get__(self, made, kind):
            return lambda *given: saved.append(given) or save(made, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CompressedDataset, "save", Counted())
        made, written = fit_bytes(parse("random", PLUGINS), size, photos, path, "webp")
    plain, _ = fit_bytes(parse("random", PLUGINS), size, photos, tmp_path / "y.ccb")
    assert 0.98 * size <= written == path.stat().st_size <= size
    assert len(made) > 1.15 * len(plain)
    assert len(saved) <= 6
    assert CompressedDataset.open(path).content_digest() == made.content_digest()


def test_a_coded_palette_may_be_larger(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "_WIDTHS", ())  # no network, which takes time to train
    size = 4000 + photos.root.shape.raw_bytes * 2 // 24  # two bits and what a file needs besides
    plain, _ = fit_bytes(parse("octree", PLUGINS), size, photos, tmp_path / "y.ccb")
    made, written = fit_bytes(parse("octree", PLUGINS), size, photos, tmp_path / "x.ccb", "rans")
    assert written == (tmp_path / "x.ccb").stat().st_size <= size
    assert made.payload.bits > plain.payload.bits


def test_a_method_that_trades_for_bytes_fills_them_with_a_deeper_palette(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "_WIDTHS", ())
    few = ImageDataset.from_arrays(photos.root.images[::8], photos.root.labels[::8], photos.root.classes, name="few")
    bench, path = replace(photos, root=few), tmp_path / "x.ccb"
    options = "[features=random,attention=none,clusters=2,refine=false,reassign=0]"
    plain, _ = fit_bytes(parse(f"dcq{options}", PLUGINS), 4000, bench, tmp_path / "y.ccb", "rans")
    made, written = fit_bytes(parse(f"dcq-rd{options}", PLUGINS), 4000, bench, path, "rans", meta={"a": 1})
    assert 3920 < written == path.stat().st_size <= 4000
    assert made.payload.bits > plain.payload.bits
    assert made.meta["rate_steps"]
    assert made.meta["a"] == 1
    step, _ = fit_bytes(parse(f"random[fraction=0.5]+dcq-rd{options}", PLUGINS), 4000, bench, path, "rans")
    assert step.meta["rate"] == 100  # the file is not its alone


def test_files_that_are_held_to_bytes_are_coded(bench):
    budgets = (("ratio", "0.9"),)
    assert [c.coding for c in plan(bench, "random", "full", budgets=budgets, match="bytes").cells] == ["best", "best"]
    (cell,) = plan(bench, "random", budgets=budgets, match="bytes", codings=("none",)).cells
    assert cell.coding == "none"
    below = (("ratio", "0.99"),)
    (cell,) = plan(bench, "mediancut", budgets=below, match="bytes").cells
    assert cell.skip == ""  # a coded file may have less than a bit for each pixel


def test_coding_is_an_axis_of_its_own(bench):
    budgets = (("ratio", "0.5"),)
    cells = plan(bench, "random", "random+coded", "full + coded", budgets=budgets).cells
    assert [(c.method, c.coding) for c in cells] == [("random", "none"), ("random", "best"), ("full", "best")]
    assert len({c.id for c in cells}) == len({c.made for c in cells}) == 3
    both = plan(bench, "random", budgets=budgets, codings=("none", "rans", "none")).cells
    assert [(c.method, c.coding) for c in both] == [("random", "none"), ("random", "rans")]
    assert both[0] == cells[0]
    with pytest.raises(UserError, match="coding is one of none, best"):
        plan(bench, "random", budgets=budgets, codings=("gzip",))
    with pytest.raises(UserError, match="coded"):
        plan(bench, "coded+random", budgets=budgets)


def test_what_is_not_coded_has_the_id_that_it_had_before_there_were_codings():
    cell = Cell(dataset="d", method="m", kept=Fraction(1, 12), architecture="a", protocol="p", seed=2)
    assert cell.id == "134f5d90feb7"
    assert replace(cell, coding="best").id != cell.id


def test_installing_a_codec_makes_another_row_of_best(bench, monkeypatch):
    budgets = (("ratio", "0.5"),)
    made = {}
    for there in (None, object()):
        monkeypatch.setattr(names, "find_spec", lambda name, there=there: there)
        made[there] = [c.made for c in plan(bench, "random", "random+coded", budgets=budgets).cells]
    (plain_one, best_one), (plain_two, best_two) = made.values()
    monkeypatch.setattr(names, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="imagecodecs") as caught:  # before anything is compressed
        plan(bench, "random", budgets=budgets, codings=("jxl",))
    assert "pip install 'ccbench[jxl]'" in str(caught.value)
    assert plain_one == plain_two
    assert best_one != best_two


class Flat:
    """Keeps as many images for each class as the budget has room for, as grey pictures that a codec packs well."""

    asked = 0  # how often

    def compress(self, task):
        Flat.asked += 1
        labels = np.repeat(np.arange(4), task.images // 4)
        pictures = np.full((len(labels), 16, 16, 3), 7, np.uint8)
        blobs = [png(picture) for picture in pictures]
        return CompressedDataset(
            EncodedImages(blobs, "png"),
            np.full(len(labels), -1),
            labels,
            classes=task.dataset.classes,
            nominal="images",
        )


def png(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    return file.getvalue()


@pytest.fixture
def flat(monkeypatch):
    """One step that leaves its budget open, or fixes it."""
    monkeypatch.setattr(Flat, "asked", 0)
    spec = MethodSpec(name="flat", target=f"{__name__}:Flat", version="1", summary="grey pictures")
    return lambda budget=None: Expression((Step("flat", spec, (), budget),))


def test_pictures_that_pack_well_fill_the_bytes(bench, tmp_path, flat):
    one = len(png(np.full((16, 16, 3), 7, np.uint8)))
    size = 6000  # as raw pixels 7 images; as pictures many more
    made, written = fit_bytes(flat(), size, bench, tmp_path / "x.ccb")
    assert written <= size == (tmp_path / "x.ccb").stat().st_size + size - written
    assert len(made) % 4 == 0
    assert written + 4 * (one + 2) > size  # four more, with their lengths and labels, would not fit
    assert 1 < Flat.asked <= 5


def test_without_an_open_step_a_method_is_asked_once(bench, tmp_path, flat):
    with pytest.raises(Skipped, match="no setting"):
        fit_bytes(flat(("fraction", "0.5")), 2000, bench, tmp_path / "x.ccb")
    assert Flat.asked == 1
    assert not (tmp_path / "x.ccb").exists()
