"""Every card of ours fits the schema, belongs to an offer and repeats nothing of its spec; the index is up to date."""

import json
from pathlib import Path

import jsonschema
import pytest

from ccbench.offers.card_index import COMMAND, index, schema
from ccbench.offers.cards import Contents, find, read, registry
from ccbench.offers.discovery import Plugins
from ccbench.offers.resources import read_table
from ccbench.schema import fit

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = Plugins()
SCHEMA = json.loads((registry() / "schema.json").read_text(encoding="utf-8"))
FILES = sorted(
    [*ROOT.glob("cc_plugins/*/cards/*"), *(ROOT / "registry").glob("[dm]*s/*"), *ROOT.glob("registry/pr*/*")]
)
SPECS = [
    spec
    for kind in ("method", "dataset", "protocol")
    for name, spec in PLUGINS.all(kind).items()
    if PLUGINS.owner(kind, name).distribution == "ccbench"
]
OFFERS = [pytest.param(spec, id=f"{spec.kind}-{spec.name}") for spec in SPECS]
GOOD = {
    "paper": {"title": "t", "authors": "a", "venue": "v", "year": 2026, "section": "1", "url": "https://x"},
    "open": [{"question": "q", "choice": "c"}, {"question": "q", "choice": "c"}],
    "source": "s", "test": 1, "trains": "t", "metric": "m",
}  # fmt: skip


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert [p.name for p in (ROOT / "registry").rglob("*schema*")] == ["schema.json"]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(ROOT).as_posix())
def test_card_fits_the_schema_and_belongs_to_an_offer(file):
    jsonschema.Draft202012Validator(SCHEMA).validate(read_table(file))
    owners = [spec for spec in SPECS if (card := find(spec)) and card.resolve() == file]
    assert [spec.name.rstrip(":") for spec in owners] == [file.stem]


@pytest.mark.parametrize("spec", OFFERS)
def test_offer_has_a_card_with_what_only_a_card_says(spec):
    card = read(spec)
    assert card is not None
    assert not spec.paper  # the card has it
    own = {"method": set(), "dataset": {"source"}, "protocol": {"trains", "metric"}}[spec.kind]
    may = {"test"} if spec.kind == "dataset" and spec.shape else set()
    assert own | may <= set(card) <= own | may | {"paper", "open"}


@pytest.mark.parametrize(("kind", "name", "paper", "questions"), [
    ("method", "aum", 2020, 3), ("method", "octree", 1988, 3), ("method", "full", None, 1), ("method", "rded", 2024, 9),
    ("dataset", "cifar10", 2009, 1), ("dataset", "folder:", None, 5), ("protocol", "dc3-hard", 2025, 3),
])  # fmt: skip
def test_no_paper_and_no_question_got_lost(kind, name, paper, questions):
    card = read(PLUGINS.all(kind)[name])
    assert card.get("paper", {}).get("year") == paper
    assert len(card["open"]) == questions


def readable(card):
    try:
        fit(card, Contents)
    except ValueError:
        return False
    return True


CHANGES = [
    (), ("name",), ("version",), ("needs",), ("paper", "doi"), ("paper", "title"), ("paper", "year"),
    ("open", 1, "choice"), ("open", 0, "why"), ("open",), ("open", 1), ("paper",), ("test",), ("metric",),
]  # fmt: skip


@pytest.mark.parametrize("place", CHANGES, ids=lambda p: ".".join(map(str, p)) or "good")
@pytest.mark.parametrize("value", ["text", "", 7, 0, 3000, True, None, 1.5, [], {}, ["x"], {"x": 1}], ids=repr)
def test_the_reader_finds_what_the_schema_refuses(place, value):
    card = json.loads(json.dumps(GOOD))
    inner = card
    for step in place[:-1]:
        inner = inner[step]
    if place:
        inner[place[-1]] = value
    fits = jsonschema.Draft202012Validator(SCHEMA).is_valid(card)
    assert readable(card) is fits


@pytest.mark.parametrize("missing", [("paper", "title"), ("paper", "year"), ("open", 1, "question"), ("paper", "url")])
def test_the_reader_misses_what_the_schema_misses(missing):
    card = json.loads(json.dumps(GOOD))
    inner = card
    for step in missing[:-1]:
        inner = inner[step]
    del inner[missing[-1]]
    fits = jsonschema.Draft202012Validator(SCHEMA).is_valid(card)
    assert readable(card) is fits
    assert fits is (missing[-1] == "url")


def test_the_schema_is_up_to_date():
    assert (ROOT / "registry" / "schema.json").read_text(encoding="utf-8") == schema(), f"regenerate it: {COMMAND}"


def test_the_index_is_up_to_date():
    assert (ROOT / "registry" / "index.md").read_text(encoding="utf-8") == index(), f"regenerate it: {COMMAND}"
