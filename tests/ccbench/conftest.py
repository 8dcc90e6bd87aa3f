import os
import sys
from types import SimpleNamespace

import pytest

from ccbench.__main__ import main
from ccbench.offers.discovery import plugins


@pytest.fixture
def ccbench(monkeypatch, tmp_path, capsys):
    """Run a command line in this process, in an empty folder with an empty cache: ccbench("list", "methods")."""
    monkeypatch.setenv("CCBENCH_PLUGINS", "")
    monkeypatch.setenv("CCBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    modules = set(sys.modules)
    plugins.cache_clear()

    def run(*args):
        code = main([str(a) for a in args])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    yield run
    plugins.cache_clear()
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in (sys.modules[name].__file__ or ""):
            del sys.modules[name]
    assert os.environ["CCBENCH_CACHE"] == str(tmp_path / "cache")


@pytest.fixture
def module(tmp_path):
    """Write a plugin module into the current folder: module("mine", "source")."""

    def write(name, source):
        (tmp_path / "here" / f"{name}.py").write_text(source)
        return name

    return write
