"""Protocols and recipes are read strictly."""

import subprocess
import sys

import pytest

from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins
from ccbench.offers.specs import ProtocolSpec
from ccbench.training.protocols import load_protocol, read_recipe

GOOD = {"architecture": "quicknet", "batch": 4, "lr": 1, "epochs": 2}


def test_defaults_and_integers_for_floats():
    recipe = read_recipe(GOOD, "me")
    assert (recipe.lr, recipe.epochs, recipe.optimizer, recipe.flip) == (1.0, 2.0, "sgd", False)
    assert isinstance(recipe.lr, float)
    assert recipe.axes()["batch"] == 4


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"epoch": 3}, "did you mean 'epochs'"),
        ({"batch": 4.0}, "batch takes int"),
        ({"batch": True}, "batch takes int"),
        ({"flip": 1}, "flip takes bool"),
        ({"architecture": 3}, "architecture takes str"),
        ({"lr": "0.1"}, "lr takes float"),
        ({"batch": 0}, "batch must lie"),
        ({"lr": float("nan")}, "lr must lie"),
        ({"warmup": 1.0}, "warmup must lie"),
        ({"schedule": "linear"}, "one of cosine, constant"),
        ({"padding_mode": "edge"}, "zeros, reflect"),
        ({"iterations": 5}, "either iterations or epochs"),
        ({"nesterov": True, "momentum": 0}, "nesterov needs"),
        ({"nesterov": True, "optimizer": "adamw"}, "nesterov goes with the optimizer sgd"),
        ({"optimizer": "adam"}, "one of sgd, adamw"),
        ({"betas": [0.9, 1]}, "betas takes two numbers"),
        ({"betas": 0.9}, "betas takes two numbers"),
        ({"cosine_length": 0.5}, "cosine_length must lie"),
        ({"temperature": 4}, "temperature goes with labels"),
        ({"labels": "teacher", "label_smoothing": 0.1}, "label_smoothing goes with hard labels"),
        ({"crop_padding": 2, "crop_scale": 0.5}, "crop_padding or crop_scale"),
        ({"evaluate_every": 2, "evaluate_every_epochs": 1}, "not both"),
        ({"mix": "cutout"}, "none, cutmix, mixup"),
        ({"color_jitter": 1.5}, "color_jitter must lie"),
        ({"blur": 4}, "blur takes an odd number"),
        ({"blur": 9}, "blur must lie"),
        ({"blur": 3.0}, "blur takes int"),
    ],
)
def test_what_is_wrong_is_named(change, text):
    with pytest.raises(UserError, match=text):
        read_recipe({**GOOD, **change}, "me")


@pytest.mark.parametrize("key", ["architecture", "batch", "lr", "epochs"])
def test_missing_keys(key):
    with pytest.raises(UserError, match=key):
        read_recipe({k: v for k, v in GOOD.items() if k != key}, "me")


def test_min_iterations_belong_to_epochs():
    table = {**GOOD, "iterations": 7, "min_iterations": 3}
    del table["epochs"]
    with pytest.raises(UserError, match="min_iterations goes with epochs"):
        read_recipe(table, "me")


@pytest.mark.parametrize("change", [{"epochs_of": "budget"}, {"schedule_step": "epoch"}, {"evaluate_every_epochs": 2}])
def test_what_epochs_are_for(change):
    table = {**GOOD, "iterations": 7, **change}
    del table["epochs"]
    with pytest.raises(UserError, match=f"{next(iter(change))}.* epochs"):
        read_recipe(table, "me")


def test_steps_follow_the_full_training_set():
    recipe = read_recipe({**GOOD, "epochs": 2.5, "batch": 128, "min_iterations": 30}, "me")
    assert recipe.steps(50_000) == 977  # 2.5 * 50000 / 128 = 976.56
    assert recipe.steps(1297) == 30
    table = {**GOOD, "iterations": 40_000}
    del table["epochs"]
    assert read_recipe(table, "me").steps(10) == 40_000


@pytest.mark.parametrize(
    "table", [{"train": GOOD}, {"train": GOOD, "proxy": GOOD, "note": 1}, [], {"train": 1, "proxy": 2}]
)
def test_tables_of_a_wrong_form(table, monkeypatch):
    plugins = Plugins(discover=False)
    monkeypatch.setattr(ProtocolSpec, "load", lambda self: lambda: table)
    spec = ProtocolSpec(name="odd", target="nowhere:at_all", version="1", summary="")
    monkeypatch.setattr(plugins, "get", lambda kind, name: spec)
    with pytest.raises(UserError, match="protocol odd"):
        load_protocol("odd", plugins)


def test_a_teacher_is_its_own_table_or_trained_as_the_proxy(monkeypatch):
    plugins = Plugins(discover=False)
    spec = ProtocolSpec(name="odd", target="nowhere:at_all", version="1", summary="")
    monkeypatch.setattr(plugins, "get", lambda kind, name: spec)
    tables = {"train": {**GOOD, "labels": "teacher"}, "proxy": {**GOOD, "batch": 5}}
    monkeypatch.setattr(ProtocolSpec, "load", lambda self: lambda: tables)
    assert load_protocol("odd", plugins).teacher.batch == 5
    tables["teacher"] = {**GOOD, "batch": 6}
    assert load_protocol("odd", plugins).teacher.batch == 6
    tables["teacher"]["labels"] = "teacher"
    with pytest.raises(UserError, match=r"\[teacher\]: this network has no teacher"):
        load_protocol("odd", plugins)


def test_reading_protocols_imports_no_torch():
    code = (
        "import sys; from ccbench.offers.discovery import Plugins; from ccbench.training import load_protocol;"
        "p = Plugins(discover=False, extra=('cc_plugins.protocols', 'cc_plugins.architectures'));"
        "load_protocol('quick', p); p.get('architecture', 'resnet18');"
        "sys.exit('torch' in sys.modules or 'timm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
