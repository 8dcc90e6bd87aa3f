import shutil
from dataclasses import replace

import pytest

from ccbench.offers.discovery import plugins
from ccbench.publishing.publish import Wishes, publish
from ccbench.records.record import write_record
from ccbench.store import default_store
from ccbench.training.curve import Curve
from tests.ccbench.leaderboard.conftest import maker

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture
def make():
    """See :func:`tests.ccbench.leaderboard.conftest.maker`."""
    return maker()


def curved(records):
    """Records with curves: the loss of seed s falls from s + 3, two looks at the test set before the end."""
    for record in records:
        assert record.accuracy is not None
        curve = Curve(
            iterations=(500, 1000, 1250), loss=(record.seed + 3.0, record.seed + 1.25, 0.5), lr=(0.1, 0.05, 0.001),
            looked=(1000, 1100, 1250), accuracy=(0.6, 0.75, record.accuracy),
        )  # fmt: skip
        yield replace(record, curve=curve, iterations=1250, final_loss=0.5, best_accuracy=0.75)


@pytest.fixture(scope="session")
def _board(tmp_path_factory):
    out, make = tmp_path_factory.mktemp("run") / "ccbench-out", maker()
    rows = [
        *make("full", 0.0, [0.9, 0.92, 0.91], bytes=400_000),
        *make("random", 0.9, [0.5, 0.54, 0.52], bytes=40_100),
        *curved(make("dcq[bits=2]", 0.9, [0.7, 0.72, 0.74], bytes=39_900)),
        *make("ccs", 0.9, [0.6, "timeout", 0.62], bytes=41_000),
        *make("mediancut", 0.9, ["failed"]),
        *make("dc3", 0.9, ["skipped"]),
        *make("random", 0.5, [0.8], bytes=200_000),
        *make("random", 0.9, [0.3], bytes=400_100, dataset="cifar10"),
        *make("ccs[fraction=0.5]+dcq", 0.9, [0.4], bytes=400_300, dataset="cifar10"),
        *make("somebody:else", 0.9, [0.35], bytes=400_200, dataset="cifar10"),
    ]
    for record in rows:
        write_record(record, out)
    return out


@pytest.fixture
def board(_board, tmp_path):
    """An output folder with rows of every kind: ok, partial, failed, skipped, two datasets, two budgets."""
    shutil.copytree(_board, tmp_path / "ccbench-out")
    return tmp_path / "ccbench-out"


@pytest.fixture
def small(tmp_path, make):
    """An output folder of two records."""
    for record in make("random", 0.9, [0.5, 0.6]):
        write_record(record, tmp_path / "ccbench-out")
    return tmp_path / "ccbench-out"


@pytest.fixture(scope="session")
def published(_board, tmp_path_factory):
    """That folder as a site, to be looked at alone: (folder, what publishing said)."""
    folder = tmp_path_factory.mktemp("published") / "site"
    return folder, publish([_board], folder, Wishes(), plugins=plugins(), store=default_store())


@pytest.fixture(scope="session")
def browser():
    """A Chromium that is installed; tests skip without one."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def visit(browser, wait_for):
    """A page from the file system: visit(folder, "index.html"); ``page.said`` has all that went wrong.

    ``page.until("1 < 2")`` waits until that is true.
    """
    contexts = []

    def opened(folder, place="index.html", **how):
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **how})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("requestfailed", lambda request: page.said.append(f"failed: {request.url}"))
        page.on("dialog", lambda dialog: (page.said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        # Playwright's own wait evaluates text in the page, which the pages' policy forbids
        page.until = lambda said: wait_for(lambda: page.evaluate(said), seconds=60)
        page.goto(f"file://{folder}/{place}")
        return page

    yield opened
    for context in contexts:
        context.close()
