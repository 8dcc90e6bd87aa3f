"""Every hook is documented with an example, and every example is loaded and used."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from ccbench.budget import Budget, DataShape
from ccbench.offers import hookspecs
from ccbench.offers.discovery import KINDS, Plugins

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "plugins.md").read_text()
HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("ccbench_"))
BLOCK = re.compile(r"^```python\n# (\w+)\.py\n(.*?)^```", re.MULTILINE | re.DOTALL)


def sections():
    """The text of each hook's section."""
    parts = re.split(r"^## (.+)$", TEXT, flags=re.MULTILINE)
    return {
        m[1]: body for title, body in zip(parts[1::2], parts[2::2], strict=True) if (m := re.search(r"`(\w+)`", title))
    }


SECTIONS = sections()
EXAMPLES = {m[1]: m[0] for m in BLOCK.finditer(TEXT) if m[1].startswith(("example_", "short_"))}


@pytest.fixture(scope="module", autouse=True)
def _written(tmp_path_factory):
    """Every example as a module that can be imported, here and in a spawned process."""
    folder = tmp_path_factory.mktemp("examples")
    for name, block in EXAMPLES.items():
        (folder / f"{name}.py").write_text(block.removeprefix("```python\n").removesuffix("```"))
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


def load(*modules, discover=False):
    found = Plugins(extra=modules, discover=discover)
    assert found.broken() == []
    return found


def test_there_are_hooks():
    assert set(HOOKS) == set(vars(Plugins(discover=False).manager.hook))
    assert set(HOOKS) >= {hook for hook, _ in KINDS.values()}


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_has_a_docstring_a_section_and_an_example(hook):
    assert (getattr(hookspecs, hook).__doc__ or "").strip()
    assert hook in SECTIONS, f"docs/plugins.md has no section for {hook}"
    blocks = [m[2] for m in BLOCK.finditer(SECTIONS[hook])]
    assert any(f"def {hook}(" in block for block in blocks), f"the section of {hook} has no example of it"
    prose = BLOCK.sub("", SECTIONS[hook])
    assert len(prose.split()) >= 15


def test_sections_are_of_hooks_that_exist():
    assert set(SECTIONS) == set(HOOKS)


@pytest.mark.parametrize("module", [name for name in EXAMPLES if name != "short_coreset"])  # it lies in a package
def test_each_example_loads_alone_and_its_targets_can_be_imported(module):
    found = load(module)
    plugin = next(p for p in found.found if p.module == module)
    offered = [o.split(" ", 1) for o in plugin.offers]
    assert offered or "ccbench_resolve" in EXAMPLES[module] or "ccbench_cell_finished" in EXAMPLES[module]
    for kind, name in offered:
        spec = found.get(kind, name)
        spec.check()
        assert spec.summary
        if kind == "suite":
            assert spec.table.startswith(f"{module}:")
        elif kind != "group":  # which is methods of others
            assert spec.target.startswith(f"{module}:")
            assert callable(spec.load())
        for param in spec.params:
            assert param.doc
            assert param.read(param.default, name) == param.default


def test_examples_import_nothing_heavy_at_their_top():
    import subprocess

    code = f"import {', '.join(EXAMPLES)}, sys; print(sorted({{'torch', 'numpy', 'pandas'}} & set(sys.modules)))"
    folder = next(p for p in sys.path if (Path(p) / "example_stage.py").exists())
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_selection_passes_the_kit():
    from ccbench import testing

    report = testing.check_method("brightness", extra=["example_selection"])
    assert report.ok, str(report)
    assert report.ran == len(report.outcomes)


def test_the_quantiser_passes_the_kit():
    from ccbench import testing

    report = testing.check_method("grey-ramp", extra=["example_palette"])
    assert report.ok, str(report)
    assert report.ran == len(report.outcomes)


def test_the_condensation_passes_the_kit():
    from ccbench import testing

    report = testing.check_method("twins", extra=["example_condensation"])
    assert report.ok, str(report)


