"""Two real processes that train one network end with the weights of one process."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = """
import sys, numpy as np, torch
torch.set_num_threads(1)
sys.path[:0] = sys.argv[2:]
from conftest import quarters
from test_loop import RECIPE, Tiny, weights_of
from ccbench.training.images import DeviceData
from ccbench.training.loop import fit
class Watch:
    seen = []
    def update(self, epoch, ids, logits, labels):
        self.seen += [(epoch, i) for i in ids.tolist()]
network = Tiny()
report = fit(network, DeviceData.from_dataset(quarters(50)), RECIPE, iterations=10, seed=3,
             observers=[Watch()], micro_batch=3)
assert sorted(Watch.seen) == sorted(set(Watch.seen)) and len(Watch.seen) == 160, len(Watch.seen)
np.save(sys.argv[1] + f"/{sys.argv[1] and __import__('os').environ.get('RANK', 'alone')}.npy",
        np.append(weights_of(network).numpy(), report.final_loss))
"""

# under SOFT the numbers are those of one process; under EVERYTHING images are mixed with those of one's own share only
TAUGHT = """
import os, sys, numpy as np, torch
torch.set_num_threads(1)
sys.path[:0] = sys.argv[2:]
from conftest import quarters
from test_loop import EVERYTHING, SOFT, Tiny, tutor, weights_of
from ccbench.training.images import DeviceData
from ccbench.training.loop import fit
data, found = DeviceData.from_dataset(quarters(50)), []
for recipe in (SOFT, EVERYTHING):
    network = Tiny()
    report = fit(network, data, recipe.resolve(None, quarters(50).shape, 21), iterations=8, seed=3,
                 teacher=tutor(data), epoch_images=21)
    found.append(np.append(weights_of(network).numpy(), report.final_loss))
np.save(sys.argv[1] + f"/{os.environ.get('RANK', 'alone')}.npy", np.stack(found))
"""


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    alone, first, second = run(SCRIPT, tmp_path)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(alone, first, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_two_processes_with_a_teacher(tmp_path):
    alone, first, second = run(TAUGHT, tmp_path)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(alone[0], first[0], rtol=1e-3, atol=1e-4)
    assert np.isfinite(first).all()


def run(text, folder):
    """What a script saves alone, and what each of two processes saves."""
    script = folder / "train.py"
    script.write_text(text)
    here = Path(__file__).parent
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
    command = [sys.executable, str(script), str(folder), str(here), str(here.parents[2])]
    base = {k: v for k, v in os.environ.items() if k not in {"RANK", "WORLD_SIZE"}}
    subprocess.run(command, check=True, env=base)
    world = {**base, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    both = [subprocess.Popen(command, env={**world, "RANK": str(r), "LOCAL_RANK": str(r)}) for r in range(2)]
    assert [p.wait(240) for p in both] == [0, 0]
    return [np.load(folder / f"{name}.npy") for name in ("alone", "0", "1")]
