"""What a plugin does to its process, to the harness or to what it was handed changes no number that is not its own."""

import json
import os
import subprocess
import sys

import pytest

HOSTILE = '''
"""Every trick that a row was once seen to be changed by."""

import os
from fractions import Fraction

import numpy as np

from ccbench import CompressedDataset, MethodSpec, hookimpl

{at_import}

class Labels:
    """Turns the labels that it was handed."""

    def compress(self, task):
        made = CompressedDataset.subset(task.dataset, np.arange(task.images))
        labels = task.dataset.labels
        while labels is not None:
            try:
                labels.setflags(write=True)
                labels[:] = labels[::-1].copy()
                break
            except (ValueError, AttributeError):
                pass
            labels = getattr(labels, "base", None)
        return made


class Globals:
    """Leaves every global setting of the process changed."""

    def compress(self, task):
        import sys

        import torch

        made = CompressedDataset.subset(task.dataset, np.arange(task.images))
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_num_threads(3)
        torch.nn.functional.cross_entropy = lambda *_, **__: None
        sys.stdout = sys.stderr = None
        return made


class Fake(CompressedDataset):
    """Says that it is small."""

    def save(self, path, coding="none"):
        CompressedDataset.subset(self.to_dataset("x"), np.arange(10)).save(path, coding)

    @property
    def bits_per_pixel(self):
        return 0.01

    def nominal_kept(self, shape):
        return Fraction(1, 1000)

    def content_digest(self):
        return "0" * 64


class Whole:
    """Keeps every image and says that it does not."""

    def compress(self, task):
        real = CompressedDataset.subset(task.dataset, np.arange(len(task.dataset)))
        return Fake(real.payload, real.ids, real.labels, classes=real.classes)


class Opened:
    """Replaces how files are opened and measured."""

    def compress(self, task):

        small = CompressedDataset.subset(task.dataset, np.arange(20))
        CompressedDataset.open = classmethod(lambda cls, path: small)
        CompressedDataset.nominal_kept = lambda self, shape: Fraction(1, 1000)
        return CompressedDataset.subset(task.dataset, np.arange(len(task.dataset)))


class Large:
    """Counts images alone, and stores them at four times the side."""

    def compress(self, task):
        from ccbench.archive import RawImages

        kept = task.dataset.subset(np.arange(task.images))
        images = np.asarray(kept.images).repeat(4, axis=1).repeat(4, axis=2)
        ids = np.full(len(kept), -1)
        return CompressedDataset(RawImages(images), ids, kept.labels, classes=kept.classes, nominal="images")


class Leaves:
    """Ends the process in the middle."""

    def compress(self, task):
        os._exit(7)


class Interrupts:
    def compress(self, task):
        raise KeyboardInterrupt


@hookimpl
def ccbench_methods():
    return [
        MethodSpec(name=f"hostile-{{cls.__name__.lower()}}", target=f"{{__name__}}:{{cls.__name__}}", version="1",
                   summary="does what it must not", random=False)
        for cls in (Labels, Globals, Whole, Opened, Large, Leaves, Interrupts)
    ]
'''
PATCHES = """
import ccbench.training
from ccbench.training.evaluation import Outcome

ccbench.training.evaluate = lambda *_, **__: Outcome(accuracy=0.999)
if os.environ.get("MARKS"):
    with open(os.environ["MARKS"], "a") as file:
        print(os.getpid(), file=file)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("hostile")
    (made / "hostile.py").write_text(HOSTILE.format(at_import=""))
    (made / "patching.py").write_text(HOSTILE.format(at_import=PATCHES).replace("hostile-", "patching-"))
    return made


RUN = ("--ratio", "0.9", "--seeds", "1", "-p", "tiny", "--jobs", "1", "-q")


def rows(records, out):
    return {r["method"]: r for r in records(out)}


@pytest.fixture
def variables(environment, folder):
    def with_(*plugins):
        paths = os.pathsep.join([str(folder), environment["PYTHONPATH"]])
        return {"PYTHONPATH": paths, "CCBENCH_PLUGINS": ",".join(["tiny_protocol", *plugins])}

    return with_


def test_no_method_changes_the_row_of_another(ccbench, records, tmp_path, variables):
    names = [f"hostile-{n}" for n in ("labels", "globals", "whole", "opened", "large", "leaves", "interrupts")]
    ccbench("run", "-m", "random,mediancut", *RUN, "-o", "alone", env=variables())
    ccbench("run", "-m", ",".join([*names, "random,mediancut"]), *RUN, "-o", "out", env=variables("hostile"), code=1)
    alone, beside = rows(records, tmp_path / "alone"), rows(records, tmp_path / "out")
    for name in ("random", "mediancut"):
        for field in ("accuracy", "bytes", "artifact_sha256", "nominal_ratio", "final_loss"):
            assert beside[name][field] == alone[name][field], (name, field)
    status = {n.removeprefix("hostile-"): beside[n]["status"] for n in names}
    reason = {n.removeprefix("hostile-"): beside[n]["reason"] for n in names}
    assert status == {
        "labels": "failed", "globals": "ok", "whole": "failed", "opened": "failed", "large": "ok", "leaves": "failed",
        "interrupts": "failed",
    }  # fmt: skip
    assert "changed the labels" in reason["labels"]
    for name in ("whole", "opened"):
        assert "over its budget: it keeps 1 of the raw bytes" in reason[name]
    assert "exit code 7" in reason["leaves"]
    assert "hostile-leaves" in reason["leaves"]
    assert "KeyboardInterrupt" in reason["interrupts"]
    large = beside["hostile-large"]
    assert large["picture"] == "128x128"  # of 32 x 32
    assert large["measured_ratio"] < 0 < large["nominal_ratio"]
    assert "128x128" in (tmp_path / "out" / "leaderboard.md").read_text()


def test_a_plugin_that_patches_the_harness_is_imported_for_its_own_cells_alone(ccbench, records, tmp_path, variables):
    marks = {"MARKS": str(tmp_path / "marks")}
    both = variables("patching")
    ccbench("run", "-m", "random,mediancut", *RUN, "-o", "alone", env=variables())
    ccbench("run", "-m", "random,mediancut", *RUN, "-o", "none", env={**both, **marks})
    assert len((tmp_path / "marks").read_text().split()) == 1  # the process that looked for plugins
    ccbench("run", "-m", "patching-globals,random,mediancut", *RUN, "-o", "out", env=both)
    alone, beside = rows(records, tmp_path / "alone"), rows(records, tmp_path / "out")
    assert beside["random"]["accuracy"] == alone["random"]["accuracy"]
    assert beside["mediancut"]["accuracy"] == alone["mediancut"]["accuracy"]
    assert beside["patching-globals"]["accuracy"] < 0.9  # trained where it was not imported


def test_the_digest_of_a_file_is_its_own(ccbench, records, tmp_path, variables):
    ccbench("run", "-m", "hostile-globals", *RUN, "-o", "out", env=variables("hostile"))
    (record,) = records(tmp_path / "out")
    file = tmp_path / "out" / "artifacts" / record["artifact"]
    assert record["bytes"] == file.stat().st_size
    assert json.loads(file.with_suffix(".json").read_text())["sha256"] == record["artifact_sha256"]


def test_a_file_is_compressed_and_evaluated_where_the_plugin_is_not_imported(ccbench, records, tmp_path, variables):
    patching = variables("patching")
    ccbench("compress", "-m", "random", "--ratio", "0.9", "set.ccb", env=patching)
    ccbench("evaluate", "set.ccb", "-p", "tiny", "-o", "out", env=patching)
    (record,) = records(tmp_path / "out")
    assert record["accuracy"] < 0.9
    done = ccbench("compress", "-m", "hostile-leaves", "--ratio", "0.9", "x.ccb", env=variables("hostile"), code=2)
    assert "exit code 7" in done.stderr
    assert "hostile" in done.stderr


COMMANDS = """
import sys
from ccbench.__main__ import main

codes = []
for words in (
    ["compress", "--method", "random", "--ratio", "0.9", "a.ccb"],
    ["evaluate", "a.ccb", "--protocol", "tiny", "--out", "out"],
    ["verify", "out"],
):
    try:
        codes.append(main(words) or 0)
    except SystemExit as ended:
        codes.append(ended.code or 0)
print(codes, "torch" in sys.modules)
"""


def test_a_command_leaves_torch_to_the_process_that_works(environment, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.stdout.splitlines()[-1] == "[0, 0, 0] False", done.stdout + done.stderr
