"""``--methods all`` is every method there is but costly ones; what cannot run says why."""

from types import ModuleType

import pytest

from ccbench import UserError, hookimpl
from ccbench.budget import DataShape
from ccbench.offers.discovery import Plugins
from ccbench.offers.specs import GroupSpec, MethodSpec
from ccbench.runner.plan import Data, Request, make_plan

SHAPE = DataShape(1297, 32, 32, 10)


def plan(methods, plugins, ratio="0.9231"):
    return make_plan(
        Request(methods=methods, budgets=(("ratio", ratio),), seeds=1, snap=False), plugins, lambda name: Data(SHAPE)
    )


def test_all_is_every_method_once():
    plugins = Plugins()
    made = plan(("all", "dcq", "random"), plugins)
    specs = [plugins.get("method", name) for name in plugins.all("method") if not name.endswith(":")]
    assert [c.method for c in made.cells] == sorted(spec.name for spec in specs if not spec.costly)
    assert not {"dm", "mtt", "g-vbsm"} & {c.method for c in made.cells}
    skips = {c.method: c.skip for c in made.cells}
    assert "can only keep q of 24 bits" in skips["dcq"]  # not on the palette grid, and --no-snap
    assert skips["random"] == skips["full"] == ""


def costly(*names, group=""):
    offer = ModuleType("offer")
    made = [MethodSpec(name=n, target="a:B", version="1", summary="x", costly=True) for n in names]
    vars(offer)["ccbench_methods"] = hookimpl(lambda: made, specname="ccbench_methods")
    if group:
        known = [GroupSpec(name=group, methods=names, summary="x")]
        vars(offer)["ccbench_groups"] = hookimpl(lambda: known, specname="ccbench_groups")
    return Plugins(
        discover=False, extra=("cc_plugins.coresets", "cc_plugins.protocols", "cc_plugins.architectures", offer)
    )


def test_all_leaves_costly_methods_out_and_says_so_in_one_line():
    one = plan(("all", "ccs[fraction=0.5]"), costly("slow", "slower"))
    assert not {"slow", "slower"} & {c.method for c in one.cells}
    (line,) = (note for note in one.notes if "leaves out" in note)
    assert line == "all leaves out slow, slower, which take many hours at their defaults: ask for them by name"
    grouped = costly("slow", "slower", group="long")
    (line,) = (note for note in plan(("all", "slow"), grouped).notes if "leaves out" in note)
    assert line == (
        "all leaves out slower, which take many hours at their defaults: ask for them by name or with all-long"
    )
    for methods in (("all-long",), ("all", "all-long"), ("slow", "all", "slower")):
        made = plan(methods, grouped)
        assert {"slow", "slower"} <= {c.method for c in made.cells}
        assert not [note for note in made.notes if "leaves out" in note]
    assert not [note for note in plan(("random",), grouped).notes if "leaves out" in note]


def test_a_method_of_that_name_is_the_method():
    offer = ModuleType("offer")
    vars(offer)["ccbench_methods"] = hookimpl(
        lambda: [MethodSpec(name="all", target="a:B", version="1", summary="x")], specname="ccbench_methods"
    )
    assert [c.method for c in plan(("all",), Plugins(extra=(offer,))).cells] == ["all"]


def groups(*specs):
    offer = ModuleType("offer")
    vars(offer)["ccbench_groups"] = hookimpl(lambda: list(specs), specname="ccbench_groups")
    return Plugins(extra=(offer,))


def test_a_group_is_each_of_its_methods_once():
    plugins = groups(GroupSpec(name="mine", methods=("random", "dcq"), summary="x"))
    assert [c.method for c in plan(("all-mine", "random", "full"), plugins).cells] == ["random", "dcq", "full"]
    ours = {c.method for c in plan(("all-coresets", "all-quantizers"), plugins).cells}
    kinds = {name: spec.budgets for name, spec in plugins.all("method").items()}
    assert {"random", "ccs", "tdds", "mediancut", "kmeans"} <= ours
    assert {kinds[name] for name in ours} == {"fraction", "bits"}
    assert "ids" not in ours


def test_a_group_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(UserError, match="no group is called 'coreset', did you mean 'coresets'") as refused:
        plan(("all-coreset",), Plugins())
    assert refused.value.mend == "ccbench list groups shows what there is"


def test_a_method_of_a_groups_name_is_the_method():
    offer = ModuleType("offer")
    vars(offer)["ccbench_methods"] = hookimpl(
        lambda: [MethodSpec(name="all-coresets", target="a:B", version="1", summary="x")], specname="ccbench_methods"
    )
    assert [c.method for c in plan(("all-coresets",), Plugins(extra=(offer,))).cells] == ["all-coresets"]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (GroupSpec(name="none", summary="x"), "methods are names"),
        (GroupSpec(name="text", methods="random", summary="x"), "methods are names"),
        (GroupSpec(name="odd", methods=("Not A Name",), summary="x"), "methods are names"),
        (GroupSpec(name="run", methods=("random",), target="a:b", summary="x"), "no target"),
    ],
)
def test_a_malformed_group_breaks_its_plugin_alone(spec, told):
    plugins = groups(spec)
    assert any(told in error for plugin in plugins.broken() for error in plugin.errors)
    assert spec.name not in plugins.all("group")
