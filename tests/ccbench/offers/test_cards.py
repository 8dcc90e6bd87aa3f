"""How a plugin ships a card, and what becomes of one that cannot be read."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from ccbench import ArchitectureSpec, MethodSpec, UserError, hookimpl
from ccbench.offers import cards
from ccbench.offers.discovery import Plugins
from ccbench.offers.resources import folders, resource
from ccbench.testing.methods import check_card
from ccbench.testing.report import Failed

ROOT = Path(__file__).resolve().parents[3]
CARD = '[[open]]\nquestion = "Why?"\nchoice = "Because."\n'


def spec(**changes):
    facts = {"name": "mine", "target": "shipped.heavy:Mine", "version": "1", "summary": "x"}
    return MethodSpec(**{**facts, **changes})


def plugin(*specs):
    hook = hookimpl(lambda: list(specs), specname="ccbench_methods")
    return SimpleNamespace(__name__="mine_plugin", __file__="x", ccbench_methods=hook)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package `shipped` that has a card and a module which must not be imported."""
    folder = tmp_path / "shipped"
    for inside in ("cards", "deeper/cards"):
        (folder / inside).mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "heavy.py").write_text("raise RuntimeError('imported')")
    (folder / "deeper" / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "cards" / "mine.toml").write_text(CARD)
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_card_beside_the_target_is_found_without_importing_it(package):
    assert cards.read(spec()) == {"open": [{"question": "Why?", "choice": "Because."}]}
    assert cards.find(spec(target="shipped:Mine")) == package / "cards" / "mine.toml"
    assert cards.find(spec(target="shipped.deeper:Mine")) is None  # a package of its own
    (package / "deeper" / "cards" / "mine.toml").write_text(CARD)
    assert cards.find(spec(target="shipped.deeper:Mine")) == package / "deeper" / "cards" / "mine.toml"
    assert cards.find(spec(target="shipped.deeper.work:Mine")) == package / "deeper" / "cards" / "mine.toml"
    assert "shipped" not in sys.modules


def test_a_module_of_its_own_has_its_card_beside_it(tmp_path, monkeypatch):
    (tmp_path / "alone.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "mine.toml").write_text(CARD)
    monkeypatch.syspath_prepend(tmp_path)
    assert cards.find(spec(target="alone:Mine")) == tmp_path / "cards" / "mine.toml"


def test_a_package_of_several_folders_is_looked_through(tmp_path, monkeypatch):
    for part in ("one", "two"):
        (tmp_path / part / "spread" / "inner").mkdir(parents=True)
        monkeypatch.syspath_prepend(tmp_path / part)
    (tmp_path / "one" / "spread" / "inner" / "x.toml").write_text("")
    assert resource("spread.inner:x.toml") == tmp_path / "one" / "spread" / "inner" / "x.toml"
    assert resource("spread:inner/x.toml") == resource("spread.inner:x.toml")
    assert len(folders("spread.inner")) == 2


def test_what_is_not_there_has_no_folder():
    assert folders("no_such_module_anywhere.sub") == []
    assert resource("no_such_module_anywhere:x.toml") is None
    assert cards.read(spec(target="no_such_module_anywhere:Mine")) is None


def test_other_kinds_have_a_card_only_where_they_name_it(package):
    facts = {"name": "mine", "target": "shipped.heavy:Mine", "version": "1", "summary": "x"}
    assert cards.read(ArchitectureSpec(**facts)) is None
    assert cards.read(ArchitectureSpec(**facts, card="shipped:cards/mine.toml"))["open"][0]["choice"] == "Because."


@pytest.mark.parametrize("card", ["x.toml", "shipped:../x.toml", "shipped:/etc/x.toml", "shipped:", ":x", 3, "a:b\\c"])
def test_a_reference_stays_in_its_package(card):
    with pytest.raises(UserError, match="must read 'package:path"):
        spec(card=card).check()


@pytest.mark.parametrize(("text", "reason"), [
    (None, "the card of method mine is not there"),
    ("open = [", "the card of method mine cannot be read"),
    ("\xff", "the card of method mine cannot be read"),
    ('summary = "again"', "unknown field `summary`"),
    ('[[open]]\nquestion = "Why?"', "missing required field `choice`, at `open[0]`"),
    ("open = " + "[" * 100_000 + "]" * 100_000, "nested too deeply"),
    ("test = -" + "9" * 4000, "at `test`"),
    ("test = nan", "Expected `int`, got `float`, at `test`"),
    ("#" * (5 << 20), "5,242,880 bytes"),
])  # fmt: skip
def test_a_bad_card_is_an_error_of_its_plugin(package, text, reason):
    if text is None:
        (package / "cards" / "mine.toml").unlink()
    else:
        (package / "cards" / "mine.toml").write_bytes(text.encode("latin-1"))
    offered = spec(card="shipped:cards/mine.toml")
    found = Plugins(extra=(plugin(offered),), discover=False)
    assert found.card(offered) is None
    assert found.card(offered) is None  # said once
    (error,) = found.owner("method", "mine").errors
    assert reason in error
    assert found.get("method", "mine") is offered  # it still runs
    with pytest.raises(UserError):
        cards.read(offered)
    with pytest.raises(Failed, match=re.escape(reason)):  # ccbench check
        check_card(offered)


def test_a_missing_card_breaks_a_plugin_as_soon_as_it_is_found(package):
    offered = spec(card="shipped:cards/other.toml")
    (broken,) = Plugins(extra=(plugin(offered),), discover=False).broken()
    (error,) = broken.errors
    assert "the card of method mine is not there" in error
    assert "shipped:cards/other.toml" in error


def test_a_card_that_is_a_pipe_is_not_waited_for(package):
    os.mkfifo(package / "cards" / "pipe.toml")
    with pytest.raises(UserError, match=r"the card of method mine is not there"):
        cards.read(spec(card="shipped:cards/pipe.toml"))


def test_citations():
    paper = {"title": "Boxes", "authors": "A. Author", "venue": "CVPR", "year": 2001}
    assert cards.citation({"paper": paper}) == "A. Author, Boxes, CVPR 2001"
    more = {"section": "4", "url": "https://x"}
    assert cards.citation({"paper": paper | more}) == "A. Author, Boxes, CVPR 2001, 4, https://x"
    assert cards.citation({}) == cards.citation(None) == ""


def test_the_wheel_holds_the_cards_and_the_registry(tmp_path):
    for name in ("ccbench", "cc_plugins", "registry"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    build = ["-W", "ignore", "-c", "import setuptools; setuptools.setup()", "-q", "bdist_wheel"]
    done = subprocess.run([sys.executable, *build], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    packed = set(zipfile.ZipFile(wheel).namelist())
    ours = {p.relative_to(ROOT).as_posix() for p in ROOT.glob("cc_plugins/*/cards/*.toml")}
    registered = {"ccbench/" + p.relative_to(ROOT).as_posix() for p in (ROOT / "registry").rglob("*.*")}
    assert {"cc_plugins/dcq/cards/dcq.toml"} < ours
    assert {"ccbench/registry/schema.json", "ccbench/registry/protocols/quick.toml"} < registered
    assert ours | registered <= packed
