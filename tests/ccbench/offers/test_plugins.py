import signal
import sys
from types import ModuleType, SimpleNamespace

import pytest

from ccbench.errors import UserError
from ccbench.offers import discovery as module_under_test
from ccbench.offers.discovery import BUILTIN, KINDS, Plugins
from ccbench.offers.expressions import parse, read_call
from ccbench.offers.hookspecs import hookimpl
from ccbench.offers.specs import Alias, CommandSpec, DatasetSpec, MethodSpec, Param, StageSpec


def spec(name="mine", **facts):
    return MethodSpec(name=name, target="a:b", version="1", summary="", **facts)


def module(name, **hooks):
    made = ModuleType(name)
    for hook, value in hooks.items():

        def function(value=value):
            if isinstance(value, BaseException):
                raise value
            return value

        function.__name__ = hook
        # pluggy reads the argument's names: a hook may take fewer than are offered
        made.__dict__[hook] = hookimpl(lambda value=value, function=function: function())
    return made


def find(*modules):
    return Plugins(extra=modules, discover=False)


def broken(found):
    return {p.name: " ".join(p.errors) for p in found.broken()}


def test_the_harness_offers_come_by_the_same_hooks():
    found = Plugins(discover=False)
    assert [p.module for p in found.found] == list(BUILTIN)
    assert broken(found) == {}
    assert "run" in found.all("command")
    assert "local" in found.all("executor")


def test_an_offer_is_found_with_its_owner():
    found = find(module("m", ccbench_methods=[spec()]))
    assert found.get("method", "mine").name == "mine"
    assert found.owner("method", "mine").name == "m"
    assert found.found[-1].offers == ["method mine"]
    assert found.owner("method", "other") is None


@pytest.mark.parametrize(
    ("hooks", "reason"),
    [
        ({"ccbench_methods": RuntimeError("boom")}, "boom"),
        ({"ccbench_methods": None}, "TypeError"),
        ({"ccbench_methods": 3}, "TypeError"),
        ({"ccbench_methods": ["mine"]}, "expected MethodSpec"),
        ({"ccbench_methods": [DatasetSpec(name="d", target="a:b", version="1", summary="")]}, "expected MethodSpec"),
        ({"ccbench_methods": [spec("Bad Name")]}, "must match"),
        ({"ccbench_metods": []}, "did you mean 'ccbench_methods'"),
    ],
)
def test_a_broken_plugin_is_named_and_the_others_work(hooks, reason):
    found = find(
        module("first", ccbench_methods=[spec("one")]),
        module("bad", **hooks),
        module("last", ccbench_methods=[spec("two")]),
    )
    assert set(broken(found)) == {"bad"}
    assert reason in broken(found)["bad"]
    assert set(found.all("method")) == {"one", "two"}


