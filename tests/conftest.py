"""Every test run has a cache of its own, and needs no data from outside."""

import os
import time
from pathlib import Path

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
