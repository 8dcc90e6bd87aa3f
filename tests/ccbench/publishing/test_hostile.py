"""Names, reasons and files come from strangers: they are text wherever they are shown."""

import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest

from ccbench.offers.discovery import plugins
from ccbench.offers.specs import MethodSpec
from ccbench.publishing.board import gather
from ccbench.publishing.manifest import read
from ccbench.publishing.methods import Method
from ccbench.publishing.publish import Wishes, publish
from ccbench.publishing.site.pages import Site
from ccbench.records.record import write_record
from ccbench.store import default_store
from ccbench.training.curve import Curve

BREAKS = [
    'x"><script>alert(1)</script>',
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{7*7}}{% raw %}",
    '=HYPERLINK("http://evil")',
    "\u2028\u202ealert(1)",
    "&lt;script&gt;",
    "</title></head><svg/onload=alert(1)>",
    "--><!--",
]
NAMES = [  # what could be a method's name
    "x\"><script>alert(1)</script>", "a<svg/onload=alert(1)>", "javascript:alert(1)", "x'`${7*7}`", "a/../../b", "con",
]  # fmt: skip
SAFE = {
    "href", "src", "class", "id", "for", "type", "role", "scope", "rel", "lang", "charset", "name", "content", "value",
    "http-equiv", "tabindex", "autocomplete", "data-filter", "defer", "alt", "width", "height", "loading", "data-axis",
    "data-beside", "data-name", "data-aside",
}  # fmt: skip


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    from tests.ccbench.leaderboard.conftest import maker

    home, make = tmp_path_factory.mktemp("hostile"), maker()
    out = home / "<b>out & co"
    curve = Curve(iterations=(1, 2), loss=(2.0, 1.0), lr=(0.1, 0.1), looked=(2,), accuracy=(0.5,))
    records = [*make("random", 0.9, [0.5], curve=curve), *make("full", 0.0, [0.9])]
    for number, text in enumerate(BREAKS):
        records += make("dcq", 0.9, [0.5], dataset=text, architecture=text, options=text, teacher=text, labels=text,
                        environment={"device": text, "torch": text}, picture=text)  # fmt: skip
        records += make("ccs", 0.9, ["failed"], reason=text, protocol=text, protocol_version=text, bytes=1)
        records += make(f"m{number}", 0.9, [0.4], artifact=f"../{text}", artifact_sha256=f"{number:064x}")
    for name in NAMES:
        records += make(name, 0.9, [0.6])
    for record in records:
        write_record(record, out)
    strange = out / "results" / "<img src=x onerror=alert(2)>.json"
    strange.write_text("{")
    (out / "results" / "a\nb.json").write_text("{}")
    (out / "artifacts").mkdir()
    (home / "secret").write_text("secret")
    (record,) = make("random", 0.9, [0.55], dataset="cifar10", artifact="../../secret", bytes=6,
                     artifact_sha256="2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b")  # fmt: skip
    write_record(record, out)
    folder = home / "site"
    told = publish([out], folder, Wishes(largest=1e9, title="<i>T</i>"), plugins=plugins(), store=default_store())
    return folder, told, len(records) + 1


def test_every_record_is_on_the_board(site):
    folder, told, records = site
    assert sum(len(row["records"]) for row in json.loads((folder / "index.json").read_text())["rows"]) == records
    assert told.manifest.faults(folder) == []
    assert read(folder) == told.manifest


def test_no_page_has_a_tag_or_an_attribute_that_is_not_ours(site):
    folder, _, _ = site
    for page in folder.rglob("*.html"):
        tags = Tags()
        tags.feed(page.read_text())
        for tag, attributes in tags.found:
            assert tag not in {"svg", "iframe", "object", "embed", "base", "i", "b"}, page
            assert {a for a in attributes if not a.startswith("aria-")} <= SAFE, (page, tag, attributes)
            assert tag != "script" or re.fullmatch(r"(\.\./)?(assets|data)/[\w./-]+\.js", attributes["src"])
            for link in (attributes.get("href"), attributes.get("src")):
                assert link is None or re.match(r"(\.\./)?[\w.#%-]+(/|$)|https?://", link), (page, link)
                assert "script:" not in (link or "")


def test_the_data_is_one_script_of_data(site):
    text = (site[0] / "data" / "board.js").read_text()
    assert "<" not in text
    assert "\u2028" not in text
    assert text.count("\n") == 1
    facts = json.loads(text.removeprefix("window.ccbench = ").removesuffix(";\n"))
    assert any("<script>alert(1)</script>" in cell for row in facts["rows"] for cell in row if isinstance(cell, str))


def test_no_cell_of_a_spreadsheet_is_a_formula(site):
    for file in [site[0] / "leaderboard.csv", *site[0].glob("*/leaderboard.csv")]:
        for row in csv.reader(io.StringIO(file.read_text(), newline="")):
            for cell in row:
                assert not cell.startswith(("=", "@", "\t", "+")), cell
                assert not cell.startswith("-") or float(cell) <= 0


def test_names_of_files_stay_in_the_folder(site):
    folder, told, _ = site
    assert told.manifest.folders == ["b-out-co"]
    assert not list(folder.rglob("secret"))  # its digest was right, its name was not
    assert {p.name for p in folder.parent.iterdir()} == {"<b>out & co", "secret", "site"}
    assert any("not published" in note and "a\nb" not in note for note in told.notes)
    assert "&lt;img src=x onerror=alert(2)&gt;.json" in (folder / "index.html").read_text()


def test_a_card_may_lead_to_the_web_alone(site, tmp_path):
    spec = MethodSpec(name="evil", target="a:b", version="1", summary="<script>alert(1)</script>")
    for url, led in (("javascript:alert(1)", False), ("data:text/html,x", False), ("https://arxiv.org/abs/1", True)):
        paper = {"title": "<b>", "authors": "a", "venue": "v", "year": 2026, "url": url}
        method = Method("evil", "methods/evil.html", spec, {"paper": paper}, "", "", [("Summary", spec.summary)], [])
        text = dict(Site(gather([site[0]], tmp_path), {**known(site), "evil": method}).pages())["methods/evil.html"]
        assert ("<a rel" in text) is led
        assert "&lt;script&gt;alert(1)" in text


def known(site):
    from ccbench.publishing.methods import methods_of

    return methods_of(gather([site[0]], site[0]).lines, plugins())


def test_no_page_runs_what_a_stranger_wrote(site, visit):
    folder, _, _ = site
    page = visit(folder)
    page.until("document.getElementById('plot').data?.length > 0")
    page.fill("#search", "script")
    page.click("#columns summary")
    for box in page.locator("#column-list input").all():
        box.check()
    page.fill("#search", "")
    for name in page.locator("#section option").evaluate_all("options => options.map(o => o.value)"):
        page.select_option("#section", name)
        page.locator("#plot .point").first.hover(force=True)
    ours = page.locator("script").evaluate_all("all => all.map(s => s.src)")
    assert all("/assets/" in source or "/data/" in source for source in ours)
    assert page.locator("#board img, #board svg, #plot img, #column-list img").count() == 0
    for row in sorted((folder / "rows").glob("*.html"))[::5]:
        page.goto(f"file://{row}")
        page.locator("h1").hover()
    assert page.said == []
