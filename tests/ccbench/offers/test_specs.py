import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccbench.errors import UserError
from ccbench.offers.specs import DatasetSpec, MethodSpec, Need, Param, did_you_mean


def spec(**changes):
    facts = {"name": "mine", "target": "collections:OrderedDict", "version": "1", "summary": "x"}
    return MethodSpec(**{**facts, **changes})


PARAMS = (
    Param(name="clusters", default=20, low=1, high=100, doc=""),
    Param(name="rate", default=0.5, low=0, doc=""),
    Param(name="mode", default="a", choices=("a", "b"), doc=""),
    Param(name="refine", default=True, doc=""),
    Param(name="size", default=None, type=int, low=2, doc=""),
)


@pytest.mark.parametrize(
    ("given_", "value"),
    [
        ({"clusters": "7"}, 7),
        ({"rate": "1e-3"}, 0.001),
        ({"mode": "b"}, "b"),
        ({"refine": "false"}, False),
        ({"refine": "YES"}, True),
        ({"refine": False}, False),
        ({"size": "auto"}, None),
        ({"size": "none"}, None),
        ({"size": "8"}, 8),
    ],
)
def test_parameters_are_typed(given_, value):
    read = spec(params=PARAMS).read_params(given_)
    assert read[next(iter(given_))] == value
    assert type(read[next(iter(given_))]) is type(value)
    assert list(read) == [p.name for p in PARAMS]


@pytest.mark.parametrize(
    "given_",
    [
        {"clusters": "0"},
        {"clusters": "101"},
        {"clusters": "1.5"},
        {"clusters": "x"},
        {"clusters": ""},
        {"rate": "-1"},
        {"rate": "nan"},
        {"rate": "x"},
        {"mode": "c"},
        {"refine": "maybe"},
        {"refine": "2"},
        {"size": "1"},
        {"size": "x"},
        {"unknown": "1"},
    ],
)
def test_bad_parameters_name_themselves(given_):
    with pytest.raises(UserError) as caught:
        spec(params=PARAMS).read_params(given_)
    assert next(iter(given_)) in str(caught.value)
    assert "mine" in str(caught.value)


def test_a_mistyped_parameter_gets_a_suggestion():
    with pytest.raises(UserError, match="did you mean 'clusters'"):
        spec(params=PARAMS).read_params({"cluster": "3"})


@given(st.integers(1, 100))
def test_what_is_in_bounds_comes_back(value):
    assert PARAMS[0].read(str(value), "x") == value
    assert PARAMS[0].read(value, "x") == value


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Mine"},
        {"name": "a b"},
        {"name": ""},
        {"name": "-a"},
        {"name": 3},
        {"name": "a:b"},
        {"target": "no_colon"},
        {"target": "a:b:c"},
        {"target": "os; rm:x"},
        {"target": None},
        {"version": ""},
        {"version": 1},
        {"params": ({"name": "x"},)},
        {"budgets": "all"},
    ],
)
def test_malformed_specs_are_refused(change):
    with pytest.raises(UserError):
        spec(**change).check()


@pytest.mark.parametrize("name", ["dcq", "dcq-2", "a.b", "a_b", "3x", "family:"])
def test_good_names(name):
    spec(name=name).check()


def test_build_gives_every_parameter_by_keyword():
    made = spec(params=PARAMS).build(clusters="3")
    assert dict(made) == {"clusters": 3, "rate": 0.5, "mode": "a", "refine": True, "size": None}


def test_a_target_inside_a_class():
    assert spec(target="pathlib:Path.cwd").load().__name__ == "cwd"


def test_specs_are_data():
    import pickle

    one = spec(params=PARAMS)
    assert pickle.loads(pickle.dumps(one)) == one  # crosses process borders
    with pytest.raises(AttributeError):
        one.name = "other"
    assert (spec().kind, DatasetSpec(name="d", target="a:b", version="1", summary="").kind) == ("method", "dataset")


