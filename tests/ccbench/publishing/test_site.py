"""The site in a real Chromium, from the file system: what readers do with it."""

import json
import shutil
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe

from ccbench.offers.discovery import plugins
from ccbench.publishing.board import gather
from ccbench.publishing.methods import methods_of
from ccbench.publishing.publish import Wishes, publish
from ccbench.publishing.site import vendored
from ccbench.publishing.site.pages import Site
from ccbench.records.record import write_record
from ccbench.store import default_store

PLOT = """(() => {
  const plot = document.getElementById("plot");
  const traces = plot.data.map(t => ({name: t.name, x: [...t.x], y: [...t.y], e: t.error_y?.array}));
  return {log: plot.layout.xaxis.type, traces};
})()"""
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def page(published, visit):
    return visit(published[0])


def shown(page, column=0):
    """The texts of a column of the table, from the top."""
    return page.locator("#board tbody tr").evaluate_all(f"rows => rows.map(r => r.cells[{column}]?.innerText.trim())")


def column(page, title):
    return page.locator("#board thead th").all_inner_texts().index(title)


def by(page, title):
    return shown(page, column(page, title))


def sorted_by(page, title, way):
    """Wait until the table is sorted: it is drawn a moment after the click."""
    page.until(f"document.querySelector('#board th[aria-sort={way}]')?.innerText.includes('{title}') ?? false")


def sort(page, title, way="descending"):
    page.locator("#board thead th", has_text=title).click()
    sorted_by(page, title, way)


VIEW = "Object.fromEntries(new URLSearchParams(location.hash.slice(1)))"


def view_is(page, **wanted):
    """Wait until the address holds a view: it is written down after the table is drawn."""
    page.until(f"JSON.stringify({VIEW}) === {json.dumps(json.dumps(wanted, separators=(',', ':')))}")


def link(page):
    """The address's part behind the #, as the page itself sees it: what the driver knows of it may be older."""
    return page.evaluate("location.hash.slice(1)")


def drawn(page):
    """Wait until every plot of a page is."""
    page.until("[...document.querySelectorAll('#plot, .course .plot')].every(plot => plot.querySelector('.main-svg'))")


def test_every_row_is_there_failed_and_skipped_ones_too(page):
    assert len(shown(page)) == 10
    assert {"mediancut", "dc3", "somebody:else"} <= set(shown(page))
    assert "failed: the failed reason" in by(page, "Status")
    assert "skipped: the skipped reason" in by(page, "Status")
    assert page.said == []


def test_numbers_have_their_unit_and_sort_as_numbers(page):
    sort(page, "Bytes")
    assert by(page, "Bytes")[:3] == ["400,300", "400,200", "400,100"]
    sort(page, "Bytes", "ascending")
    assert next(text for text in by(page, "Bytes") if text) == "39,900"
    sort(page, "Accuracy (%)")
    assert by(page, "Accuracy (%)")[0] == "91.00 ± 1.00"
    view_is(page, sort="accuracy:desc")


def test_the_keyboard_sorts_too(page):
    head = page.locator("#board thead th", has_text="Accuracy (%)")
    head.locator("[tabindex='0'], button").first.focus()
    page.keyboard.press("Enter")
    sorted_by(page, "Accuracy (%)", "descending")
    assert by(page, "Accuracy (%)")[0] == "91.00 ± 1.00"


def test_filters_and_search_leave_what_fits(page):
    page.select_option("#filter-dataset", "cifar10")
    assert sorted(shown(page)) == ["ccs[fraction=0.5]+dcq", "random", "somebody:else"]
    page.select_option("#filter-kind", "coresets")
    assert shown(page) == ["random"]
    page.click("button[type=reset]")
    assert len(shown(page)) == 10
    page.fill("#search", "dcq")
    assert sorted(shown(page)) == ["ccs[fraction=0.5]+dcq", "dcq[bits=2]"]
    page.fill("#search", "")
    page.select_option("#filter-state", "skipped")
    assert shown(page) == ["dc3"]
    page.select_option("#filter-budget", "ratio 0.5000, nominal")
    assert page.locator("#board tbody").inner_text() == "No row fits the filters"
    page.click("button[type=reset]")
    page.select_option("#filter-budget", "ratio 0.5000, nominal")
    assert shown(page) == ["random"]
    page.select_option("#filter-protocol", "quick (version 1)")
    assert shown(page) == ["random"]
    assert page.said == []


def test_a_permalink_shows_the_same_view(page, published, visit):
    page.select_option("#filter-dataset", "photodigits")
    page.fill("#search", "r")
    sort(page, "Bytes")
    page.click("#columns summary")
    usual = page.evaluate("window.ccbench.columns.filter(c => c.shown && c.key !== 'network').map(c => c.key)")
    page.get_by_label("Network", exact=True).nth(1).uncheck()
    view_is(page, q="r", dataset="photodigits", sort="bytes:desc", columns=",".join(usual))
    view, texts = link(page), page.locator("#board tbody").inner_text()
    other = visit(published[0], f"index.html#{view}")
    assert other.locator("#board tbody").inner_text() == texts
    assert other.input_value("#search") == "r"
    assert "Network" not in other.locator("#board thead th").all_inner_texts()
    other.evaluate("location.hash = 'dataset=cifar10'")  # a link within the page
    other.until("document.querySelectorAll('#board tbody tr').length === 3")
    other.click("button[type=reset]")
    other.until("document.querySelectorAll('#board tbody tr').length === 10")
    view_is(other)


