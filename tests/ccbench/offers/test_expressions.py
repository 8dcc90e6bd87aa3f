from fractions import Fraction
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccbench.budget import Budget, DataShape
from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import parse, split
from ccbench.offers.hookspecs import hookimpl
from ccbench.offers.specs import MethodSpec, Param

SHAPE = DataShape(50_000, 32, 32, 10)


def offering(*specs):
    module = ModuleType("offering")

    @hookimpl
    def ccbench_methods():
        return list(specs)

    vars(module)["ccbench_methods"] = ccbench_methods
    return Plugins(extra=(module,), discover=False)


def method(name, **facts):
    return MethodSpec(name=name, target="a:b", version="1", summary="", **facts)


PLUGINS = offering(
    method(
        "quant",
        budgets="bits",
        random=False,
        needs=("proxy", "features"),
        params=(
            Param(name="clusters", default=20, low=1, doc=""),
            Param(name="cam", default="gradcam++", doc=""),
            Param(name="rate", default=0.5, doc=""),
            Param(name="refine", default=True, doc=""),
        ),
    ),
    method("pick", needs=("proxy",), params=(Param(name="score", default="aum", doc=""),)),
    method("own", params=(Param(name="fraction", default=0.3, doc=""),)),
    method("all", budgets="none", random=False),
    method("deep:", params=(Param(name="seed", default=0, doc=""),)),
)


def test_lists_split_at_the_commas_outside_brackets():
    text = "dcq[clusters=20,attention=none], ccs,,a[x=1]+b[y=2,z=3],"
    assert split(text) == ["dcq[clusters=20,attention=none]", "ccs", "a[x=1]+b[y=2,z=3]"]
    assert split("") == []


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("quant", "quant"),
        (" quant [ clusters = 20 ] ", "quant"),
        ("quant[refine=yes,clusters=5]", "quant[clusters=5]"),
        ("quant[refine=no,clusters=5]", "quant[clusters=5,refine=false]"),
        ("quant[clusters=5,refine=false]", "quant[clusters=5,refine=false]"),
        ("quant[rate=0.50]", "quant"),
        ("quant[clusters=5,bits=2]", "quant[bits=2,clusters=5]"),
        ("pick[fraction=0.1]+quant[bits=2]", "pick[fraction=0.1]+quant[bits=2]"),
        ("pick + quant", "pick+quant"),
        ("quant[]", "quant"),
        ("deep:Craig[seed=3]", "deep:Craig[seed=3]"),
        ("own[fraction=0.5]", "own[fraction=0.5]"),
        ("pick[fraction=0.10]", "pick[fraction=0.1]"),
        ("pick[fraction=1e-1]", "pick[fraction=0.1]"),
        ("quant[bits=2.0]", "quant[bits=2]"),
        ("pick[bytes=10000]", "pick[bytes=10000]"),
        ("pick[fraction=1/12]", "pick[fraction=1/12]"),
    ],
)
def test_one_meaning_has_one_label(text, label):
    expression = parse(text, PLUGINS)
    assert expression.label == label
    assert parse(label, PLUGINS) == expression or parse(label, PLUGINS).label == label


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "clusters": st.integers(1, 1000),
            "cam": st.sampled_from(["none", "rise", "gradcam++"]),
            "rate": st.floats(0, 1, allow_nan=False),
            "refine": st.booleans(),
        },
    ),
    st.randoms(),
)
def test_labels_come_back(given_, random):
    items = list(given_.items())
    random.shuffle(items)
    text = f"quant[{','.join(f'{k}={v}' for k, v in items)}]" if items else "quant"
    first = parse(text, PLUGINS)
    again = parse(first.label, PLUGINS)
    assert again.label == first.label
    assert again.steps[0].params == first.steps[0].params


@given(st.floats(0, 1), st.floats(0, 1))
def test_different_parameters_have_different_labels(one, two):
    labels = {parse(f"quant[rate={v!r}]", PLUGINS).label for v in (one, two, one + 1e-12)}
    assert len(labels) == len({one, two, one + 1e-12})


