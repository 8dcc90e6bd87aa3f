"""Every test run has a cache of its own, and needs no data from outside."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

# a busy machine is not a failing test, and neither is another draw: what a change does decides, so draws are fixed;
# pytest --hypothesis-profile=search draws anew
settings.register_profile("ccbench", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile("ccbench")


# two test processes share two cores: one thread each, and none that spins; read when torch is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    before = os.environ.get("CCBENCH_CACHE")
    os.environ["CCBENCH_CACHE"] = str(tmp_path_factory.mktemp("cache"))  # subprocesses see it too
    yield
    os.environ.pop("CCBENCH_CACHE")
    if before is not None:
        os.environ["CCBENCH_CACHE"] = before


TINY = """
from ccbench import ProtocolSpec, hookimpl

def tiny():
    base = {"architecture": "quicknet", "batch": 64, "lr": 0.05, "weight_decay": 5e-4, "crop_padding": 2}
    return {"train": {**base, "iterations": 12}, "proxy": {**base, "epochs": 2}}

def taught():
    mixed = {"labels": "teacher", "temperature": 4.0, "mix": "cutmix", "mix_alpha": 1.0, "crop_scale": 0.5}
    train = {"architecture": "quicknet", "batch": 32, "lr": 0.002, "optimizer": "adamw", "epochs_of": "budget"}
    return {**tiny(), "train": {**train, **mixed, "epochs": 3}}

@hookimpl
def ccbench_protocols():
    return [
        ProtocolSpec(name="tiny", target="tiny_protocol:tiny", version="1", summary="for tests"),
        ProtocolSpec(name="taught", target="tiny_protocol:taught", version="1", summary="for tests, with a teacher"),
    ]
"""


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory):
    """A folder for PYTHONPATH with a plugin whose protocol takes a second."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny_protocol.py").write_text(TINY)
    return folder


@pytest.fixture(scope="session")
def forked(_own_cache):
    """Run a command line in a fork of a process that has imported what it takes, which saves seconds each time.

    ``forked(["list"], folder, variables=os.environ)`` has ``code``, ``out`` and ``err``.
    """
    single = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("server.py"))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **single, "MPLBACKEND": "agg"},
    )  # fmt: skip

    def run(arguments, folder, *, variables, seconds=240, limits=()):
        case = {
            "arguments": [str(a) for a in arguments], "folder": str(folder), "seconds": seconds,
            "variables": dict(variables), "limits": dict(limits),
        }  # fmt: skip
        server.stdin.write(json.dumps(case) + "\n")
        server.stdin.flush()
        return SimpleNamespace(**json.loads(server.stdout.readline()))

    yield run
    server.stdin.close()
    server.wait(60)


@pytest.fixture
def wait_for():
    """Wait until a condition holds, or fail: ``wait_for(lambda: path.exists())``."""

    def call(condition, seconds=120):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it never happened"
            time.sleep(0.02)

    return call


def pytest_collection_modifyitems(items):
    """Tests marked cifar10 run where the real images are, and say so where they are not."""
    root = os.environ.get("CCBENCH_DATA", "")
    if root and (Path(root) / "cifar-10-batches-py" / "data_batch_1").exists():
        return
    for item in items:
        if item.get_closest_marker("cifar10"):
            item.add_marker(pytest.mark.skip(reason="no cifar-10-batches-py under CCBENCH_DATA"))
