"""``fraction=auto``: the number of images against their quality, decided by training images that are held back."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from ccbench.archive import CompressedDataset
from ccbench.budget import Budget, DataShape
from ccbench.data import ImageDataset
from ccbench.errors import Skipped, UserError
from ccbench.methods import identity
from ccbench.methods.compress import compress
from ccbench.methods.match_bytes import fit_bytes
from ccbench.methods.sweep import settled
from ccbench.methods.task import Workbench
from ccbench.methods.teacher_source import TeacherSource
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import SWEEP, parse
from ccbench.runner.plan import Data, Request, make_plan
from ccbench.store import Store
from ccbench.training.recipe import Recipe

PLUGINS = Plugins()
RECIPE = Recipe(architecture="quicknet", batch=32, lr=0.05, iterations=40)
SHAPE = DataShape(1000, 32, 32, 10)


def faint(n=200, side=16):
    """Two classes that a faint chequerboard tells apart, which a codec short of bytes takes away first."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    board = np.indices((side, side)).sum(0) % 2 * 2 - 1
    images = 128 + rng.normal(0, 4, (n, side, side, 1)) + 9 * labels[:, None, None, None] * board[..., None]
    return ImageDataset.from_arrays(
        np.clip(images, 0, 255).astype(np.uint8).repeat(3, 3), labels, ("flat", "board"), name="faint"
    )


@pytest.fixture
def bench(tmp_path):
    return Workbench(faint(), Store(tmp_path / "cache"), PLUGINS, RECIPE)


def test_what_it_stands_for():
    expression = parse("random[fraction=auto]+jpeg", PLUGINS)
    assert expression.label == "random[fraction=auto]+jpeg"
    assert {f: e.label for f, e in expression.candidates.items()} == {
        "1": "jpeg", **{f: f"random[fraction={f}]+jpeg" for f in SWEEP[1:]},
    }  # fmt: skip
    assert parse("random[fraction=0.5]+jpeg", PLUGINS).candidates == {}
    budget = Budget(Fraction(1, 10))
    assert expression.budget(budget, SHAPE) == budget


@pytest.mark.parametrize(
    "text",
    [
        "random[fraction=auto]",
        "random[fraction=auto]+ccs",
        "random[fraction=auto]+mediancut[bits=2]",
        "random[fraction=auto]+ccs[fraction=auto]+jpeg",
        "jpeg[fraction=auto]+mediancut",
        "mediancut+random[fraction=auto]",
    ],
)
def test_where_it_makes_no_sense(text):
    with pytest.raises(UserError, match="fraction=auto is for one selection") as refused:
        parse(text, PLUGINS)
    assert refused.value.mend == "for example ccs[fraction=auto]+avif"


def test_fewer_and_better_images_where_that_is_better(bench):
    expression = parse("random[fraction=auto]+jpeg[mosaic=4,chroma=444]", PLUGINS)
    budget = Budget(Fraction(1, 10))
    made = compress(expression, budget, bench, meta={"method": "this one"})
    told = made.meta["fraction_auto"]
    tried = {one["fraction"]: one["accuracy"] for one in told["candidates"] if "accuracy" in one}
    assert tried[told["chosen"]] == max(tried.values()) > 0.9
    assert tried["1"] < 0.8  # at this quality the board is gone
    assert told["chosen"] != "1"
    assert told["held_back"] == 40
    assert made.meta["method"] == "this one"
    assert len(made) == round(200 * float(told["chosen"]))
    assert made.nominal_kept(bench.root.shape) <= budget.kept
    alone = compress(expression.candidates[told["chosen"]], budget, bench)
    assert alone.content_digest() == made.content_digest()


