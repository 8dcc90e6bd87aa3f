"""One real proxy run, shared by the tests of this folder."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # for stage_bench, and for specs that name broken_scores

from stage_bench import Bench, Store, plugins_with, quarters


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    made = Bench(Store(tmp_path_factory.mktemp("store")), plugins_with(), quarters())
    assert not made.plugins.broken()
    return made
