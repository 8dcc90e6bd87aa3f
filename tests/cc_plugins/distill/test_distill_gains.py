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

WIDE, NARROW = "convnet[width=32,depth=3]", "convnet[width=16,depth=3]"
SEEN = "color_crop_cutout_scale_rotate"  # digits are not mirrored
WAYS = (
    "inner=20,stride=1,start=6,experts=2,expert_epochs=8,expert_batch=32,lr_expert=0.03,lr_net=0.03,lr=1000,lr_lr=1e-6,"
    f"augment={SEEN},expert_augment={SEEN}"
)
TRAINED, OTHER = "quicknet[width=16]", "convnet[width=16,depth=3,norm=batch]"
FEW = {  # dc and dsa at the authors' rate of 0.1 take their thousand steps
    "dm": (WIDE, "distilled", "dm[steps=300,batch=64,network={network}]"),
    "dsa": (WIDE, "distilled", "dsa[steps=100,batch=32,lr=1,network={network}]"),
    "dc": (WIDE, "distilled", "dc[steps=100,batch=32,lr=1,init=real,network={network}]"),
    "datadam": (NARROW, "distilled-dc", "datadam[steps=150,batch=32,network={network}]"),
    "mtt": (NARROW, "distilled-dc", f"mtt[steps=60,{WAYS},network={{network}}]"),
    "tesla": (NARROW, "distilled-dc", f"tesla[steps=60,{WAYS},network={{network}}]"),
    "kip": (NARROW, "distilled-dc", "kip[steps=200,targets=500]"),
    "sre2l": (NARROW, "distilled-dc", f"sre2l[init=real,steps=500,lr=0.05,jitter=2,teacher={TRAINED}]"),
    "g-vbsm": (
        NARROW,
        "distilled-dc",
        f"g-vbsm[init=real,steps=500,lr=0.1,networks=2,network1={TRAINED},network2={OTHER}]",
    ),
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
    (work, test), (network, recipe, text) = bench, FEW[name]
    protocol, found = load_protocol(recipe, work.plugins), []
    for one in (text, BEFORE):
        made = compress(parse(one.format(network=network), work.plugins), Budget.from_ipc(1, work.root.shape), work)
        runs = [
            evaluate(made, test, protocol=protocol, architecture=network, full=work.root.shape, seed=seed,
                     plugins=work.plugins).accuracy
            for seed in range(5)
        ]  # fmt: skip
        found.append((np.mean(runs), np.std(runs, ddof=1) / 5**0.5))
    (after, error), (before, other) = found
    assert after - before > 2 * np.hypot(error, other)