def test_the_same_again_from_an_empty_cache_and_nothing_twice_in_one(bench, tmp_path):
    expression, size = parse("random[fraction=auto]+jpeg[mosaic=4]", PLUGINS), 12_000
    one, written = fit_bytes(expression, size, bench, tmp_path / "a.ccb")
    assert written <= size
    other = replace(bench, store=Store(tmp_path / "other"), stage_seconds={})
    two, _ = fit_bytes(expression, size, other, tmp_path / "b.ccb")
    assert (tmp_path / "a.ccb").read_bytes() == (tmp_path / "b.ccb").read_bytes()
    assert one.meta == two.meta
    assert len(list((tmp_path / "cache" / "fraction-sweep").glob("[!.]*"))) == 1
    again, _ = fit_bytes(expression, size, bench, tmp_path / "c.ccb", seed=1)
    assert again.meta["fraction_auto"] == one.meta["fraction_auto"]  # another repetition, the same choice
    assert len(list((tmp_path / "cache" / "fraction-sweep").glob("[!.]*"))) == 1
    assert bench.stage_seconds["fraction=auto"] > 0
    (cost,) = (seconds for name, seconds in bench.spent.items() if name.startswith("fraction-sweep/"))
    later = replace(bench, spent={}, stage_seconds={})
    fit_bytes(expression, size, later, tmp_path / "d.ccb", seed=1)
    assert later.spent == bench.spent  # a repetition that found it there cost as much to construct
    assert later.stage_seconds["fraction=auto"] < cost


def trial(bench, accuracies, final):
    """Run the choice with candidates whose files teach as much as ``accuracies`` says: right labels or wrong ones."""
    seen = []

    def make(candidate, small):
        fraction = next(f for f, e in expression.candidates.items() if e == candidate)
        seen.append(small.root)
        if accuracies[fraction] is None:
            raise Skipped(f"{fraction} is too many")
        root = small.root
        labels = root.labels if accuracies[fraction] else 1 - root.labels
        return CompressedDataset.subset(replace(root, labels=labels), np.arange(len(root)))

    expression = parse("random[fraction=auto]+jpeg", PLUGINS)
    return settled(expression, bench, make, final, case=str(accuracies)), seen


def test_images_held_back_are_neither_compressed_nor_trained_on(bench):
    told, seen = trial(bench, dict.fromkeys(SWEEP, True), lambda e, told: told["fraction_auto"])
    pixels = {image.tobytes() for image in bench.root.images}
    kept = {image.tobytes() for image in seen[0].images}
    assert len(pixels) == 200
    assert len(kept) == 160
    assert kept < pixels
    assert told["held_back"] == 40
    assert {len(root) for root in seen} == {160}
    assert told["chosen"] == "1"  # of equals, the most images


def test_the_next_best_where_the_best_misses_the_budget_on_the_whole_set(bench):
    def final(expression, told):
        if expression.label == "jpeg":
            raise Skipped("not within it")
        return expression.label, told["fraction_auto"]

    accuracies = {"1": True, "0.75": None, "0.5": False, "0.35": True, "0.25": False}
    (label, told), _ = trial(bench, accuracies, final)
    assert label == "random[fraction=0.35]+jpeg"
    by = {one["fraction"]: one for one in told["candidates"]}
    assert by["1"]["reason"] == "not within it"
    assert by["0.75"] == {"fraction": "0.75", "reason": "0.75 is too many"}
    assert by["0.5"]["accuracy"] < 0.5 < by["0.35"]["accuracy"]


def test_where_no_candidate_fits(bench, tmp_path):
    with pytest.raises(Skipped, match="finds nothing within the budget"):
        trial(bench, dict.fromkeys(SWEEP), None)
    with pytest.raises(Skipped, match="of which a trial has four fifths: jpeg: jpeg takes"):
        fit_bytes(parse("random[fraction=auto]+jpeg", PLUGINS), 375, bench, tmp_path / "x.ccb")
    assert not (tmp_path / "x.ccb").exists()


def test_the_proxys_recipe_is_part_of_what_it_depends_on():
    def facts(text, recipe):
        setting = identity.Setting(PLUGINS, recipe, recipe, TeacherSource())
        return identity.method(setting, parse(text, PLUGINS))

    for text, differs in (("random[fraction=auto]+jpeg", True), ("random[fraction=0.5]+jpeg", False)):
        assert (facts(text, RECIPE) != facts(text, replace(RECIPE, lr=0.1))) == differs


def test_a_plan_skips_it_only_where_no_fraction_can_do_it():
    def skip(method, ratio):
        request = Request(methods=(method,), budgets=(("ratio", ratio),), seeds=1, snap=False)
        (cell,) = make_plan(request, PLUGINS, lambda name: Data(SHAPE)).cells
        return cell.skip

    assert "less than the smallest palette" in skip("mediancut", "47/48")
    assert skip("random[fraction=auto]+mediancut", "47/48") == ""  # half the images at a bit for each pixel
    assert "less than the smallest palette" in skip("random[fraction=auto]+mediancut", "199/200")
    assert skip("random[fraction=auto]+jpeg", "0.99") == ""