def test_the_condensation_shares_its_work_and_finds_what_is_there(tmp_path):
    from ccbench.archive import CompressedDataset
    from ccbench.methods.compress import compress, prepare
    from ccbench.methods.ready import unready
    from ccbench.methods.task import Workbench
    from ccbench.offers.expressions import parse
    from ccbench.store import Store
    from ccbench.testing.images import image_set

    found = load("example_condensation")
    expression, budget = parse("twins", found), Budget.from_fraction("0.5")
    made = {}
    for parts in (0, 1, 3):
        bench = Workbench(image_set(), Store(tmp_path / str(parts)), found, None)
        for part in range(parts):
            prepare(expression, budget, bench, part=part, parts=parts)
        before = {p: p.stat().st_mtime_ns for p in (tmp_path / str(parts)).rglob("*") if p.is_file()}
        result = compress(expression, budget, bench)
        assert isinstance(result, CompressedDataset)
        after = {p: p.stat().st_mtime_ns for p in (tmp_path / str(parts)).rglob("*") if p.is_file()}
        assert (before == after) == (parts > 0), "what was prepared is not made again"
        made[parts] = list(result.payload.blobs)
    assert made[0] == made[1] == made[3]
    assert unready(parse("twins[quality=13]", found), None).startswith("twins: the quality of 13")


def test_the_quantiser_keeps_the_top_bits():
    from ccbench.data import ImageDataset
    from ccbench.methods.task import Task, Workbench

    found = load("example_palette")
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[0, 0, 0], images[1, 3, 3] = 255, 100
    data = ImageDataset.from_arrays(images, [0, 1], ("a", "b"), name="x")
    bench = Workbench(data, None, found, None)
    made = found.get("method", "grey-ramp").build().compress(Task(bench, data, Budget.from_bits(1), np.arange(2)))
    decoded = made.decode([0, 1]).permute(0, 2, 3, 1).numpy()
    expected = np.where(images >= 128, 255, 0)
    np.testing.assert_array_equal(decoded, expected)


def test_the_dataset_passes_the_kit():
    from ccbench import testing

    report = testing.check_dataset("gradients", extra=["example_dataset"])
    assert report.ok, str(report)
    assert report.ran == len(report.outcomes)
    report = testing.check_dataset("gradients[noise=0]", extra=["example_dataset"])
    assert report.ok, str(report)


def test_the_architecture_gives_logits():
    import torch

    from ccbench.training import build_network

    network = build_network("one-hidden-layer", classes=7, image_size=8, seed=0, plugins=load("example_architecture"))
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 7)


def test_the_protocol_is_read():
    from ccbench.training import load_protocol

    protocol = load_protocol("two-minutes", load("example_protocol"))
    assert protocol.train.steps(50_000) == 400
    assert (protocol.architecture, protocol.proxy.architecture) == ("convnet-d3", "quicknet")


def test_the_executor_runs_and_reports():
    from ccbench.executors import Finished, WorkItem

    spec = load("example_executor").get("executor", "inline")
    executor = spec.load()(jobs=4, memory_limit=None, threads=1)
    assert executor.capacity == 1
    executor.submit(WorkItem("a", "json:dumps", {"obj": [1]}))
    executor.submit(WorkItem("b", "json:loads", {"s": "{"}))
    assert executor.wait(0) == [Finished("a", "ok", value="[1]")]
    (failed,) = executor.wait(0)
    assert (failed.id, failed.status) == ("b", "failed")
    assert failed.reason.startswith("JSONDecodeError")
    assert executor.wait(0) == []
    executor.close()


def test_the_stage_is_made_once(tmp_path):
    from ccbench.methods.task import Workbench, run_stage
    from ccbench.store import Store
    from ccbench.testing import image_set

    data = image_set(images=12, size=8)
    bench = Workbench(data, Store(tmp_path), load("example_stage"), {"recipe": 1})
    entry = run_stage(bench, data, "mean-color", {"scale": "2"})
    np.testing.assert_allclose(entry["color"], 2 * data.images.mean((1, 2)), rtol=1e-5)
    again = run_stage(
        Workbench(data, Store(tmp_path), bench.plugins, {"recipe": 1}, 99), data, "mean-color", {"scale": 2}
    )
    assert again.path == entry.path  # seeded=False: another base seed shares it


