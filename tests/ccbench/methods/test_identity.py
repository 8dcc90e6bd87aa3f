"""Every axis that can change a number: changed, it is another cell, another file, another stage."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ccbench import ArchitectureSpec, DatasetSpec, MethodSpec, Need, Param, ProtocolSpec, ScoreSpec, StageSpec, hookimpl
from ccbench.budget import Budget, DataShape
from ccbench.data import DataSource, ImageDataset
from ccbench.errors import UserError
from ccbench.methods import identity
from ccbench.methods.task import StageContext, Task, Workbench, run_stage
from ccbench.methods.teacher_source import TeacherSource
from ccbench.offers.discovery import Plugins
from ccbench.runner.artifacts import artifact_key
from ccbench.runner.plan import Data, Request, make_plan, option_text
from ccbench.store import Store
from ccbench.training import load_protocol

HERE = __name__


class Nothing:
    def __init__(self, **params):
        pass


def table(lr=0.1, labels="hard", teacher_lr=0.1):
    recipe = {"architecture": "plain", "batch": 4, "epochs": 1.0}
    return {
        "train": recipe | {"lr": lr, "labels": labels},
        "proxy": recipe | {"lr": lr},
        "teacher": recipe | {"lr": teacher_lr},
    }


def mean_look(context):
    return {"mean": np.asarray(context.stage("features")["features"]).mean(0)}


def five(params):
    return 5


def raising(params):
    raise ZeroDivisionError("no identity")


class Offers:
    """Plugins whose versions are set from outside."""

    __name__ = "offers"

    def __init__(self, folder, **versions):
        self.versions, self.file = versions, folder / "ids.txt"
        if not self.file.exists():
            self.file.write_text("1 2 3")

    def _spec(self, cls, name, target="Nothing", **more):
        return cls(name=name, target=f"{HERE}:{target}", version=self.versions.get(name, "1"), summary="x", **more)

    @hookimpl
    def ccbench_methods(self):
        proxy = Param(name="proxy", default=None, type=str, doc="x")
        by = Param(name="by", default="aim", choices="score", doc="x")
        return [
            self._spec(MethodSpec, "plainly", params=(Param(name="strength", default=1, doc="x"),), random=False),
            self._spec(MethodSpec, "by-file", params=(Param(name="ids", default=self.file, type=Path, doc="x"),)),
            self._spec(MethodSpec, "seen", params=(proxy,), needs=("mean-look",), random=False),
            self._spec(MethodSpec, "ranked", params=(by, proxy), needs=(Need("score", score="aim"),)),
            self._spec(MethodSpec, "taught", needs=("teacher",)),
            self._spec(MethodSpec, "taught-by-a-stage", needs=("teacher-look",)),
            self._spec(
                MethodSpec, "lost-file", params=(Param(name="ids", default="/no/such/file", type=Path, doc="x"),)
            ),
            self._spec(MethodSpec, "odd", identity=f"{HERE}:five"),
            self._spec(MethodSpec, "raising", identity=f"{HERE}:raising"),
        ]

    @hookimpl
    def ccbench_datasets(self):
        return [self._spec(DatasetSpec, "d")]

    @hookimpl
    def ccbench_stages(self):
        # it has no parameter called proxy, and reads the proxy's features all the same
        teacher = self._spec(StageSpec, "teacher-look", needs=("teacher",))
        return [self._spec(StageSpec, "mean-look", "mean_look", needs=("features",)), teacher]

    @hookimpl
    def ccbench_scores(self):
        return [self._spec(ScoreSpec, name, params=(Param(name="t", default=1, doc="x"),)) for name in ("aim", "bim")]

    @hookimpl
    def ccbench_architectures(self):
        width = (Param(name="width", default=8, doc="x"),)
        on = Param(name="base", default="plain", choices="architecture", doc="x")
        wrapped = self._spec(ArchitectureSpec, "wrapped", params=(on,))
        return [*(self._spec(ArchitectureSpec, name, params=width) for name in ("plain", "fancy")), wrapped]

    @hookimpl
    def ccbench_protocols(self):
        rates = (Param(name="lr", default=0.1, doc="x"), Param(name="teacher_lr", default=0.1, doc="x"))
        labels = Param(name="labels", default="teacher", doc="x")
        return [
            self._spec(ProtocolSpec, "hard", "table", params=rates),
            self._spec(ProtocolSpec, "soft", "table", params=(*rates, labels)),
        ]


DATA = Data(DataShape(40, 8, 8, 2), "train", "test", "")


def planned(folder, method="plainly", data=DATA, versions=None, **asked):
    plugins = Plugins(discover=False, extra=(Offers(folder, **(versions or {})),))
    assert not plugins.broken()
    facts = {"methods": (method,), "budgets": (("fraction", "0.5"),), "datasets": ("d",), "protocols": ("hard",)}
    return make_plan(Request(**{**facts, "seeds": 1, **asked}), plugins, lambda name: data)


def cell(folder, method="plainly", **asked):
    """The one cell of a request, and the key of its file."""
    plan = planned(folder, method, **asked)
    (found,) = plan.cells
    assert not found.skip, found.skip
    return found, artifact_key(found, plan.expressions[found.method])


CHANGES = {  # what is changed: (method, what is asked for then, whether the file is another one too)
    "dataset": ("plainly", {"data": replace(DATA, digest="other")}, True),
    "test split": ("plainly", {"data": replace(DATA, test_digest="other")}, False),
    "image size": ("plainly", {"data": replace(DATA, options="image_size=8")}, False),
    "method": ("taught", {"method": "plainly"}, True),
    "method's parameter": ("plainly", {"method": "plainly[strength=2]"}, True),
    "method's version": ("plainly", {"versions": {"plainly": "2"}}, True),
    "method's score": ("ranked", {"method": "ranked[by=bim]"}, True),
    "score's parameter": ("ranked", {"method": "ranked[proxy=fancy]"}, True),
    "score's version": ("ranked", {"versions": {"aim": "2"}}, True),
    "stage's version": ("seen", {"versions": {"mean-look": "2"}}, True),
    "version of the network behind a stage": ("seen", {"versions": {"plain": "2"}}, True),
    "proxy recipe": ("seen", {"protocols": ("hard[lr=0.2]",)}, True),
    "proxy's number format": ("seen", {"precision": "bfloat16"}, True),
    "proxy's threads": ("seen", {"threads": 2}, True),
    "teacher's recipe": ("taught", {"protocols": ("hard[teacher_lr=0.2]",)}, True),
    "user's teacher": ("taught", {"teacher": TeacherSource(architecture="fancy")}, True),
    "content of the teacher's file": ("taught", {"teacher": TeacherSource(file="x", digest="1")}, True),
    "budget": ("plainly", {"budgets": (("fraction", "0.25"),)}, True),
    "match": ("plainly", {"match": "bytes"}, True),
    "network": ("plainly", {"architectures": ("fancy",)}, False),
    "network's parameter": ("plainly", {"architectures": ("plain[width=4]",)}, False),
    "network's version": ("plainly", {"versions": {"plain": "2"}}, False),
    "protocol": ("plainly", {"protocols": ("soft",)}, False),
    "protocol's parameter": ("plainly", {"protocols": ("hard[lr=0.2]",)}, False),
    "protocol's version": ("plainly", {"versions": {"hard": "2"}}, False),
    "number format": ("plainly", {"precision": "bfloat16"}, False),
    "threads": ("plainly", {"threads": 2}, False),
    "base seed": ("plainly", {"base_seed": 7}, True),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_another_cell_and_where_it_touches_the_file_another_file(tmp_path, what):
    method, change, file_too = CHANGES[what]
    one, key = cell(tmp_path, method)
    assert cell(tmp_path, method) == (one, key)
    other, other_key = cell(tmp_path, **{"method": method, **change})
    assert other.id != one.id
    assert (other_key != key) == file_too


def test_a_teacher_in_training_changes_no_file(tmp_path):
    one, key = cell(tmp_path, protocols=("soft",))
    for change in ({"teacher": TeacherSource(architecture="fancy")}, {"protocols": ("soft[teacher_lr=0.2]",)}):
        other, other_key = cell(tmp_path, **{"protocols": ("soft",), **change})
        assert other.id != one.id
        assert other_key == key


@pytest.mark.parametrize(("method", "files"), [("plainly", 1), ("by-file", 3)])
def test_seeds_are_other_cells_and_other_files_where_a_method_is_random(tmp_path, method, files):
    plan = planned(tmp_path, method, seeds=3)
    (expression,) = plan.expressions.values()
    assert len({c.id for c in plan.cells}) == 3
    assert len({artifact_key(c, expression) for c in plan.cells}) == files


def test_the_content_of_a_file_that_a_parameter_names_counts(tmp_path):
    one, key = cell(tmp_path, "by-file")
    (tmp_path / "ids.txt").write_text("3 2 1")
    other, other_key = cell(tmp_path, "by-file")
    assert one.method == other.method
    assert one.method_version.startswith("1@")
    assert {one.method_version, one.id, key}.isdisjoint({other.method_version, other.id, other_key})
    (tmp_path / "ids.txt").unlink()
    (tmp_path / "ids.txt" / "a").mkdir(parents=True)  # a folder counts with everything in it
    empty, _ = cell(tmp_path, "by-file")
    (tmp_path / "ids.txt" / "a" / "x").write_text("1")
    assert cell(tmp_path, "by-file")[0].id != empty.id
    with pytest.raises(UserError, match="names a file that is not there"):
        cell(tmp_path, f"by-file[ids={tmp_path}/none]")


def test_spelling_is_no_axis(tmp_path):
    one = cell(tmp_path, architectures=("plain",), protocols=("hard",))
    same = cell(tmp_path, "plainly[strength=1]", architectures=("plain[ width = 8 ]",), protocols=("hard[lr=.1]",))
    assert same == one


def test_what_has_nothing_to_do_with_a_cell_leaves_it_alone(tmp_path):
    one = cell(tmp_path, "plainly")
    for name in ("aim", "fancy", "mean-look", "soft", "seen"):
        assert cell(tmp_path, "plainly", versions={name: "2"}) == one
    assert cell(tmp_path, "ranked", versions={"bim": "2"}) == cell(tmp_path, "ranked")


def test_an_offer_that_another_stands_on_counts_by_its_version(tmp_path):
    one, _ = cell(tmp_path, architectures=("wrapped",))
    assert cell(tmp_path, architectures=("wrapped",), versions={"fancy": "2"})[0] == one
    other, _ = cell(tmp_path, architectures=("wrapped",), versions={"plain": "2"})
    assert other.id != one.id
    assert other.architecture == one.architecture


def test_two_spellings_of_a_network_are_one_cell(tmp_path):
    assert len(planned(tmp_path, architectures=("plain", "plain[width=8]", "plain[width=4]")).cells) == 2


def test_a_teacher_that_only_a_stage_needs_is_named(tmp_path):
    own, _ = cell(tmp_path, "taught-by-a-stage")
    given, _ = cell(tmp_path, "taught-by-a-stage", teacher=TeacherSource(file="x", digest="0123456789abcdef"))
    assert (own.teacher, given.teacher) == ("", "plain@0123456789ab")
    same, _ = cell(tmp_path, "taught-by-a-stage", teacher=TeacherSource(architecture="plain[width=8]"))
    assert same == own  # it is the protocol's own


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("lost-file", "cannot read /no/such/file"),
        ("odd", "its identity gave int instead of text"),
        ("raising", "its identity failed with ZeroDivisionError"),
    ],
)
def test_a_method_without_an_identity_is_skipped_and_the_others_go_on(tmp_path, method, reason):
    plan = planned(tmp_path, methods=(method, "plainly"))
    skips = {c.method: c.skip for c in plan.cells}
    assert reason in skips[method]
    assert skips["plainly"] == ""


def test_links_in_a_folder_are_followed_but_not_in_circles(tmp_path):
    (tmp_path / "ids.txt").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x").write_text("1")
    (tmp_path / "ids.txt" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "ids.txt" / "circle").symlink_to(tmp_path / "ids.txt")
    one, _ = cell(tmp_path, "by-file")
    (tmp_path / "elsewhere" / "x").write_text("2")
    assert cell(tmp_path, "by-file")[0].id != one.id


def test_a_number_is_one_value_however_its_default_is_written():
    assert Param(name="x", default=1, type=float, doc="").default == 1.0
    assert isinstance(Param(name="x", default=1, type=float, doc="").default, float)


@pytest.mark.parametrize("wrong", [{"match": "size"}, {"precision": "float16"}])
def test_words_that_mean_nothing_are_refused(tmp_path, wrong):
    with pytest.raises(UserError, match="one of"):
        planned(tmp_path, **wrong)


def test_a_kind_that_does_not_exist_is_a_fault_of_the_spec():
    with pytest.raises(UserError, match="name a kind of offer"):
        MethodSpec(name="x", target="a:B", version="1", summary="", params=(Param(name="y", default="", choices="skore",
                   doc=""),)).check()  # fmt: skip


def test_options_are_read_as_they_are_written():
    assert option_text(DataSource()) == ""
    assert option_text(DataSource(image_size=8, skip_bad=True)) == "image_size=8,skip_bad=true"


# stages


@pytest.fixture
def bench(tmp_path):
    images = np.arange(8 * 8 * 8 * 3, dtype=np.uint32).reshape(8, 8, 8, 3).astype(np.uint8)
    root = ImageDataset.from_arrays(images, np.arange(8) % 2, ("a", "b"), name="toy")
    plugins = Plugins(discover=False, extra=(Offers(tmp_path), "cc_plugins.architectures", "cc_plugins.protocols"))
    recipe = replace(load_protocol("quick", plugins).proxy, epochs=1.0, min_iterations=1)
    return Workbench(root, Store(tmp_path / "store"), plugins, recipe)


def test_a_stage_that_reads_another_follows_its_recipe(bench):
    one = run_stage(bench, bench.root, "mean-look", {})
    again = run_stage(bench, bench.root, "mean-look", {})
    other = run_stage(replace(bench, recipe=replace(bench.recipe, lr=0.01)), bench.root, "mean-look", {})
    assert again.path == one.path != other.path
    assert not np.array_equal(one["mean"], other["mean"])


def test_the_protocols_network_and_its_name_are_the_same(bench):
    by_name = run_stage(bench, bench.root, "features", {"proxy": "quicknet"})
    assert by_name.path == run_stage(bench, bench.root, "features", {}).path
    assert by_name.path != run_stage(bench, bench.root, "features", {"proxy": "quicknet[width=4]"}).path


@pytest.mark.parametrize(
    ("method", "stage", "params", "allowed"),
    [
        ("seen", "mean-look", {}, True),
        ("seen", "features", {}, False),
        ("seen", "proxy", {}, False),
        ("plainly", "mean-look", {}, False),
        ("ranked", "score", {"score": "aim"}, True),
        ("ranked", "score", {"score": "bim"}, False),
        ("ranked", "score", {"score": "aim", "proxy": "fancy"}, False),
    ],
)
def test_a_method_gets_the_stages_that_it_declares(bench, method, stage, params, allowed, monkeypatch):
    spec = bench.plugins.get("method", method)
    task = Task(bench, bench.root, Budget.from_fraction("0.5"), np.arange(8), {}, (spec, spec.read_params({})))
    made = SimpleNamespace(meta={})
    monkeypatch.setattr(type(bench.store), "get_or_make", lambda *_: made)
    if allowed:
        assert task.stage(stage, **params) is made
    else:
        with pytest.raises(UserError, match="in a way that it does not declare"):
            task.stage(stage, **params)


def test_a_stage_gets_no_recipe_that_it_does_not_declare(bench, tmp_path):
    spec = bench.plugins.get("stage", "mean-look")
    assert StageContext(bench, bench.root, spec, {}, tmp_path).recipe is bench.recipe
    with pytest.raises(UserError, match="reads the proxy's recipe and does not declare it"):
        _ = StageContext(bench, bench.root, replace(spec, needs=()), {}, tmp_path).recipe


def test_a_stage_that_needs_itself_is_an_error(bench, monkeypatch):
    spec = replace(bench.plugins.get("stage", "mean-look"), needs=("mean-look",))
    monkeypatch.setitem(bench.plugins._specs["stage"], "mean-look", spec)
    with pytest.raises(UserError, match="needs itself"):
        run_stage(bench, bench.root, "mean-look", {})


@pytest.mark.parametrize(
    ("need", "message"),
    [
        (
            Need("features", lair="final"),
            "method seen needs features[lair=final]: stage features has no parameter 'lair'",
        ),
        (Need("features", layer="last"), "features: parameter layer takes one of"),
        (Need("score", score="aims"), "no score is called 'aims', did you mean 'aim'?"),
        (Need("fetures"), "method seen needs fetures: no stage is called 'fetures', did you mean 'features'?"),
    ],
)
def test_a_need_that_its_stage_does_not_take_is_an_error_that_says_so(bench, need, message):
    spec = replace(bench.plugins.get("method", "seen"), needs=(need,))
    spec.check()  # the stage may be another plugin's
    with pytest.raises(UserError) as caught:
        identity.needs(bench.setting, spec, spec.read_params({}))
    assert message in str(caught.value)


class Needy:
    """A method that needs a stage which nobody offers, and one whose stage needs itself."""

    __name__ = "needy"

    @hookimpl
    def ccbench_methods(self):
        where = {"target": f"{HERE}:Nothing", "version": "1", "summary": "x"}
        return [
            MethodSpec(name="lost", needs=("fetures",), **where),
            MethodSpec(name="circular", needs=("ring",), **where),
        ]

    @hookimpl
    def ccbench_stages(self):
        where = {"target": f"{HERE}:Nothing", "version": "1", "summary": "x"}
        return [StageSpec(name="ring", needs=("back",), **where), StageSpec(name="back", needs=("ring",), **where)]


@pytest.mark.parametrize(
    ("method", "reason"),
    [("lost", "no stage is called 'fetures', did you mean 'features'?"), ("circular", "stage ring needs itself")],
)
def test_a_method_whose_needs_cannot_be_met_stops_no_other(tmp_path, method, reason):
    plugins = Plugins(discover=False, extra=(Offers(tmp_path), Needy()))
    asked = Request(
        methods=("plainly", method), budgets=(("fraction", "0.5"),), datasets=("d",), protocols=("hard",), seeds=1
    )
    good, bad = make_plan(asked, plugins, lambda name: DATA).cells
    assert (good.skip, bad.method) == ("", method)
    assert bad.skip == f"{method}: {reason}"