@pytest.mark.parametrize(
    "text",
    [
        *["", " ", "+", "quant+", "+quant", "quant quant", "quant[", "quant]", "quant[clusters]", "quant[=5]"],
        *["quant[clusters=]", "quant[clusters=5", "quant[clusters=5]]", "quant[clusters=5][rate=1]", "quant,pick"],
        *["quant[clusters=5,clusters=6]", "quant[bits=2,ratio=0.9]", "quant[bits=2,bits=2]", "quant[klusters=5]"],
        *["quan", "all[bits=2]", "all+quant", "pick+all", "quant[clusters=0]", "deep:", "quant[a[b]=c]"],
    ],
)  # fmt: skip
def test_what_cannot_be_read(text):
    with pytest.raises(UserError):
        parse(text, PLUGINS)


@given(st.text(alphabet="abq[]=,+ .:1", max_size=20))
def test_no_text_gives_a_traceback(text):
    try:
        expression = parse(text, PLUGINS)
    except UserError:
        return
    assert expression.steps


def test_suggestions():
    with pytest.raises(UserError, match="did you mean 'quant'"):
        parse("qaunt", PLUGINS)
    with pytest.raises(UserError, match="did you mean 'clusters'"):
        parse("quant[cluster=3]", PLUGINS)


def test_the_papers_pipeline_worked_by_hand():
    """DCQ, Table 4: 10 % of the images at 2 bits, whatever ratio the run asks for."""
    expression = parse("pick[fraction=0.1]+quant[bits=2]", PLUGINS)
    asked = Budget.from_ratio("0.5")
    total = expression.budget(asked, SHAPE)
    assert total.kept == Fraction(1, 120)
    assert [b.kept for b in expression.budgets(total, SHAPE)] == [Fraction(1, 10), Fraction(1, 12)]
    assert expression.needs == ("proxy", "features")
    assert expression.random
    assert not parse("quant", PLUGINS).random


def test_an_open_step_gets_what_the_fixed_ones_leave():
    expression = parse("pick+quant[bits=2]", PLUGINS)
    asked = Budget.from_fraction(Fraction(1, 24))
    assert expression.budget(asked, SHAPE) == asked
    assert [b.kept for b in expression.budgets(asked, SHAPE)] == [Fraction(1, 2), Fraction(1, 12)]
    with pytest.raises(UserError, match="at most one step"):
        parse("pick+quant", PLUGINS).budgets(asked, SHAPE)


def test_each_unit_fixes_a_budget():
    for text, kept in (
        ("pick[ratio=0.9]", Fraction(1, 10)),
        ("pick[bits=3]", Fraction(1, 8)),
        ("pick[fraction=0.25]", Fraction(1, 4)),
        ("pick[ipc=50]", Fraction(1, 100)),
        ("pick[bytes=1536000]", Fraction(1, 100)),
    ):
        assert parse(text, PLUGINS).budget(Budget.from_ratio("0.5"), SHAPE).kept == kept
    with pytest.raises(UserError):
        parse("pick[ratio=2]", PLUGINS).budget(Budget.from_ratio("0.5"), SHAPE)


def test_a_parameter_of_the_method_hides_the_budgets_name():
    expression = parse("own[fraction=0.5]", PLUGINS)
    assert expression.steps[0].budget is None
    assert dict(expression.steps[0].params) == {"fraction": 0.5}


def test_the_reference_keeps_everything():
    expression = parse("all", PLUGINS)
    assert expression.reference
    assert expression.budget(Budget.from_ratio("0.9"), SHAPE).kept == 1


def test_an_amount_in_a_later_step_counts_against_the_whole_set():
    # 50 images per class of 5,000 are 1 % of the set: one fiftieth of the half that the first step keeps
    expression = parse("pick[fraction=0.5]+pick[ipc=50]", PLUGINS)
    assert expression.budget(Budget.from_fraction(1), SHAPE).kept == Fraction(1, 100)
    assert [b.kept for b in expression.budgets(Budget.from_fraction(1), SHAPE)] == [Fraction(1, 2), Fraction(1, 50)]
    size = SHAPE.raw_bytes // 4
    expression = parse(f"pick[fraction=0.5]+pick[bytes={size}]", PLUGINS)
    assert expression.budgets(Budget.from_fraction(1), SHAPE)[1].kept == Fraction(1, 2)


@pytest.mark.parametrize("text", ["pick[fraction=0.01]+pick[ipc=100]", "pick+pick[ipc=100]"])
def test_an_amount_that_says_nothing_or_too_much_is_refused(text):
    with pytest.raises(UserError, match="ipc=100"):
        parse(text, PLUGINS).budgets(Budget.from_fraction("0.1"), SHAPE)