def test_one_bad_spec_does_not_take_the_good_ones_away():
    found = find(module("m", ccbench_methods=[spec("one"), "two", spec("three")]))
    assert set(found.all("method")) == {"one", "three"}
    assert "m" in broken(found)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('wet')", "RuntimeError: wet"),
        ("import no_such_thing", "no_such_thing"),
        ("def f(:", "SyntaxError"),
        ("import sys; sys.exit(3)", "exit(3)"),
        ("from ccbench import hookimpl\n@hookimpl\ndef ccbench_methods(what):\n    return []", "what"),
        ("from ccbench import hookimpl\n@hookimpl\ndef ccbench_methods():\n    yield 1", "expected MethodSpec"),
    ],
    ids=["raises", "import", "syntax", "exit", "signature", "generator"],
)
def test_broken_modules(tmp_path, monkeypatch, source, reason):
    (tmp_path / "zoo_animal.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("CCBENCH_PLUGINS", "zoo_animal")
    try:
        found = Plugins(discover=False)
    finally:
        sys.modules.pop("zoo_animal", None)
    assert reason in broken(found)["zoo_animal"]
    assert "run" in found.all("command")


def test_a_clash_names_both():
    found = find(
        module("a", ccbench_methods=[spec()]),
        module("b", ccbench_methods=[spec()]),
        module("c", ccbench_methods=[spec()]),
    )
    assert set(broken(found)) == {"b", "c"}
    with pytest.raises(UserError, match="offered by both") as caught:
        found.get("method", "mine")
    assert all(f"({name})" in str(caught.value) for name in "abc")
    assert found.get("command", "run")  # nothing else is touched


def test_the_same_name_in_two_kinds_is_no_clash():
    data = DatasetSpec(name="mine", target="a:b", version="1", summary="")
    found = find(module("a", ccbench_methods=[spec()], ccbench_datasets=[data]))
    assert broken(found) == {}
    assert found.get("dataset", "mine") is data


def test_families():
    family = spec("deep:")
    found = find(module("a", ccbench_methods=[family]))
    assert found.get("method", "deep:Craig") is family
    for name in ("deep", "deep:", "deeper:x"):
        with pytest.raises(UserError):
            found.get("method", name)


def test_unknown_names_get_a_suggestion_and_name_what_is_broken():
    found = find(module("a", ccbench_methods=[spec("quantise")]), module("bad", ccbench_methods=RuntimeError("x")))
    with pytest.raises(UserError) as caught:
        found.get("method", "quantize")
    assert "did you mean 'quantise'" in str(caught.value)
    assert "bad" in caught.value.found
    assert "ccbench list methods" in caught.value.mend


def test_a_plugin_resolves_names_that_no_list_holds():
    made = ModuleType("resolver")

    @hookimpl
    def ccbench_resolve(kind, name):
        if name == "explode":
            raise RuntimeError("boom")
        return spec(name) if kind == "method" and name.startswith("any") else None

    vars(made)["ccbench_resolve"] = ccbench_resolve
    found = find(made)
    assert found.get("method", "anything").name == "anything"
    with pytest.raises(UserError, match="no dataset is called 'anything'"):
        found.get("dataset", "anything")
    with pytest.raises(UserError, match="failed while it looked") as caught:
        found.get("method", "explode")
    assert "boom" in str(caught.value)


def test_every_tracker_hears_although_one_fails():
    heard = []

    def tracker(name, act):
        made = ModuleType(name)

        @hookimpl
        def ccbench_cell_finished(record):
            act(record)

        vars(made)["ccbench_cell_finished"] = ccbench_cell_finished
        return made

    def fail(record):
        raise RuntimeError("down")

    found = find(tracker("one", heard.append), tracker("two", fail), tracker("three", heard.append))
    failures = found.cell_finished({"cell": "x"})
    assert heard == [{"cell": "x"}] * 2
    assert len(failures) == 1
    assert "two" in failures[0]
    assert "down" in failures[0]


def test_entry_points_come_in_a_fixed_order_and_ours_first(monkeypatch):
    def point(name, dist, made):
        return SimpleNamespace(name=name, value=made.__name__, dist=SimpleNamespace(name=dist), load=lambda: made)

    ours = point("zz", "ccbench", module("ours", ccbench_methods=[spec()]))
    theirs = point("aa", "thief", module("theirs", ccbench_methods=[spec()]))
    broken_point = SimpleNamespace(name="bb", value="gone", dist=SimpleNamespace(name="gone"), load=lambda: 1 / 0)
    for points in ([theirs, ours, broken_point, ours], [broken_point, ours, theirs]):
        monkeypatch.setattr(module_under_test, "entry_points", lambda group, points=points: points)
        found = Plugins()
        assert [p.name for p in found.found[len(BUILTIN) :]] == ["zz", "aa", "bb"]
        assert found.owner("method", "mine").distribution == "ccbench"
        assert set(broken(found)) == {"aa", "bb"}
        assert "thief (theirs)" in broken(found)["aa"]


def test_no_installed_plugin_is_broken_and_every_kind_is_offered():
    found = Plugins()
    assert broken(found) == {}
    assert all(found.all(kind) for kind in KINDS)


DEPTH = (Param(name="depth", default=3, low=1, high=6, doc=""), Param(name="norm", default="a", doc=""))


def deep(*aliases, name="net", **facts):
    return spec(name, params=DEPTH, aliases=aliases, **facts)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("net-3", "net"),  # its parameters are the defaults
        ("net-4", "net[depth=4]"),
        ("net-4[norm=b]", "net[depth=4,norm=b]"),
        ("net-4[depth=4]", "net[depth=4]"),  # what it sets already
        ("net-4b", "net[depth=4,norm=b]"),
        ("nett", "net"),
    ],
)
def test_an_alias_stands_for_its_offer_with_parameters(text, label):
    aliases = Alias("net-3", depth=3), Alias("net-4", depth=4), Alias("net-4b", norm="b", depth="4"), Alias("nett")
    found = find(module("m", ccbench_methods=[deep(*aliases)]))
    assert broken(found) == {}
    assert read_call("method", text, found).label == label == parse(text, found).label
    assert parse(f"{text}+net[fraction=0.5]", found).label == f"{label}+net[fraction=0.5]"
    assert found.get("method", text.partition("[")[0]) is found.get("method", "net")
    assert list(found.all("method")) == ["net"]
    assert found.names("method") == ["net", "net-3", "net-4", "net-4b", "nett"]
    assert found.owner("method", "net-4").name == "m"