@pytest.mark.parametrize(
    "view",
    ["dataset=nowhere", "sort=nothing:up", "columns=", "columns=method,nothing", "plot=x", "%%%", "q=%3Cb%3E", "a=b"],
)
def test_a_permalink_of_another_board_does_no_harm(published, visit, view):
    page = visit(published[0], f"index.html#{view}")
    page.click("button[type=reset]")
    page.until("document.querySelectorAll('#board tbody tr').length === 10")
    assert page.said == []


def test_columns_are_chosen_and_kept_in_the_address(page):
    assert "Nominal ratio" not in page.locator("#board thead th").all_inner_texts()
    page.click("#columns summary")
    page.get_by_label("Nominal ratio").check()
    assert "Nominal ratio" in page.locator("#board thead th").all_inner_texts()
    page.until(f"{VIEW}.columns?.split(',').includes('nominal_ratio') ?? false")


def test_a_row_leads_to_its_page_and_back(page):
    page.locator("#board a", has_text="dcq[bits=2]").first.click()
    page.wait_for_url("**/rows/*.html")
    assert page.locator("h1").inner_text() == "dcq[bits=2]"
    page.get_by_role("link", name="Board", exact=True).click()
    page.wait_for_url("**/index.html")
    page.until("document.querySelectorAll('#board tbody tr').length === 10")
    assert page.said == []


def test_the_plot_has_points_error_bars_and_the_front(page):
    page.until("document.getElementById('plot').data?.length > 1")
    plot = page.evaluate(PLOT)
    traces = {trace["name"]: trace for trace in plot["traces"]}
    assert plot["log"] == "log"
    assert traces["dcq[bits=2]"]["x"] == [39_900]
    assert traces["dcq[bits=2]"]["y"] == [72]
    assert traces["dcq[bits=2]"]["e"] == pytest.approx([2])
    # by hand: dcq 72 %, then random 80 % at five times the bytes, then full; ccs and random at 0.9 are beaten
    assert (traces["Pareto front"]["x"], traces["Pareto front"]["y"]) == ([39_900, 200_000, 400_000], [72, 80, 91])
    page.select_option("#filter-state", "partial")
    page.until("document.getElementById('plot').data.length === 1")
    page.until("document.getElementById('plot').ariaLabel.includes('1 rows of photodigits')")


def test_the_plot_shows_one_dataset_network_and_protocol_at_a_time(page, published, visit):
    page.select_option("#section", "cifar10, quicknet, quick (version 1)")
    page.until("document.getElementById('plot').data.some(t => t.name === 'somebody:else')")
    page.until(f"{VIEW}.plot?.startsWith('cifar10, ') ?? false")
    other = visit(published[0], "index.html#" + link(page))
    other.until("document.getElementById('plot').data?.some(t => t.name === 'somebody:else')")
    assert other.input_value("#section") == "cifar10, quicknet, quick (version 1)"


def curved(folder):
    """The page of the row whose records have curves."""
    rows = json.loads((folder / "index.json").read_text())["rows"]
    return next(row["page"] for row in rows if row["identity"]["method"] == "dcq[bits=2]")


COURSES = """[...document.querySelectorAll('figure.course .plot')].map(plot => (plot.data ?? []).map(
  t => ({name: t.name, x: [...t.x], y: [...t.y], axis: t.yaxis})))"""


def test_a_row_draws_its_trainings_from_the_tables_that_say_them(published, visit):
    page = visit(published[0], curved(published[0]))
    page.until(f"{COURSES}.length === 2 && {COURSES}.every(lines => lines.length)")
    losses, shares = ({line["name"]: line for line in plot} for plot in page.evaluate(COURSES))
    assert losses["seed 2"] == {"name": "seed 2", "x": [500, 1000, 1250], "y": [5, 3.25, 0.5], "axis": "y"}
    assert losses["learning rate"] == {"name": "learning rate", "x": [500, 1000, 1250], "y": [0.1, 0.05, 0.001],
                                       "axis": "y2"}  # fmt: skip
    assert [*losses] == ["seed 0", "seed 1", "seed 2", "learning rate"]
    assert shares["seed 1"]["y"] == [60, 75, 72]
    page.until("document.querySelectorAll('figure.course .scatterlayer path.js-line').length === 7")
    page.get_by_text("Loss and learning rate: the numbers").click()
    table = page.locator("figure.course table").first
    assert table.locator("thead th").all_inner_texts() == [
        "Iterations", "Loss, seed 0", "Loss, seed 1", "Loss, seed 2", "Learning rate"
    ]  # fmt: skip
    assert table.locator("tbody tr").nth(1).locator("td").all_inner_texts() == ["1,000", "1.25", "2.25", "3.25", "0.05"]
    page.click("#theme")
    page.until("document.querySelector('.plot').layout.paper_bgcolor === '#14171a'")
    assert page.said == []


