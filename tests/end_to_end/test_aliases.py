"""Another name of a dataset is written wherever a name is; results stand under the dataset's own."""

import pytest

TOY = """
import numpy as np

from ccbench.plugin import Alias, DatasetSpec, ImageStream, Param, hookimpl

class Toy:
    def __init__(self, n):
        self.n = n

    def fingerprint(self, source):
        return f"toy of {self.n}"

    def splits(self, source):
        return {"train": images(self.n, 1), "test": images(20, 2)}

def images(n, seed):
    drawn = np.random.default_rng(seed).integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)
    return ImageStream.from_arrays(drawn, np.arange(n) % 4, ("a", "b", "c", "d"))

@hookimpl
def ccbench_datasets():
    size = Param(name="n", default=40, doc="images")
    return [DatasetSpec(name="toy", target="toy:Toy", version="1", summary="x", params=(size,), license="none",
                        aliases=(Alias("toy-80", n=80),))]
"""


@pytest.fixture
def toy(ccbench, tmp_path):
    (tmp_path / "toy.py").write_text(TOY)
    return lambda *arguments: ccbench("-p", "toy", *arguments)


def test_a_file_made_under_an_alias_is_evaluated_in_the_row_of_a_run(toy, records, tmp_path):
    under = ("--protocol", "tiny", "--out", "out")
    toy("compress", "set.ccb", "-d", "toy-80", "-m", "random", "--ratio", "0.5")
    assert "on toy[n=80] " in toy("evaluate", "set.ccb", *under).stdout
    toy("evaluate", "set.ccb", "-d", "toy-80", *under)
    (one, other) = records(tmp_path / "out")
    assert one["cell"] == other["cell"]
    assert "1 cached" in toy("run", "-d", "toy-80", "-m", "random", "--ratio", "0.5", "--seeds", "1", *under).stderr


def test_the_conformance_kit_takes_an_alias(toy):
    assert "dataset toy-80: " in toy("check", "toy-80").stdout