def test_an_alias_keeps_what_it_sets():
    found = find(module("m", ccbench_methods=[deep(Alias("net-4", depth=4))]))
    with pytest.raises(UserError, match="net-4 is net with depth=4 and takes no other depth") as caught:
        parse("net-4[depth=5]", found)
    assert caught.value.mend == "net[depth=5]"
    with pytest.raises(UserError, match="did you mean 'net-4'"):
        parse("net4", found)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (deep(Alias("net-7", depth=7)), "alias net-7: net: parameter depth must lie in [1, 6]"),
        (deep(Alias("net-4", deep=4)), "has no parameter 'deep', did you mean 'depth'?"),
        (deep(Alias("net", depth=4)), "'net' is its name already"),
        (deep(Alias("x"), Alias("x", depth=4)), "'x' is its name already"),
        (deep(Alias("Net 4", depth=4)), "aliases are names with parameters"),
        (deep(Alias("net:", depth=4)), "aliases are names with parameters"),
        (deep("net-4"), "aliases are names with parameters"),
        (deep(Alias(5, depth=4)), "aliases are names with parameters"),
        (spec("net", aliases=Alias("net-4")), "aliases are names with parameters, in a tuple"),
        (deep(Alias("net-4", depth=4), name="net:"), "a family has no aliases"),
    ],
)
def test_an_alias_that_cannot_be_meant_is_an_error_of_the_plugin(wrong, reason):
    found = find(module("m", ccbench_methods=[wrong, spec("other")]))
    assert reason in broken(found)["m"]
    assert list(found.all("method")) == ["other"]


@pytest.mark.parametrize("cls", [StageSpec, CommandSpec])
def test_what_users_do_not_name_has_no_aliases(cls):
    with pytest.raises(UserError, match="has one name and no aliases"):
        cls(name="x", target="a:b", version="1", summary="", aliases=(Alias("y"),)).check()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (spec("net-4"), deep(Alias("net-4", depth=4), name="net")),  # an alias is another's name
        (deep(Alias("net-4", depth=4)), spec("net-4")),  # a name is another's alias
        (deep(Alias("net-4", depth=4)), deep(Alias("net-4", depth=5), name="other")),
    ],
)
def test_aliases_clash_like_names(first, second):
    found = find(module("a", ccbench_methods=[first]), module("b", ccbench_methods=[second]))
    assert list(broken(found)) == ["b"]
    assert "method 'net-4' is offered by both" in broken(found)["b"]
    with pytest.raises(UserError, match="offered by both") as caught:
        parse("net-4", found)
    assert all(f"({name})" in str(caught.value) for name in "ab")
    if second.name != "net-4":
        assert found.get("method", second.name) is second  # only the name that clashes is lost


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer to interrupt by")
@pytest.mark.parametrize(
    "source",
    [
        "import time\nwhile True:\n    try:\n        time.sleep(0.05)\n    except Exception:\n        pass\n",
        "from ccbench import hookimpl\n@hookimpl\ndef ccbench_methods():\n    while True:\n        pass\n",
    ],
    ids=["import", "hook"],
)
def test_a_plugin_that_never_ends_is_given_up_and_named(source, tmp_path, monkeypatch):
    (tmp_path / "endless_plugin.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("CCBENCH_PLUGIN_SECONDS", "0.5")
    monkeypatch.delitem(sys.modules, "endless_plugin", raising=False)
    before = signal.getsignal(signal.SIGALRM)
    found = Plugins(discover=False, extra=("endless_plugin", "cc_plugins.quantizers"))
    (broken,) = found.broken()
    assert broken.name == "endless_plugin"
    assert "given up after 0.5 s" in broken.errors[-1]
    assert found.get("method", "mediancut")
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_hook_that_never_ends_offering_is_named():
    made = ModuleType("generous")
    vars(made)["ccbench_methods"] = hookimpl(lambda: iter(int, 1))
    (broken,) = Plugins(discover=False, extra=(made,)).broken()
    assert "offers more than 10,000 methods" in broken.errors[-1]
    assert len(broken.errors) < 10_010
