"""The toy plugin is imported by its plain name, here and in the processes that tests start."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from data_toy import Toy, offer

from ccbench.data import DataSource, open_dataset


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """Opens the toy dataset, its splits made by ``make``."""
    monkeypatch.setattr(Toy, "built", 0)

    def opened(make=None, name="toy", mark="1", shape=None, cls="Toy", source=None, cache=tmp_path, **more):
        if make is not None:
            monkeypatch.setattr(Toy, "make", staticmethod(make))
        monkeypatch.setattr(Toy, "mark", mark)
        return open_dataset(name, plugins=offer(shape, cls), source=source or DataSource(), cache=cache, **more)

    return opened
