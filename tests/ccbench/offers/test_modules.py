"""Offers found by looking through a package's modules, one of which may be broken."""

import importlib
import sys

import pytest

from ccbench.offers.discovery import Plugins

INIT = """
from ccbench.plugin import MethodSpec, ScoreSpec, hookimpl, specs_of_modules

@hookimpl
def ccbench_methods():
    return specs_of_modules(__name__, MethodSpec)

@hookimpl
def ccbench_scores():
    return specs_of_modules(__name__, ScoreSpec)
"""
ONE = """
from ccbench.plugin import MethodSpec
SPEC = MethodSpec(name="one", target="a:b", version="1", summary="")
"""
BOTH = """
from ccbench.plugin import MethodSpec, ScoreSpec
SPECS = (
    MethodSpec(name="both", target="a:b", version="1", summary=""),
    ScoreSpec(name="both", target="a:b", version="1", summary=""),
)
"""
ENTRIES = {"one.py": ONE, "zwei.py": BOTH, "_shared.py": "raise RuntimeError('not an offer')", "inner/__init__.py": ""}


@pytest.fixture
def found(tmp_path, monkeypatch):
    """The plugins with a package of these files."""
    monkeypatch.syspath_prepend(tmp_path)

    def call(**files):
        for name, text in {"__init__.py": INIT, **ENTRIES, **files}.items():
            path = tmp_path / "offering" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        importlib.invalidate_caches()
        return Plugins(extra=("offering",), discover=False)

    yield call
    for name in [name for name in sys.modules if name.partition(".")[0] == "offering"]:
        del sys.modules[name]


def test_each_module_is_an_offer(found):
    plugins = found()
    assert plugins.broken() == []
    assert (list(plugins.all("method")), list(plugins.all("score"))) == (["both", "one"], ["both"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def f(:", "bad: SyntaxError"),
        ("import no_such_thing", "bad: ModuleNotFoundError: No module named 'no_such_thing'"),
        ("raise SystemExit(3)", "bad: SystemExit: 3"),
        ("spec = 1", "bad: AttributeError: module 'offering.bad' has no attribute 'SPEC'"),
        ("SPECS = 1", "bad: TypeError"),
    ],
)
def test_a_broken_module_is_named_and_the_others_work(found, text, reason):
    plugins = found(**{"bad.py": text, "worse.py": "raise RuntimeError('wet')"})
    (broken,) = plugins.broken()
    assert broken.module == "offering"
    assert f"offering works without {reason}" in broken.errors[0]
    assert "worse: RuntimeError: wet" in broken.errors[0]
    assert "bad.py" in broken.log or "SPEC" in broken.log
    assert (list(plugins.all("method")), list(plugins.all("score"))) == (["both", "one"], ["both"])


def test_a_malformed_spec_takes_no_other_along(found):
    plugins = found(**{"bad.py": ONE.replace('"one"', '"Bad Name"')})
    assert "must match" in plugins.broken()[0].errors[0]
    assert list(plugins.all("method")) == ["both", "one"]
