"""How soon a published board of 5,000 rows can be worked with, in a Chromium that is installed; goal: 2 seconds.

The clock runs from the navigation to the moment when a search has left its rows in the table and the plot is drawn. The
peer is a board of 200 rows.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ccbench.offers.discovery import plugins
from ccbench.publishing.board import gather
from ccbench.publishing.methods import methods_of
from ccbench.publishing.site import vendored
from ccbench.publishing.site.pages import Site

HERE = Path(__file__).resolve().parents[1]
_CLOCK = """window.measured = (async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const until = async (done) => { while (!done()) await frame(); return performance.now(); };
  const rows = await until(() => document.querySelector("#board tbody tr a"));
  const search = document.getElementById("search");
  search.value = "dcq"; search.dispatchEvent(new Event("input"));
  const worked = await until(() => document.querySelector(".dt-info")?.innerText.includes("in all"));
  return [rows, worked, await until(() => document.getElementById("plot").data)];
})()"""


def seconds(folder: Path, repeats: int) -> list[float]:
    """Medians of the seconds until rows are there, until a search worked, and until the plot is there too."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        found = []
        for _ in range(repeats):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.add_init_script(_CLOCK)
            page.goto(f"file://{folder}/index.html")
            found.append(page.evaluate("window.measured"))
            page.close()
        browser.close()
    return [statistics.median(times) / 1000 for times in zip(*found, strict=True)]


def board(folder: Path, count: int) -> None:
    """A board of so many rows: those of ``leaderboards/``, again and again."""
    held = gather([HERE / "leaderboards"], folder)
    lines = [
        replace(line, id=f"{number:012x}", values={**line.values, "base_seed": number})
        for number in range(count)
        for line in [held.lines[number % len(held.lines)]]
    ]
    shutil.copytree(vendored.ASSETS, folder / "assets")
    pages = Site(replace(held, lines=lines), methods_of(lines, plugins())).pages()
    for place, text in (next(pages), next(pages)):  # the data and the board
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text)


def rows(repeats: int = 5) -> Iterator[dict[str, Any]]:
    """One row for each moment."""
    times = []
    for count in (5000, 200):
        with tempfile.TemporaryDirectory() as folder:
            board(Path(folder), count)
            times.append(seconds(Path(folder), int(repeats)))
    for name, ours, peer in zip(("rows are there", "a search has worked", "the plot is drawn"), *times, strict=True):
        yield {"name": f"board of 5,000 rows: {name}", "ours": ours, "peer": peer, "ratio": ours / peer, "unit": "s",
               "note": "peer: 200 rows"}  # fmt: skip
