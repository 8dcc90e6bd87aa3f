"""``--methods all`` is every method there is; what cannot run says why."""

from types import ModuleType

from ccbench import hookimpl
from ccbench.budget import DataShape
from ccbench.offers.discovery import Plugins
from ccbench.offers.specs import MethodSpec
from ccbench.runner.plan import Data, Request, make_plan

SHAPE = DataShape(1297, 32, 32, 10)


def plan(methods, plugins, ratio="0.9231"):
    return make_plan(
        Request(methods=methods, budgets=(("ratio", ratio),), seeds=1, snap=False), plugins, lambda name: Data(SHAPE)
    )


def test_all_is_every_method_once():
    plugins = Plugins()
    made = plan(("all", "dcq", "random"), plugins)
    assert [c.method for c in made.cells] == sorted(name for name in plugins.all("method") if not name.endswith(":"))
    skips = {c.method: c.skip for c in made.cells}
    assert "can only keep q of 24 bits" in skips["dcq"]  # not on the palette grid, and --no-snap
    assert skips["random"] == skips["full"] == ""


def test_a_method_of_that_name_is_the_method():
    offer = ModuleType("offer")
    vars(offer)["ccbench_methods"] = hookimpl(
        lambda: [MethodSpec(name="all", target="a:B", version="1", summary="x")], specname="ccbench_methods"
    )
    assert [c.method for c in plan(("all",), Plugins(extra=(offer,))).cells] == ["all"]