def test_suggestions():
    assert did_you_mean("dqc", ["dcq", "ccs"]) == ", did you mean 'dcq'?"
    assert did_you_mean("zzzzz", ["dcq", "ccs"]) == ""
    assert did_you_mean("", []) == ""


@pytest.mark.parametrize(
    ("needs", "params", "stages"),
    [
        (("proxy", Need("features")), {}, ("proxy", "features")),
        ((Need("teacher", when={"mode": "b"}),), {}, ()),
        ((Need("teacher", when={"mode": "b"}),), {"mode": "b"}, ("teacher",)),
        ((Need("teacher", when={"mode": ("a", "b")}),), {"mode": "b"}, ("teacher",)),
        ((Need("teacher", when={"mode": "a", "refine": False}),), {}, ()),
        ((Need("teacher", when={"mode": "a", "refine": False}),), {"refine": "no"}, ("teacher",)),
        ((Need("teacher", when={"size": None}),), {}, ("teacher",)),
        ((Need("teacher", when={"size": None}),), {"size": "4"}, ()),
        ((Need("teacher", unless={"mode": ("b",)}),), {}, ("teacher",)),
        ((Need("teacher", unless={"mode": "b", "size": 4}),), {"size": "4"}, ()),
        ((Need("teacher", when={"mode": "a"}, unless={"size": 4}),), {"size": "4"}, ()),
        ((Need("teacher", unless={"rate": 0}),), {"rate": "0.0"}, ()),
        ((Need("teacher", when={"rate": 1}),), {"rate": "1.0"}, ("teacher",)),
        (("score", Need("score", score="aum"), Need("score", when={"mode": "b"})), {}, ("score",)),
    ],
)
def test_a_need_is_asked_for_where_its_conditions_hold(needs, params, stages):
    one = spec(params=PARAMS, needs=needs)
    one.check()
    assert one.stages(one.read_params(params)) == stages
    assert [need.stage for need in one.asks()] == [n if isinstance(n, str) else n.stage for n in needs]


def test_a_need_sets_parameters_of_the_stage_and_reads_as_it_is_meant():
    need = Need("score", when={"mode": ("a", "b"), "size": 3}, score="aum", stage=2)
    assert dict(need.params) == {"score": "aum", "stage": 2}
    assert str(need) == "score[score=aum,stage=2] where mode is a or b and size is 3"
    assert need == Need("score", when={"mode": ("a", "b"), "size": 3}, score="aum", stage=2) != Need("score")
    assert len({need, Need("score"), Need("score")}) == 2
    assert pickle.loads(pickle.dumps(need)) == need


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        (("score[score=aum]",), 'Need("score", score="aum")'),  # no little language
        (("teacher?mode=b",), "needs are names of stages"),
        ((3,), "needs are names of stages"),
        ((Need("Teacher"),), "needs are names of stages"),
        ((Need("score", score="aum[t={nothing}]"),), "braces name no parameter"),
        ((Need("score", score="aum[t={]"),), "braces name no parameter"),
        ((Need("teacher", unless={"mod": "b"}),), "no such parameter, did you mean 'mode'?"),
        ((Need("teacher", when={"mod": "b"}),), "no such parameter, did you mean 'mode'?"),
        ((Need("teacher", when={"mode": "c"}),), "mode is 'c', which it never is"),
        ((Need("teacher", when={"mode": ("a", "c")}),), "takes one of a, b"),
        ((Need("teacher", when={"clusters": 101}),), "must lie in"),
        ((Need("teacher", when={"refine": "maybe"}),), "takes bool"),
    ],
)
def test_a_need_that_cannot_be_meant_is_an_error_of_the_plugin(needs, message):
    with pytest.raises(UserError) as caught:
        spec(params=PARAMS, needs=needs).check()
    assert message in str(caught.value)
    assert "method mine: " in str(caught.value)
