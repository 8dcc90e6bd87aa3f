"""A method of a third party that begins with what another method selects (``Param(choices="method")``)."""

import types
from dataclasses import replace

import numpy as np
import pytest

from ccbench.archive import CompressedDataset
from ccbench.budget import Budget
from ccbench.errors import Skipped, UserError
from ccbench.methods import identity
from ccbench.methods.compress import compress
from ccbench.methods.ready import unready
from ccbench.methods.task import Task
from ccbench.offers.expressions import parse
from ccbench.plugin import MethodSpec, Param, hookimpl
from ccbench.testing.lab import Lab

INIT = Param(name="init", default="herding", choices="method", words=("none",), doc="what it begins with")


class Inverted:
    """Keep the images that another method selects, at the positions counted from the end."""

    def __init__(self, *, init):
        self.init = init

    def compress(self, task):
        chosen = np.arange(4) if self.init == "none" else task.selection("init")
        return CompressedDataset.subset(task.dataset, np.sort(len(task.dataset.labels) - 1 - chosen))


class Asks(Inverted):
    def compress(self, task):
        task.selection("other")


SPEC = MethodSpec(
    name="inverted", target=f"{__name__}:Inverted", version="1", summary="a test", params=(INIT,), random=False
)
MORE = (
    MethodSpec(name="asks", target=f"{__name__}:Asks", version="1", summary="a test", params=(INIT,), random=False),
    MethodSpec(name="never", target=f"{__name__}:Asks", version="1", summary="a test", ready=f"{__name__}:not_ready"),
)


def not_ready(params, device):
    return "it never is"


def plugin(*specs):
    module = types.ModuleType("selection_toys")
    vars(module)["ccbench_methods"] = hookimpl(lambda: list(specs))
    return module


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return Lab("random", extra=(plugin(SPEC, *MORE),), folder=tmp_path_factory.mktemp("lab"))


def make(lab, text, ipc=2, seed=0):
    bench = lab.bench()
    return compress(parse(text, lab.plugins), Budget.from_ipc(ipc, bench.root.shape), bench, seed=seed)


@pytest.mark.parametrize("method", ["herding", "random", "ccs[score=el2n]", "random[ipc=3]"])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_gets_what_the_other_keeps_in_a_row_of_its_own(lab, method, seed):
    row = make(lab, method, ipc=3, seed=seed)
    made = make(lab, f"inverted[init={method}]", ipc=3, seed=seed)
    assert np.array_equal(made.ids, np.sort(len(lab.splits.train.labels) - 1 - row.ids))


def test_words_beside_methods_are_no_methods(lab):
    made = make(lab, "inverted[init=none]")
    assert made.ids.tolist() == list(range(len(lab.splits.train.labels) - 4, len(lab.splits.train.labels)))
    assert not parse("inverted[init=none]", lab.plugins).steps[0].named


def test_what_it_depends_on_counts(lab):
    def facts(text):
        return identity.method(lab.bench().setting, parse(text, lab.plugins))

    assert not parse("inverted", lab.plugins).random
    assert parse("inverted[init=random]", lab.plugins).random
    assert parse("inverted", lab.plugins).needs == ("proxy", "last-layer")
    assert facts("inverted")[0]["methods"] == facts("herding")
    assert "methods" not in facts("inverted[init=none]")[0]
    task, spec = Task.whole(lab.bench()), lab.plugins.get("method", "inverted")
    named = ("none", "herding", "herding[ipc=2]", "herding[proxy=convnet]")
    assert len({replace(task, asker=(spec, {"init": init})).depends for init in named}) == 4


def test_a_parameter_that_names_no_method_is_refused(lab):
    with pytest.raises(UserError, match="no parameter 'other' that names a method"):
        make(lab, "asks")


def test_the_others_reason_to_decline_is_this_rows(lab):
    with pytest.raises(Skipped, match=r"^ids: ids: it names no file"):
        make(lab, "inverted[init=ids]")


def test_a_method_that_is_not_ready_is_said_before_anything_runs(lab):
    assert unready(parse("inverted[init=never]", lab.plugins), "cpu") == "never: it never is"


def test_what_selects_nothing_is_refused_where_it_is_read(lab):
    for method in ("dcq", "full", "jpeg"):
        with pytest.raises(UserError, match="names a method that selects training images"):
            parse(f"inverted[init={method}]", lab.plugins)


def test_words_stand_beside_a_kind_of_offer():
    with pytest.raises(UserError, match="stand beside a kind of offer"):
        replace(SPEC, params=(replace(INIT, choices=("a", "b"), default="a"),)).check()