def test_a_row_without_curves_says_so_and_loads_no_plot(published, visit):
    rows = json.loads((published[0] / "index.json").read_text())["rows"]
    states = {row["state"]: row["page"] for row in rows if row["page"] != curved(published[0])}
    page = visit(published[0], states["ok"])
    assert page.get_by_text("There is no curve: these records are older than curves.").count() == 1
    assert page.locator("script[src*=plotly]").count() == 0
    page.goto(f"file://{published[0]}/{states['failed']}")
    assert page.get_by_text("There is no curve: no training of this row ended well.").count() == 1
    assert page.said == []


def test_light_and_dark(published, visit):
    page = visit(published[0], color_scheme="dark")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(background) == "rgb(20, 23, 26)"
    assert page.get_attribute("#theme", "aria-pressed") == "true"
    page.click("#theme")
    page.until(f"{background} === 'rgb(255, 255, 255)'")
    page.until("document.getElementById('plot').layout?.paper_bgcolor === '#ffffff'")


@pytest.fixture(scope="session")
def places(published):
    """A page of each kind, and rows that ended well and did not."""
    index = json.loads((published[0] / "index.json").read_text())
    rows = {row["state"]: row["page"] for row in index["rows"]}
    always = ["index.html", "methods.html", "tables.html", "files.html", "methods/dcq.html"]
    return [*always, rows["ok"], rows["failed"], curved(published[0])]


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_every_page_is_accessible_and_fits(places, published, visit, size, scheme):
    page = visit(published[0], viewport=size, color_scheme=scheme)
    for place in places:
        page.goto(f"file://{published[0]}/{place}")
        drawn(page)
        found = Axe().run(page, options={"preload": False}).response["violations"]
        assert [(place, one["id"], one["nodes"][0]["target"]) for one in found] == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), place
    assert page.said == []


SPILLS = """(() => [...document.querySelectorAll("table.plain td, table.plain th")].filter(
  cell => cell.scrollWidth > cell.clientWidth + 1).map(cell => cell.innerText))()"""


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_long_names_stay_in_their_cells(make, tmp_path, visit, size):
    name = "dc[" + ",".join(f"parameter{number}={number}" for number in range(20)) + "]"
    for record in (*make(name, 0.9, [0.5]), *make("random", 0.9, [0.4])):
        write_record(record, tmp_path / "run")
    publish([tmp_path / "run"], tmp_path / "site", Wishes(), plugins=plugins(), store=default_store())
    page = visit(tmp_path / "site", "tables.html", viewport=size)
    assert page.locator("th[scope=row]").first.inner_text() == name
    assert page.evaluate(SPILLS) == []
    page.goto(f"file://{tmp_path}/site/index.html")
    height = "document.querySelector('#board tbody tr').getBoundingClientRect().height"
    page.until("document.querySelectorAll('#board tbody tr').length === 2")
    assert page.evaluate(height) < 110  # three lines at most


def test_the_accuracy_is_in_sight_on_a_phone(published, visit):
    page = visit(published[0], viewport=PHONE)
    page.until("document.querySelectorAll('#board tbody tr').length === 10")
    right = "[...document.querySelectorAll('#board thead th')].find(h => h.innerText.includes('Accuracy'))"
    assert page.evaluate(f"{right}.getBoundingClientRect().right") <= 390
    caption = "document.querySelector('#board caption').getBoundingClientRect().right"
    assert page.evaluate(caption) <= 390


def test_a_broken_record_is_told_on_the_page(board, tmp_path, visit):
    broken = next((board / "results" / "cifar10").rglob("*.json"))
    broken.write_text("{")
    publish([board], tmp_path / "site", Wishes(), plugins=plugins(), store=default_store())
    page = visit(tmp_path / "site")
    assert len(shown(page)) == 9
    assert "not readable as JSON" in page.locator(".note").inner_text()
    assert page.said == []


def test_five_thousand_rows_can_be_worked_with(board, tmp_path, visit):
    folder = tmp_path / "site"
    few = gather([board], folder)
    lines = [
        replace(line, id=f"{number:012x}", values={**line.values, "base_seed": number})
        for number in range(5000)
        for line in [few.lines[number % len(few.lines)]]
    ]
    site = Site(replace(few, lines=lines), methods_of(lines, plugins()))
    shutil.copytree(vendored.ASSETS, folder / "assets")
    for (place, text), _ in zip(site.pages(), range(2), strict=False):  # the data and the board
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_text(text)
    page = visit(folder)
    page.fill("#search", "dcq[bits=2]")
    assert set(shown(page)) == {"dcq[bits=2]"}
    assert "of 500" in page.locator(".dt-info").inner_text()
    page.fill("#search", "")
    assert "of 5,000" in page.locator(".dt-info").inner_text()
    sort(page, "Accuracy (%)")
    assert by(page, "Accuracy (%)")[0] == "91.00 ± 1.00"
    assert page.said == []
