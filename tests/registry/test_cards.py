"""Every card fits its schema and says what its spec says; every offer of ours has a card."""

import json
import re
import tomllib

import jsonschema
import pytest

from ccbench.offers.cards import card, registry
from ccbench.offers.discovery import Plugins

KINDS = ("method", "dataset", "protocol")
PLUGINS = Plugins()
CARDS = [
    pytest.param(kind, file, id=f"{kind}-{file.name.removesuffix('.toml')}")
    for kind in KINDS
    for file in sorted((registry() / f"{kind}s").iterdir(), key=lambda f: f.name)
    if file.name.endswith(".toml")
]
OFFERS = [
    pytest.param(kind, spec, id=f"{kind}-{name}")
    for kind in KINDS
    for name, spec in PLUGINS.all(kind).items()
    if PLUGINS.owner(kind, name).distribution == "ccbench"
]


def read(file):
    return tomllib.loads(file.read_text(encoding="utf-8"))


def schema(kind):
    return json.loads((registry() / f"{kind}s" / "schema.json").read_text(encoding="utf-8"))


def default_of(param):
    return "auto" if param.default is None else param.default


@pytest.mark.parametrize("kind", KINDS)
def test_schema_is_a_schema(kind):
    jsonschema.Draft202012Validator.check_schema(schema(kind))


@pytest.mark.parametrize(("kind", "file"), CARDS)
def test_card_fits_its_schema(kind, file):
    jsonschema.Draft202012Validator(schema(kind)).validate(read(file))


@pytest.mark.parametrize(("kind", "file"), CARDS)
def test_card_has_a_spec_and_is_found_under_its_name(kind, file):
    facts = read(file)
    assert facts["name"].rstrip(":") == file.name.removesuffix(".toml")
    assert facts["name"] in PLUGINS.all(kind)
    assert card(kind, facts["name"]) == facts


@pytest.mark.parametrize(("kind", "spec"), OFFERS)
def test_offer_has_a_card_that_agrees(kind, spec):
    facts = card(kind, spec.name)
    assert facts is not None, f"registry/{kind}s/{spec.name.rstrip(':')}.toml is missing"
    assert facts["name"] == spec.name
    assert facts["version"] == spec.version
    assert facts.get("defaults", {}) == {p.name: default_of(p) for p in spec.params}
    for name, value in facts.get("defaults", {}).items():
        assert spec.read_params({name: value})[name] == {p.name: p.default for p in spec.params}[name]
    if spec.paper:
        assert "paper" in facts
        assert set(re.findall(r"\b(?:19|20)\d\d\b", spec.paper)) <= {str(facts["paper"]["year"])}


@pytest.mark.parametrize(("kind", "spec"), [o for o in OFFERS if o.values[0] == "method"])
def test_method_card_agrees(kind, spec):
    facts = card(kind, spec.name)
    assert facts["budgets"] == spec.budgets
    assert facts["random"] == spec.random


@pytest.mark.parametrize(("kind", "spec"), [o for o in OFFERS if o.values[0] == "dataset"])
def test_dataset_card_agrees(kind, spec):
    facts = card(kind, spec.name)
    assert facts["license"] == spec.license
    if spec.shape is None:
        assert "shape" not in facts
    else:
        shape = facts["shape"]
        known = (spec.shape.images, spec.shape.height, spec.shape.width, spec.shape.classes)
        assert (shape["train"], shape["height"], shape["width"], shape["classes"]) == known


@pytest.mark.parametrize("change", [
    {"name": "Not A Name"}, {"colour": "red"}, {"version": 1}, {"budgets": "some"}, {"open": [{"question": "why?"}]},
    {"paper": {"title": "t"}}, {"defaults": {"a": ["list"]}}, {"summary": ""},
])  # fmt: skip
def test_schema_refuses_a_wrong_card(change):
    good = {"name": "x", "version": "1", "summary": "s", "stores": "s", "needs": [], "budgets": "bits", "random": True}
    validator = jsonschema.Draft202012Validator(schema("method"))
    validator.validate(good)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(good | change)


@pytest.mark.parametrize("missing", ["name", "version", "summary", "stores", "needs", "budgets", "random"])
def test_schema_wants_every_field(missing):
    good = {"name": "x", "version": "1", "summary": "s", "stores": "s", "needs": [], "budgets": "bits", "random": True}
    del good[missing]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema("method")).validate(good)
