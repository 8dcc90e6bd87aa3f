"""A protocol is a TOML file that its spec names, over the file that its ``base`` names."""

import pytest

from ccbench import Param, ProtocolSpec, UserError
from ccbench.offers.discovery import Plugins
from ccbench.offers.resources import read_layers
from ccbench.training.protocols import load_protocol

TABLES = "[train]\narchitecture = 'quicknet'\niterations = 8\nbatch = 4\nlr = 0.1\n[proxy]\narchitecture = 'quicknet'\n"
TABLES += "iterations = 2\nbatch = 4\nlr = 0.1\n"


def spec(**changes):
    return ProtocolSpec(**{"name": "mine", "recipe": "shipped:mine.toml", "version": "1", "summary": "x", **changes})


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "shipped"


@pytest.fixture
def plugins(monkeypatch):
    found = Plugins(discover=False)
    monkeypatch.setattr(found, "get", lambda kind, name: spec())
    return found


def test_a_recipe_needs_no_target_and_no_import(package, plugins):
    (package / "mine.toml").write_text(TABLES)
    spec().check()
    assert spec().build() == read_layers(package / "mine.toml")
    assert load_protocol("mine", plugins).train.iterations == 8


def test_a_base_is_changed_key_by_key(package, plugins):
    (package / "whole.toml").write_text(TABLES + "[[train.when]]\nmin_ipc = 1\nbatch = 5\n")
    (package / "half.toml").write_text("base = 'whole'\n[train]\nbatch = 6\n[teacher]\nlr = 1.0\n")
    (package / "mine.toml").write_text("base = 'half'\n[train]\nlr = 0.2\nwhen = []\n[teacher]\nlr = 2.0\n")
    made = spec().build()
    assert made["train"] == {"architecture": "quicknet", "iterations": 8, "batch": 6, "lr": 0.2, "when": []}
    assert made["proxy"]["iterations"] == 2
    assert made["teacher"] == {"lr": 2.0}
    assert "base" not in made


@pytest.mark.parametrize(("text", "reason"), [
    (None, "the recipe of protocol mine is not there"),
    ("[train", "protocol mine cannot be read from shipped:mine.toml"),
    ("base = 'gone'", "gone.toml"),
    ("base = 'mine'", "leads back to itself"),
    ("base = '../mine'", "is not the name of a file beside it"),
    ("base = 3", "is not the name of a file beside it"),
    ("base = 'whole'\ntrain = 3", "must be a table"),
])  # fmt: skip
def test_what_is_wrong_with_a_recipe_is_said(package, plugins, text, reason):
    (package / "whole.toml").write_text(TABLES)
    if text is not None:
        (package / "mine.toml").write_text(text)
    with pytest.raises(UserError, match=reason):
        load_protocol("mine", plugins)


def test_two_files_may_not_be_each_others_base(package, plugins):
    (package / "mine.toml").write_text("base = 'other'")
    (package / "other.toml").write_text("base = 'mine'")
    with pytest.raises(UserError, match="leads back to itself"):
        load_protocol("mine", plugins)


@pytest.mark.parametrize(("changes", "reason"), [
    ({"recipe": ""}, "target must read 'module:attribute'"),
    ({"recipe": "mine.toml"}, "recipe must read 'package:path"),
    ({"target": "shipped:table"}, "neither target nor parameters"),
    ({"params": (Param(name="lr", default=0.1, doc="x"),)}, "neither target nor parameters"),
])  # fmt: skip
def test_a_spec_says_one_thing(changes, reason):
    with pytest.raises(UserError, match=reason):
        spec(**changes).check()


def test_a_target_may_take_parameters():
    params = (Param(name="lr", default=0.5, doc="x"),)
    made = spec(recipe="", target="builtins:dict", params=params)
    made.check()
    assert made.build(lr=2) == {"lr": 2.0}
