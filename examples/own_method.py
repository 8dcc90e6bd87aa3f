"""A method of your own beside random selection, in one file: python examples/own_method.py."""

import os
import tempfile
from pathlib import Path

import ccbench


class Vivid:
    """Keeps the images whose pixels spread most."""

    def compress(self, task):
        """The compressed dataset of one task."""
        spread = task.dataset.images.reshape(len(task.dataset), -1).std(axis=1)
        return ccbench.CompressedDataset.subset(task.dataset, spread.argsort()[-task.images :])


@ccbench.hookimpl
def ccbench_methods():
    """What this module offers."""
    spread = "the images whose pixels spread most"
    return [ccbench.MethodSpec(name="vivid", target="own_method:Vivid", version="1", summary=spread, random=False)]


if __name__ == "__main__":  # workers are spawned processes, which import this file
    os.environ["CCBENCH_PLUGINS"] = "own_method"  # and find the method in it
    recipe = Path(__file__).with_name("short.toml")
    with tempfile.TemporaryDirectory() as out:
        table = ccbench.run(["vivid", "random"], ratio=0.9, seeds=1, protocol=str(recipe), out=out, jobs=1)
    print(table[["method", "status", "images", "bytes", "accuracy"]].to_string(index=False))
