"""The rendered documentation: built with warnings as errors, whole, and read without a network."""

import doctest
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOADED = re.compile(r'<(?:script|img|iframe)[^>]* src="([^"]*)"|<link[^>]* href="([^"]*)"')


@pytest.fixture(scope="module")
def hooks():
    spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "docs" / "hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_there(site):
    pages = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    written = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert pages == written | {"index", "contributing", "changelog", "404"}
    assert not (site / "hooks.py").exists()


def test_what_users_import_is_explained(site):
    import ccbench.plugin

    text = "".join(path.read_text() for path in (site / "api").glob("*.html"))
    explained = {name.rpartition(".")[2] for name in re.findall(r'id="(ccbench\.[\w.]+)"', text)}
    assert {*ccbench.__all__, *ccbench.plugin.__all__} - {"hookimpl"} <= explained
    assert ":meth:" not in text  # roles of docstrings are links or code
    assert ">height,\N{NO-BREAK SPACE}width<" in text


def test_nothing_is_fetched_from_elsewhere(site):
    for page in site.rglob("*.html"):
        places = [a or b for a, b in LOADED.findall(page.read_text())]
        assert len(places) > 3
        assert not [place for place in places if re.match(r"(https?:)?//", place)], page


def test_examples_of_the_hooks(hooks):
    failed, tried = doctest.testmod(hooks)
    assert (failed, tried) == (0, 2)


def test_a_link_to_a_file_that_is_not_there_is_an_error(hooks):
    from mkdocs.config.base import load_config
    from mkdocs.exceptions import PluginError

    config = load_config(str(ROOT / "mkdocs.yml"))
    page = SimpleNamespace(file=SimpleNamespace(src_uri="api/data.md"))
    text = "[`x`](../../ccbench/store.py), [list](../../registry/index.md), [page](../plugins.md)"
    assert hooks.on_page_markdown(text, page=page, config=config) == "`x`, list, [page](../plugins.md)"
    with pytest.raises(PluginError, match=r"ccbench/gone\.py"):
        hooks.on_page_markdown("see [`x`](../../ccbench/gone.py)", page=page, config=config)
