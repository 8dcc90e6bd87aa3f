"""What addresses a stage's result, and what a task tells its method."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ccbench.budget import Budget
from ccbench.data import ImageDataset
from ccbench.errors import UserError
from ccbench.methods.task import Task, Workbench, run_stage, stage_axes
from ccbench.offers.discovery import Plugins
from ccbench.store import Store
from ccbench.training import load_protocol

PLUGINS = Plugins()


@pytest.fixture
def bench(tmp_path):
    images = np.arange(40 * 8 * 8 * 3, dtype=np.uint32).reshape(40, 8, 8, 3).astype(np.uint8)
    root = ImageDataset.from_arrays(images, np.arange(40) % 4, ("a", "b", "c", "d"), name="toy")
    return Workbench(root, Store(tmp_path), PLUGINS, load_protocol("quick", PLUGINS).proxy)


def address(bench, name, dataset=None, **params):
    spec = bench.plugins.get("stage", name)
    return Store.key(**stage_axes(bench, dataset or bench.root, spec, spec.read_params(params)))


def test_the_protocols_proxy_by_name_is_the_same_network(bench):
    assert address(bench, "proxy") == address(bench, "proxy", proxy="quicknet")
    assert address(bench, "proxy") != address(bench, "proxy", proxy="resnet18")


def test_everything_that_can_change_a_result_changes_its_address(bench):
    part = bench.root.subset(np.arange(10))
    seen = [
        address(bench, "features"),
        address(bench, "features", pool=2),
        address(bench, "features", layer="final"),
        address(bench, "features", part),
        address(replace(bench, base_seed=1), "features"),
        address(replace(bench, recipe=replace(bench.recipe, epochs=3.0)), "features"),
        address(replace(bench, root=part), "features"),
        address(bench, "attention"),
        address(bench, "score"),
        address(bench, "score", score="el2n"),
    ]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("kind", ["architecture", "score", "stage"])
def test_a_newer_version_is_another_address(bench, kind):
    old = address(bench, "score")

    def get(of, name):
        spec = PLUGINS.get(of, name)
        return replace(spec, version="new") if of == kind and name in {"quicknet", "aum", "proxy"} else spec

    assert address(replace(bench, plugins=SimpleNamespace(get=get, alias=PLUGINS.alias)), "score") != old


def test_whole_stages_do_not_see_what_a_pipeline_kept(bench):
    part = bench.root.subset(np.arange(10))
    assert address(bench, "score", part) == address(bench, "score")
    assert address(bench, "proxy", part) == address(bench, "proxy")


def test_a_task_keeps_whole_images_and_at_least_one_per_class(bench):
    task = Task(bench, bench.root, Budget.from_fraction("0.25"), np.arange(40))
    assert task.images == 10
    with pytest.raises(UserError, match="less than one for each of 4 classes"):
        _ = Task(bench, bench.root, Budget.from_fraction("0.05"), np.arange(40)).images


def test_seeds_depend_on_the_cell_and_the_name(bench):
    one, two = (Task(bench, bench.root, Budget.from_bits(2), np.arange(40), {"seed": s}) for s in (0, 1))
    assert one.seed() == one.seed()
    assert len({one.seed(), one.seed("palettes"), two.seed(), two.seed("palettes")}) == 4
    assert one.rng("x").integers(1 << 30) == one.rng("x").integers(1 << 30)


def test_a_library_that_draws_when_it_is_imported_is_no_methods_fault():
    code = (
        "from ccbench.methods.guard import undisturbed\n"
        "with undisturbed() as changed:\n"
        "    import sklearn.cluster, sklearn.linear_model\n"
        "print(changed)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_stage_from_the_cache_counts_what_it_took_when_it_was_made(bench):
    short = replace(bench, recipe=replace(bench.recipe, epochs=1.0, min_iterations=1), stage_seconds={}, spent={})
    made = run_stage(short, short.root, "features", {})
    assert {address.split("/")[0] for address in short.spent} == {"features", "proxy"}
    assert all(seconds > 0 for seconds in short.spent.values())
    assert sum(short.spent.values()) <= sum(short.stage_seconds.values())  # where it was made: but for writing it

    later = replace(short, stage_seconds={}, spent={})
    run_stage(later, later.root, "features", {})
    assert later.spent == short.spent
    assert sum(later.stage_seconds.values()) < sum(later.spent.values())

    run_stage(later, later.root, "proxy", {})
    assert later.spent == short.spent  # asked for twice, spent once

    meta = json.loads((made.path / "meta.json").read_text())
    (made.path / "meta.json").write_text(json.dumps({k: v for k, v in meta.items() if k not in ("spent", "digests")}))
    foreign = replace(short, stage_seconds={}, spent={})
    run_stage(foreign, foreign.root, "features", {})
    assert [math.isnan(seconds) for seconds in foreign.spent.values()] == [True]
