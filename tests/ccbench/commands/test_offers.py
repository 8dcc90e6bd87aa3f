import json

import pytest

from ccbench.offers.discovery import KINDS, Plugins, plugins

MINE = """
from ccbench import MethodSpec, Param, hookimpl

@hookimpl
def ccbench_methods():
    return [MethodSpec(name="mine", target="mine:Mine", version="3", summary="Keeps \\x1b[31m mine.", paper="Me 2026",
                       budgets="fraction", needs=("proxy",), stores="images", cost="nothing",
                       params=(Param(name="strength", default=2, low=1, high=9, doc="How strong."),
                               Param(name="mode", default="a", choices=("a", "b"), doc="Which way."),
                               Param(name="flag", default=None, type=bool, doc="Whether."))),
            MethodSpec(name="bad name", target="mine:Mine", version="1", summary="x")]
"""


@pytest.mark.parametrize("kind", KINDS)
def test_singular_and_plural_list_every_offer_of_a_kind(ccbench, kind):
    one, many = ccbench("list", kind), ccbench("list", f"{kind}s")
    assert one.code == 0
    assert one.out == many.out
    data = json.loads(ccbench("list", kind, "--json").out)
    assert [item["name"] for item in data] == list(Plugins().all(kind))
    assert all(item["kind"] == kind and item["summary"] and item["distribution"] == "ccbench" for item in data)
    assert all(item["name"] in one.out for item in data)


def test_list_without_a_kind_shows_the_built_ins(ccbench):
    out = ccbench("list").out
    for name in ("dcq", "ccs", "random", "photodigits", "cifar10", "quick", "dcq-cifar", "local", "proxy", "aum"):
        assert f"  {name} " in out


def test_unknown_kind(ccbench):
    done = ccbench("list", "metods")
    assert done.code == 2
    assert "did you mean 'methods'?" in done.err


def test_describe_shows_everything_that_a_spec_says(ccbench, module):
    module("mine", MINE)
    ccbench("-p", "mine", "plugins")  # names the module; its second offer is malformed, its first works
    done = ccbench("describe", "mine")
    assert done.code == 0
    for text in ("method mine", "Me 2026", "version", "proxy", "fraction", "images", "nothing", "strength=2",
                 "int in [1, 9]", "How strong.", "one of a, b", "Which way.", "bool"):  # fmt: skip
        assert text in done.out
    assert "\x1b" not in done.out
    data = json.loads(ccbench("describe", "mine", "--json").out)
    assert data[0]["params"][0] == {
        "name": "strength", "type": "int", "default": 2, "choices": None, "low": 1, "high": 9, "doc": "How strong.",
    }  # fmt: skip
    assert data[0]["card"] is None


def test_describe_shows_the_cards_open_questions(ccbench):
    done = ccbench("describe", "ccs")
    assert "Which beta holds between the published ratios" in done.out
    assert "choice: " in done.out
    card = json.loads(ccbench("describe", "ccs", "--json").out)[0]["card"]
    assert card["paper"]["year"] == 2023


def test_the_paper_is_the_cards(ccbench):
    listed = {item["name"]: item for item in json.loads(ccbench("list", "methods", "--json").out)}
    assert listed["ccs"]["paper"].endswith("Coverage-centric Coreset Selection for High Pruning Rates, ICLR 2023")
    assert "Atul Prakash, Coverage-centric" in ccbench("describe", "ccs").out
    assert "Pleiss et al." in ccbench("describe", "aum").out  # the score has no card


def test_describe_shows_what_only_a_card_says(ccbench):
    assert "source" in (out := ccbench("describe", "cifar10").out)
    assert "test       10000" in out
    assert "metric" in ccbench("describe", "quick").out


def test_a_bad_card_is_its_plugins_fault_and_no_traceback(ccbench, module, tmp_path):
    module("mine", MINE.replace('name="bad name"', 'name="good"'))
    (tmp_path / "here" / "cards").mkdir()
    (tmp_path / "here" / "cards" / "mine.toml").write_text("open = [")
    for args in (("-p", "mine", "describe", "mine"), ("list", "methods", "--json")):
        done = ccbench(*args)
        assert done.code == 0
        assert "mine" in done.out
        assert "broken: mine" in done.err
        plugins.cache_clear()
    shown = ccbench("plugins").out
    assert "FAILED  mine" in shown
    assert "the card of method mine cannot be read" in shown
    assert "Traceback" not in shown


def test_a_name_of_several_kinds_shows_all(ccbench):
    kinds = [item["kind"] for item in json.loads(ccbench("describe", "aum", "--json").out)]
    assert kinds == ["method", "score"]


def test_describe_a_family_with_and_without_its_colon(ccbench):
    assert ccbench("describe", "folder").out == ccbench("describe", "folder:").out
    assert "folder:PATH" in ccbench("describe", "folder").out


def test_describe_an_unknown_name(ccbench):
    done = ccbench("describe", "mediancat")
    assert done.code == 2
    assert "did you mean 'mediancut'?" in done.err


