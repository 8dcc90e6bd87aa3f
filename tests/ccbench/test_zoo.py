"""Broken plugins: each is named with its reason, and the others finish.

Every animal of ``tests/zoo`` is installed as a distribution of its own: a module and a
``.dist-info`` folder with entry points, in a folder on PYTHONPATH.
"""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins
from ccbench.offers.hookspecs import hookimpl
from ccbench.offers.specs import ExecutorSpec

ZOO = Path(__file__).resolve().parents[1] / "zoo"
LOADING = {  # module: what is said of it
    "zoo_clash": "method 'entropy' is offered by both ccbench (cc_plugins.coresets) and zoo-clash (zoo_clash)",
    "zoo_exit_at_import": "called exit(3)",
    "zoo_exit_in_hook": "ccbench_methods called exit(4)",
    "zoo_import_error": "No module named 'a_module_that_nobody_has'",
    "zoo_mistyped_hook": "unknown hook 'ccbench_method'",
    "zoo_no_version": "method zoo-no-version: no version declared",
    "zoo_none_hook": "ccbench_methods TypeError",
    "zoo_raising_hook": "ccbench_methods RuntimeError: the hook of the zoo raises",
    "zoo_wrong_signature": "Argument(s) {'colour'} are declared in the hookimpl but can not be found in the hookspec",
    "zoo_wrong_type": "as a method; expected MethodSpec",
}
RUNNING = {  # method: (status, what is said of it)
    "zoo-disturbs": ("ok", "zoo-disturbs changed the working folder and Python's global random state"),
    "zoo-duplicates": ("failed", "unique"),
    "zoo-eats-memory": ("oom", "Unable to allocate"),
    "zoo-exits": ("failed", "SystemExit: 3"),
    "zoo-hangs": ("timeout", "killed after its limit of 15 s"),
    "zoo-liar": ("failed", "zoo-liar returned images or labels that differ"),
    "zoo-no-compress": ("failed", "zoo_no_compress:Animal has no compress(task) method"),
    "zoo-none": ("failed", "zoo-none: compress(task) must return a CompressedDataset, found NoneType"),
    "zoo-os-exits": ("failed", "its process ended with exit code 3"),
    "zoo-out-of-range": ("failed", "the training split has 96 images"),
    "zoo-prints": ("ok", ""),
    "zoo-raises": ("failed", "ValueError: the animal bites"),
    "zoo-reads-test": ("failed", "zoo-reads-test opened the test split"),
    "zoo-rolls-labels": ("failed", "read-only"),
    "zoo-small-words": ("ok", ""),
    "zoo-too-much": ("failed", "zoo-too-much is over its budget"),
    "zoo-undeclared": ("failed", "method zoo-undeclared asks for stage 'features' in a way that it does not declare"),
}


def install(modules, site):
    """Put modules into a folder as pip would: each with a dist-info of its own."""
    for module in modules:
        (source,) = ZOO.rglob(f"{module}.py")
        name = module.replace("_", "-")
        info = site / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / source.name).write_text(source.read_text())
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ccbench]\n{name} = {module}\n")


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """A function that runs a command line with the whole zoo installed."""
    site, here = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("here")
    install([*LOADING, *(name.replace("-", "_") for name in RUNNING)], site)

    def call(*args):
        environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "ccbench", *args]
        return subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, timeout=300)

    vars(call)["here"] = here
    return call


def test_every_animal_is_expected():
    assert {p.stem for p in (ZOO / "loading").glob("*.py")} == set(LOADING)
    assert {p.stem.replace("_", "-") for p in (ZOO / "running").glob("*.py")} == set(RUNNING)


def test_plugins_names_each_broken_one_with_its_reason(zoo):
    done = zoo("plugins", "--json")
    assert done.returncode == 0, done.stderr
    found = {p["module"]: p for p in json.loads(done.stdout)}
    for module, reason in LOADING.items():
        assert not found[module]["ok"], module
        assert found[module]["distribution"] == module.replace("_", "-")
        assert reason in " ".join(found[module]["errors"]), found[module]["errors"]
    for name in RUNNING:
        assert found[name.replace("-", "_")]["ok"], name
    assert all(p["ok"] for p in found.values() if p["distribution"] == "ccbench")
    assert "method zoo-sound-neighbour" in found["zoo_no_version"]["offers"]


def test_plugins_says_failed_in_plain_text(zoo):
    lines = zoo("plugins").stdout.splitlines()
    for module, reason in LOADING.items():
        at = next(i for i, line in enumerate(lines) if line.startswith("FAILED") and f", {module})" in line)
        told = []
        for line in lines[at + 1 :]:
            if not line.startswith(" "):
                break
            told.append(line.strip())
        assert reason in " ".join(told), told


def test_strict_plugins_stops_with_every_name(zoo):
    done = zoo("--strict-plugins", "list", "methods")
    assert done.returncode == 2
    assert f"{len(LOADING)} broken plugins" in done.stderr
    for module in LOADING:
        assert module.replace("_", "-") in done.stderr


def test_list_goes_on_and_warns(zoo):
    done = zoo("list", "methods")
    assert done.returncode == 0
    assert {"random", "zoo-raises", "zoo-sound-neighbour"} <= set(done.stdout.split())
    assert "zoo-import-error" in done.stderr