def test_the_score_is_the_mean_probability():
    import torch

    score = load("example_score").get("score", "confidence").load()(3, 2)
    even, sure = [0.0, 0.0], [0.0, float(np.log(3))]  # probabilities of class 1: 1/2 and 3/4
    score.update(0, torch.tensor([0, 1]), torch.tensor([even, sure]), torch.tensor([1, 1]))
    score.update(1, torch.tensor([0]), torch.tensor([sure]), torch.tensor([1]))
    result = score.result()
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, [0.625, 0.75, np.nan], rtol=1e-6)


def test_the_score_is_fed_by_a_proxy_run(tmp_path):
    from ccbench.methods.task import Workbench, run_stage
    from ccbench.store import Store
    from ccbench.testing import image_set
    from ccbench.training import load_protocol

    found = load("example_score", "ccbench.testing.offers", discover=True)
    data = image_set()
    bench = Workbench(data, Store(tmp_path), found, load_protocol("ccbench-kit", found).proxy)
    score = run_stage(bench, data, "score", {"score": "confidence"})["score"]
    assert score.shape == (96,)
    assert 0 < score.min() <= score.max() < 1


def test_the_suite_is_read_and_each_of_its_cells_exists():
    from ccbench.suites.grid import Lookup
    from ccbench.suites.model import read

    found = load("example_suite", discover=True)
    (text,) = re.findall(
        r"^```toml\n# two-ratios\.toml\n(.*?)^```", SECTIONS["ccbench_suites"], re.MULTILINE | re.DOTALL
    )
    Path(sys.modules["example_suite"].__file__).with_name("two-ratios.toml").write_text(text)
    cells = Lookup(found).cells(read("two-ratios", found))
    assert [(c.row.key, c.column.key, c.reason) for c in cells] == [
        ("random", "83%", ""), ("random", "92%", ""), ("mediancut", "83%", ""), ("mediancut", "92%", ""),
    ]  # fmt: skip


def test_the_command_runs():
    from click.testing import CliRunner

    command = load("example_command").get("command", "count").load()
    result = CliRunner().invoke(command)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"\d+ methods\n", result.output)


def test_the_tracker_is_told(tmp_path, monkeypatch):
    found = load("example_tracker")
    record = {"method": "m", "dataset": "d", "ratio": 0.5, "seed": 0, "status": "ok", "accuracy": 0.25, "bytes": 7}
    assert found.cell_finished(record) == []
    monkeypatch.setenv("EXAMPLE_TRACKER_FILE", str(tmp_path / "seen.jsonl"))
    assert found.cell_finished(record) == []
    (line,) = (tmp_path / "seen.jsonl").read_text().splitlines()
    assert json.loads(line) == {k: v for k, v in record.items() if k != "bytes"}
    (failure,) = found.cell_finished({})
    assert "KeyError" in failure


def test_the_resolver_answers_its_names_alone():
    import torch

    from ccbench.errors import UserError
    from ccbench.training import build_network

    found = load("example_resolver")
    network = build_network("linear-4", classes=5, image_size=8, seed=0, plugins=found)
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 5)
    for kind, name in (("architecture", "linear-x"), ("method", "linear-4")):
        with pytest.raises(UserError, match="is called"):
            found.get(kind, name)


def test_the_dataset_spec_says_the_shape_without_the_data():
    from ccbench.data import DataSource, shape_of

    found = load("example_dataset")
    shape = shape_of("gradients", plugins=found, source=DataSource(), cache=Path("never-made"))
    assert shape == DataShape(40, 16, 16, 2)
    assert not Path("never-made").exists()


# the shortest of each kind

