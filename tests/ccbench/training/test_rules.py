"""Rules change a recipe for some cells, and no others."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccbench.budget import DataShape
from ccbench.errors import UserError
from ccbench.training.protocols import read_recipe
from ccbench.training.recipe import Recipe
from ccbench.training.rules import Rule

GOOD = {"architecture": "resnet18", "batch": 10, "lr": 0.1, "epochs": 3, "epochs_of": "budget"}
CIFAR = DataShape(50_000, 32, 32, 10)


def test_rules_apply_in_their_order_and_only_where_they_hold():
    recipe = read_recipe(
        {
            **GOOD,
            "when": [
                {"min_ipc": 10, "batch": 50},
                {"min_ipc": 50, "batch": 100, "epochs": 7},
                {"architecture": ["swin*", "vit_?"], "lr": 1},
                {"min_classes": 11, "flip": True},
            ],
        },
        "me",
    )
    small = recipe.resolve(None, CIFAR, 99)  # 9.9 images per class
    assert (small.batch, small.epochs, small.lr, small.flip, small.when) == (10, 3.0, 0.1, False, ())
    assert recipe.resolve(None, CIFAR, 100).batch == 50
    large = recipe.resolve("swin_tiny", CIFAR, 500)
    assert (large.architecture, large.batch, large.epochs, large.lr) == ("swin_tiny", 100, 7.0, 1.0)
    assert recipe.resolve("vit_b", replace(CIFAR, classes=11), 500).flip
    assert recipe.resolve("vit_bb", CIFAR, 500).lr == 0.1


@pytest.mark.parametrize(
    ("rule", "inside", "outside"),
    [
        (Rule(min_classes=10, max_classes=10), (CIFAR, 100), (replace(CIFAR, classes=9), 100)),
        (Rule(max_ipc=1), (CIFAR, 10), (CIFAR, 11)),
        (Rule(min_ipc=2.5), (CIFAR, 25), (CIFAR, 24)),
        (Rule(max_size=32), (CIFAR, 1), (replace(CIFAR, width=33), 1)),
        (Rule(min_size=33), (replace(CIFAR, height=33), 1), (CIFAR, 1)),
    ],
)
def test_bounds_include_their_ends(rule, inside, outside):
    assert rule.holds("x", *inside)
    assert not rule.holds("x", *outside)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"min_ipc": 1, "bach": 3}, "rule 1: there is no key 'bach', did you mean 'batch'"),
        ({"min_ipc": 1, "labels": "soft"}, "no key 'labels'"),  # planning asks for labels before it knows a cell
        ({"min_ipc": 1}, "at least one condition and one key"),
        ({"batch": 3}, "at least one condition and one key"),
        ({"min_classes": 1.5, "batch": 3}, "min_classes takes int"),
        ({"architecture": [], "batch": 3}, "a pattern or a list"),
        ({"architecture": 3, "batch": 3}, "a pattern or a list"),
        ({"min_ipc": 1, "batch": 0}, "batch must lie"),
        ({"min_ipc": 1, "iterations": 5}, "rule 1: give either iterations or epochs"),
        ("min_ipc", "must be a table"),
    ],
)
def test_what_is_wrong_with_a_rule_is_named(rule, text):
    with pytest.raises(UserError, match=text):
        read_recipe({**GOOD, "when": [rule]}, "me")
    with pytest.raises(UserError, match="when takes tables"):
        read_recipe({**GOOD, "when": {"min_ipc": 1}}, "me")


def test_rules_that_contradict_each_other_are_found_where_both_hold():
    rules = [{"min_ipc": 1, "crop_scale": 0.5}, {"max_size": 32, "crop_padding": 4}]
    recipe = read_recipe({**GOOD, "when": rules}, "me")
    assert recipe.resolve(None, replace(CIFAR, height=64), 100).crop_scale == 0.5
    with pytest.raises(UserError, match="crop_padding or crop_scale"):
        recipe.resolve(None, CIFAR, 100)


@given(batch=st.integers(1, 300), kept=st.integers(1, 700), epochs=st.integers(1, 30))
def test_epochs_of_the_budget_are_whole(batch, kept, epochs):
    recipe = Recipe(architecture="x", batch=batch, lr=1.0, epochs=float(epochs), epochs_of="budget")
    flat = recipe.resolve(None, CIFAR, kept)
    assert flat.batch == min(batch, kept)
    per_epoch = -(-kept // flat.batch)
    assert recipe.steps(kept) == flat.steps(kept) == epochs * per_epoch
    every = [flat.epoch(i, epochs * per_epoch) for i in range(epochs * per_epoch)]
    assert every == [e for e in range(epochs) for _ in range(per_epoch)]


def test_everything_is_an_axis():
    plain = Recipe(architecture="x", batch=1, lr=1.0, epochs=1.0)
    other = {
        "architecture": "y", "batch": 2, "lr": 2.0, "epochs": 2.0, "optimizer": "adamw", "momentum": 0.5,
        "weight_decay": 0.1, "nesterov": True, "schedule": "constant", "lr_min": 0.1, "warmup": 0.1, "iterations": 3,
        "min_iterations": 4, "crop_padding": 1, "padding_mode": "reflect", "flip": True, "label_smoothing": 0.1,
        "labels": "soft", "evaluate_every": 5, "precision": "bfloat16",
        "betas": (0.5, 0.9), "decay": "matrices", "cosine_length": 2.0, "schedule_step": "epoch", "epochs_of": "budget",
        "normalise": "imagenet", "crop_scale": 0.5, "shuffle_patches": 2, "mix": "cutmix", "mix_alpha": 0.8,
        "temperature": 4.0, "batchnorm_updates": 2, "center_crop": True, "evaluate_every_epochs": 2,
        "evaluate_from": 0.5, "siamese": "color_flip", "learned_lr": True, "color_jitter": 0.4, "blur": 3,
        "when": (Rule(min_ipc=3, overrides=(("batch", 3),)),),
    }  # fmt: skip
    assert {f.name for f in fields(Recipe)} == set(other)
    texts = [json.dumps(replace(plain, **{key: value}).axes(), sort_keys=True) for key, value in other.items()]
    assert len({*texts, json.dumps(plain.axes(), sort_keys=True)}) == len(other) + 1