def test_a_clash_names_both_distributions_when_the_name_is_used(zoo):
    done = zoo("run", "--methods", "entropy", "--ratio", "0.9", "--out", "clash")
    assert done.returncode == 2
    assert "ccbench (cc_plugins.coresets) and zoo-clash (zoo_clash)" in done.stderr
    assert not (zoo.here / "clash" / "results").exists()


@pytest.fixture(scope="module")
def benchmark(zoo):
    """One run of the command line with every animal beside ``random``."""
    started = time.monotonic()
    done = zoo(
        *("-p", "ccbench.testing.offers", "run", "--methods", ",".join(["random", *RUNNING]), "--ratio", "0.9"),
        *("--dataset", "ccbench-kit", "--protocol", "ccbench-kit", "--seeds", "1", "--jobs", "2"),
        *("--timeout", "15", "--memory-limit", "2GB", "--out", "out"),
    )
    records = [json.loads(p.read_text()) for p in (zoo.here / "out" / "results").rglob("*.json")]
    return done, {r["method"]: r for r in records}, zoo.here / "out", time.monotonic() - started


def test_the_run_ends_with_1_and_random_is_finished(benchmark):
    done, records, out, _ = benchmark
    assert done.returncode == 1, done.stderr
    assert records["random"]["status"] == "ok"
    assert 0 <= records["random"]["accuracy"] <= 1
    rows = {r["method"]: r for r in csv.DictReader((out / "leaderboard.csv").open())}
    assert rows["random"]["status"] == "ok"
    assert float(rows["random"]["accuracy_mean"]) == records["random"]["accuracy"]


@pytest.mark.parametrize(("name", "status", "reason"), [(n, *v) for n, v in RUNNING.items()])
def test_each_animal_is_reported_with_its_status_and_reason(benchmark, name, status, reason):
    done, records, _, _ = benchmark
    assert records[name]["status"] == status, records[name]
    if status == "ok":
        assert records[name]["accuracy"] is not None
        assert reason in done.stderr
        return
    assert reason in records[name]["reason"]
    line = next(line for line in done.stderr.splitlines() if line.startswith(f"{status}: {name} at ratio 0.9 "))
    assert reason in line


def test_the_bytes_of_a_file_are_those_on_disk(benchmark):
    _, records, out, _ = benchmark
    record = records["zoo-small-words"]
    assert record["bytes"] == (out / "artifacts" / record["artifact"]).stat().st_size > 10_000


def test_load_time_failures_are_told_at_the_start_of_the_run(benchmark):
    done = benchmark[0]
    for module in LOADING:
        assert f"broken plugin {module.replace('_', '-')} of {module.replace('_', '-')}: " in done.stderr


def test_what_a_method_prints_goes_to_its_log_and_nowhere_else(benchmark):
    done, _, out, _ = benchmark
    assert "parrot" not in done.stdout + done.stderr
    (log,) = (p for p in (out / "logs").glob("*.log") if "the parrot talks" in p.read_text())
    assert log.read_text().count("and screams") == 2000


def test_failures_leave_a_traceback_in_a_log(benchmark):
    out = benchmark[2]
    logs = "".join(p.read_text() for p in (out / "logs").glob("*.log"))
    assert "ValueError: the animal bites" in logs
    assert "zoo_raises.py" in logs


def test_a_broken_plugin_leaves_no_hook_behind(benchmark):
    assert not list(benchmark[2].parent.rglob("zoo-tracker-was-here"))


class WrongKind:
    """A resolver that answers with something else than was asked for."""

    __name__ = "wrong_kind"

    @hookimpl
    def ccbench_resolve(self, kind, name):
        return ExecutorSpec(name="x", target="a:B", version="1", summary="x") if name == "zoo-strange" else None


class Exiting:
    """A resolver and a tracker that end the program."""

    __name__ = "exiting"

    @hookimpl
    def ccbench_resolve(self, kind, name):
        raise SystemExit(5)

    @hookimpl
    def ccbench_cell_finished(self, record):
        raise SystemExit(6)


class Counting:
    """A tracker that works."""

    __name__ = "counting"

    def __init__(self):
        self.seen = []

    @hookimpl
    def ccbench_cell_finished(self, record):
        self.seen.append(record["cell"])


def test_a_resolver_that_gives_another_kind():
    plugins = Plugins(extra=(WrongKind(),), discover=False)
    with pytest.raises(UserError, match="something else than a MethodSpec"):
        plugins.get("method", "zoo-strange")
    with pytest.raises(UserError, match="no method is called"):
        plugins.get("method", "zoo-other")


def test_a_resolver_that_exits():
    with pytest.raises(UserError, match=r"exiting.* failed while it looked for method 'zoo-x'"):
        Plugins(extra=(Exiting(),), discover=False).get("method", "zoo-x")


def test_a_tracker_that_exits_does_not_stop_the_others():
    counting = Counting()
    plugins = Plugins(extra=(Exiting(), counting), discover=False)
    (failure,) = plugins.cell_finished({"cell": "abc"})
    assert "SystemExit" in failure
    assert counting.seen == ["abc"]