LINES = {
    m[1].replace(" ", "-"): int(m[2])
    for m in re.finditer(r"^\| \[([\w ]+)\]\(#[\w-]+\) \| (\d+) \|$", TEXT, re.MULTILINE)
}
SHORTEST = {
    title.lower().replace(" ", "-"): BLOCK.search(body)
    for title, body in re.findall(r"^### (.+?)\n(.*?)(?=^##)", TEXT, re.MULTILINE | re.DOTALL)
}


def test_the_table_counts_the_lines_of_every_kind():
    counted = {title: sum(bool(line.strip()) for line in block[2].splitlines()) for title, block in SHORTEST.items()}
    assert counted == LINES
    kinds = {
        kind for name in EXAMPLES if name.startswith("short_") for kind in KINDS if f"ccbench_{kind}s" in EXAMPLES[name]
    }
    assert kinds == set(KINDS)


@pytest.mark.parametrize(("name", "module"), [("first", "short_method"), ("greys", "short_colors")])
def test_the_shortest_methods_pass_the_kit(name, module):
    from ccbench import testing

    report = testing.check_method(name, extra=[module])
    assert report.ok, str(report)


def test_the_shortest_coreset_is_one_file_more_in_a_package(tmp_path, monkeypatch):
    import shutil

    from cc_plugins import coresets
    from ccbench.methods.task import Task, Workbench
    from ccbench.testing import image_set

    (tmp_path / "my_coresets").mkdir()
    shutil.copy(coresets.__file__, tmp_path / "my_coresets" / "__init__.py")
    block = EXAMPLES["short_coreset"].removeprefix("```python\n").removesuffix("```")
    (tmp_path / "my_coresets" / "darkest.py").write_text(block)
    monkeypatch.syspath_prepend(tmp_path)
    found, data = load("my_coresets"), image_set()
    task = Task(Workbench(data, None, found, None), data, Budget.from_fraction("0.25"), np.arange(len(data)))
    kept = found.get("method", "darkest").build().compress(task).ids
    brightness = data.images.mean((1, 2, 3))
    assert len(kept) == task.images
    assert brightness[kept].max() <= np.delete(brightness, kept).min()


def test_the_shortest_score_is_the_last_probability():
    import torch

    score = load("short_score").get("score", "last").load()(2, 2)
    for logits in ([0.0, 5.0], [0.0, float(np.log(3))]):
        score.update(0, torch.tensor([1]), torch.tensor([logits]), torch.tensor([1]))
    np.testing.assert_allclose(score.result(), [np.nan, 0.75], rtol=1e-6)


def test_the_shortest_stage_is_made(tmp_path):
    from ccbench.methods.task import Workbench, run_stage
    from ccbench.store import Store
    from ccbench.testing import image_set

    data = image_set(images=12, size=8)
    bench = Workbench(data, Store(tmp_path), load("short_stage"), None)
    np.testing.assert_allclose(run_stage(bench, data, "brightness", {})["brightness"], data.images.mean((1, 2, 3)))


def test_the_shortest_dataset_passes_the_kit():
    from ccbench import testing

    report = testing.check_dataset("coins", extra=["short_dataset"])
    assert report.ok, str(report)


def test_the_shortest_network_and_protocol_train():
    import torch

    from ccbench.training import build_network, load_protocol

    network = build_network("linear", classes=3, image_size=8, seed=0, plugins=load("short_network"))
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 3)
    protocol = load_protocol("one-minute", load("short_protocol"))
    assert (protocol.train.steps(10_000), protocol.architecture) == (200, "quicknet")


def test_the_shortest_executor_and_command_run():
    from click.testing import CliRunner

    executor = load("short_executor").get("executor", "one-job").load()(jobs=4, memory_limit=None, threads=1)
    assert executor.capacity == 1
    executor.close(cancel=True)
    result = CliRunner().invoke(load("short_command").get("command", "hello").load())
    assert (result.exit_code, result.output) == (0, "hello\n")
