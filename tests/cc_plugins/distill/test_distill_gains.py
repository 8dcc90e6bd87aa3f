"""A fixed number of steps on the embedded set, one picture for each class: better than the images they began as."""

import numpy as np
import pytest

from ccbench.budget import Budget
from ccbench.data import DataSource, open_dataset
from ccbench.methods.compress import compress
from ccbench.methods.task import Workbench
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import parse
from ccbench.store import Store
from ccbench.training import evaluate, load_protocol

NETWORK = "convnet[width=32,depth=3]"
FEW = {  # dc and dsa at the authors' rate of 0.1 take their thousand steps
    "dm": "dm[steps=300,batch=64,network={network}]",
    "dsa": "dsa[steps=100,batch=32,lr=1,network={network}]",
    "dc": "dc[steps=100,batch=32,lr=1,init=real,network={network}]",
}
BEFORE = "dm[steps=1,lr=0,network={network}]"  # the images that all of them begin as


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    plugins, cache = Plugins(), tmp_path_factory.mktemp("cache")
    splits = open_dataset("photodigits", plugins=plugins, source=DataSource(), cache=cache)
    return Workbench(splits.train, Store(cache), plugins, load_protocol("distilled", plugins).proxy), splits.test


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FEW))
def test_pictures_beat_the_images_they_began_as(bench, name):
    work, test = bench
    protocol = load_protocol("distilled", work.plugins)
    found = []
    for text in (FEW[name], BEFORE):
        expression = parse(text.format(network=NETWORK), work.plugins)
        made = compress(expression, Budget.from_ipc(1, work.root.shape), work)
        runs = [
            evaluate(made, test, protocol=protocol, architecture=NETWORK, full=work.root.shape, seed=seed,
                     plugins=work.plugins).accuracy
            for seed in range(5)
        ]  # fmt: skip
        found.append((np.mean(runs), np.std(runs, ddof=1) / 5**0.5))
    (after, error), (before, other) = found
    assert after - before > 2 * np.hypot(error, other)