def test_plugins_shows_what_is_broken_and_why(ccbench, module):
    module("mine", MINE)
    module("raining", "def f():\n    raise RuntimeError('wet \\x1b[31m')\nf()")
    done = ccbench("-p", "mine", "-p", "raining", "-p", "no_such_module", "plugins")
    assert done.code == 0
    lines = done.out.splitlines()
    mine = next(i for i, line in enumerate(lines) if "  mine  " in line)
    assert lines[mine].startswith("FAILED")
    assert "method mine" in lines[mine + 1]  # what works of it is still offered
    assert "bad name" in lines[mine + 2]
    assert any(line.startswith("FAILED  raining") for line in lines)
    assert "RuntimeError: wet" in done.out
    assert "ModuleNotFoundError" in done.out
    assert "line 2" not in done.out
    assert "\x1b" not in done.out
    verbose = ccbench("plugins", "--verbose").out
    assert "line 2, in f" in verbose
    assert "\x1b" not in verbose
    data = {p["name"]: p for p in json.loads(ccbench("plugins", "--json").out)}
    assert data["raining"]["ok"] is False
    assert data["dcq"]["ok"] is True
    assert json.loads(ccbench("list", "plugins", "--json").out) == list(data.values())


def test_only_methods_with_palettes_show_palette_sizes(ccbench):
    shown = {name: ccbench("describe", name).out for name in ("ccs", "full", "dcq")}
    lines = {name: [line.split()[0] for line in text.splitlines() if line.split()] for name, text in shown.items()}
    assert [name for name, words in lines.items() if "bits" in words] == ["dcq"]


def test_aliases_stand_beside_their_offer(ccbench):
    lines = ccbench("list", "architectures").out.splitlines()
    place = next(i for i, line in enumerate(lines) if line.split()[0] == "convnet")
    assert [line.split()[0] for line in lines[place + 1 : place + 9]] == [
        f"convnet-d{depth}{norm}" for norm in ("", "-bn") for depth in (3, 4, 5, 6)
    ]
    assert lines[place + 1].endswith("is convnet")
    assert lines[place + 6].endswith("is convnet[depth=4,norm=batch]")
    data = json.loads(ccbench("list", "architectures", "--json").out)
    (convnet,) = [item for item in data if item["name"] == "convnet"]
    assert convnet["aliases"][1] == {"name": "convnet-d4", "stands_for": "convnet[depth=4]"}


def test_an_alias_that_names_a_missing_offer_hides_no_others(ccbench, module):
    odd = 'params=(Param(name="by", default="aum", choices="score", doc="x"),), aliases=(Alias("odd", by="gone"),)'
    source = MINE.replace("import MethodSpec", "import Alias, MethodSpec").replace(', version="1", summary="x"', "{}")
    source = source.replace('"bad name"', '"good"').replace("{}", f', version="1", summary="x", {odd}')
    listed = ccbench("-p", module("mine", source), "list", "methods")
    assert listed.code == 0
    assert "is good[by=gone]" in listed.out
    assert "no score is called 'gone'" in ccbench("plan", "-m", "odd", "--ratio", "0.9").err


def test_describe_an_alias_says_what_it_is(ccbench):
    out = ccbench("describe", "convnet-d5-bn").out
    assert out.startswith("architecture convnet-d5-bn is convnet[depth=5,norm=batch]\narchitecture convnet\n")
    assert out.split("\n", 1)[1] == ccbench("describe", "convnet").out
    assert "did you mean 'convnet-d5'" in ccbench("describe", "convnet-d55").err


def test_describe_says_needs_in_words(ccbench):
    out = ccbench("describe", "dc3").out
    assert "latents where features is auto and compensate is diffusion or null or hr" in out
    needs = json.loads(ccbench("describe", "aum", "--json").out)[0]["needs"]
    assert {"stage": "score", "params": {"score": "aum"}, "when": {}, "unless": {}} in needs


def test_the_plan_says_what_stages_leave_in_the_cache(ccbench):
    done = ccbench("plan", "-m", "mtt[experts=10],dm", "--ipc", 1)
    before, _, after = done.out.partition(" on photodigits leaves in the cache: ")
    assert "experts=10" in before.splitlines()[-1]
    assert after.splitlines()[0] == "652.8 MB"  # ten times 51 times 320,010 weights
    told = json.loads(ccbench("plan", "-m", "mtt[network=quicknet],dm", "--ipc", 1, "--json").out)["disk"]
    assert [row["bytes"] for row in told] == [None]


def test_the_plan_says_what_methods_cost_that_are_to_run(ccbench):
    done = ccbench("plan", "-m", "craig,random,jpeg", "--ratio", 0.9)
    assert done.code == 0
    costs = done.out.partition("what each method costs:\n")[2].splitlines()
    assert [line.split(":")[0] for line in costs[:2]] == ["  craig", "  jpeg"]  # random costs nothing to speak of
    assert "distances of all pairs" in costs[0]
    assert set(json.loads(ccbench("plan", "-m", "craig,random", "--ratio", 0.9, "--json").out)["costs"]) == {"craig"}
    nothing = ccbench("plan", "-m", "random", "--ratio", 0.9)
    assert "costs" not in nothing.out
