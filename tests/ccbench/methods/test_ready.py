"""Methods that say before a run starts why they cannot run here."""

import sys
from types import ModuleType

import pytest

from ccbench import MethodSpec, Need, Param, hookimpl
from ccbench.budget import DataShape
from ccbench.methods.ready import unready
from ccbench.offers.discovery import Plugins
from ccbench.runner.plan import Data, Request, make_plan


class Picky:
    """A method that is ready where ``model`` is ``there``."""

    __name__ = "picky"

    @hookimpl
    def ccbench_methods(self):
        return [
            MethodSpec(
                name="picky",
                target="picky_methods:Picky",
                version="1",
                summary="needs a model",
                ready="picky_methods:ready",
                identity="picky_methods:identity",
                params=(
                    Param(name="model", default="missing", doc="there or missing"),
                    Param(name="size", default="small", doc="small or large"),
                ),
                needs=(
                    "proxy",
                    Need("teacher", when={"model": ("there", "elsewhere")}),
                    Need("features", when={"size": "large", "model": "elsewhere"}),
                ),
            )
        ]


@pytest.fixture
def plugins(monkeypatch):
    module = ModuleType("picky_methods")

    def ready(params, device):
        if params["model"] == "broken":
            raise ValueError("no good")
        return None if params["model"] == "there" else f"the model is not here ({device});\n run get-model"

    def identity(params):
        return {"there": module.files, "broken": 1 / 0 if params["model"] == "broken" else ""}.get(params["model"], "")

    vars(module).update(ready=ready, identity=identity, files="one")
    monkeypatch.setitem(sys.modules, "picky_methods", module)
    return Plugins(
        discover=False,
        extra=(Picky(), *(f"cc_plugins.{name}" for name in ("architectures", "coresets", "datasets", "protocols"))),
    )


def plan(plugins, *methods):
    request = Request(methods=methods, budgets=(("ratio", "0.9"),), datasets=("photodigits",), seeds=2)
    return make_plan(request, plugins, lambda name: Data(DataShape(100, 8, 8, 2)), device="cpu")


def test_a_method_that_is_not_ready_is_skipped_with_its_reason_and_the_others_go_on(plugins):
    made = plan(plugins, "picky", "random")
    assert made.problems == ["picky: the model is not here (cpu); run get-model"]
    assert {c.method: c.skip for c in made.cells} == {"picky": made.problems[0], "random": ""}


def test_a_pipeline_asks_each_of_its_steps(plugins):
    assert "not here" in plan(plugins, "random[fraction=0.5]+picky").problems[0]


def test_one_that_is_ready_raises_no_problem(plugins):
    made = plan(plugins, "picky[model=there]")
    assert made.problems == []
    assert not made.cells[0].skip


def test_a_check_that_fails_is_a_reason_too(plugins):
    from ccbench.offers.expressions import parse

    assert unready(parse("picky[model=broken]", plugins), None) == "picky: its check failed with ValueError: no good"


def test_what_a_method_reads_outside_its_parameters_is_part_of_its_version(plugins):
    def cell():
        return plan(plugins, "picky[model=there]").cells[0]

    one = cell()
    assert one.method_version.startswith("1@")
    assert cell() == one
    vars(sys.modules["picky_methods"])["files"] = "two"
    assert cell().id != one.id
    assert plan(plugins, "picky", "random").cells[0].method_version == "1"
    assert plan(plugins, "picky[model=broken]", "random").cells[0].method_version == "1"


def test_needs_follow_the_parameters(plugins):
    from ccbench.offers.expressions import parse

    assert parse("picky", plugins).needs == ("proxy",)
    assert parse("picky[model=there]", plugins).needs == ("proxy", "teacher")
    assert parse("picky[model=elsewhere]", plugins).needs == ("proxy", "teacher")
    assert parse("picky[model=elsewhere,size=large]", plugins).needs == ("proxy", "teacher", "features")
    assert parse("picky[size=large]", plugins).needs == ("proxy",)
