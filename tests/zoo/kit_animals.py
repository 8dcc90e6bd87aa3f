"""Methods that each break one clause of the contract, for the kit to find, and one that breaks none."""

import os
import time
from pathlib import Path

from ccbench import MethodSpec, Param, hookimpl

_COUNT = Param(name="count", default=3, low=1, high=9, doc="a number")


def _spec(name, cls, **more):
    more = {"random": False, "version": "1", "summary": name} | more
    return MethodSpec(name=f"kit-{name}", target=f"kit_animals:{cls}", **more)


@hookimpl
def ccbench_methods():
    return [
        _spec("sound", "Sound"),
        _spec("not-so-random", "Sound", random=True),
        _spec("secretly-random", "SecretlyRandom"),
        _spec("clock", "Clock", random=True),
        _spec("process", "Process"),
        _spec("stateful", "Stateful"),
        _spec("greedy", "Greedy"),
        _spec("relabels", "Relabels", budgets="bits"),
        _spec("reads-test", "ReadsTest"),
        _spec("seeds-globally", "SeedsGlobally"),
        _spec("loses-ids", "LosesIds"),
        _spec("declines", "Declines"),
        _spec("declines-half", "DeclinesHalf"),
        _spec("raises", "Raises"),
        _spec("raises-at-first", "RaisesAtFirst"),
        _spec("wrong-in-two-ways", "WrongInTwoWays"),
        _spec("exits", "Exits"),
        _spec("hangs", "Hangs"),
        _spec("undocumented", "Counts", params=(Param(name="count", default=3, doc=""),)),
        _spec("bad-default", "Counts", params=(Param(name="count", default=30, high=9, doc="a number"),)),
        _spec("uneven-shares", "UnevenShares", prepare=True),
        _spec("no-shares", "Sound", prepare=True),
        _spec("wrong-keyword", "Sound", params=(_COUNT,)),
        _spec("no-summary", "Sound", summary=" "),
        _spec("unknown-stage", "Sound", needs=("a-stage-that-nobody-has",)),
        _spec("changes-labels", "ChangesLabels"),
        _spec("saves-less", "SavesLess"),
        _spec("says-less", "SaysLess"),
        _spec("counts-less", "CountsLess"),
        _spec("halves", "Halves"),
        _spec("forgets-gradients", "ForgetsGradients"),
        _spec("takes-threads", "TakesThreads"),
        _spec("silences", "Silences"),
        _spec("patches-loss", "PatchesLoss"),
        _spec("patches-save", "PatchesSave"),
        _spec("enlarges", "Enlarges"),
        _spec("no-bits", "Relabels", budgets="bits", bits=()),
    ]


def keep(task, ids):
    from ccbench import CompressedDataset

    return CompressedDataset.subset(task.dataset, sorted(int(i) for i in ids))


class Sound:
    def compress(self, task):
        return keep(task, range(task.images))


class UnevenShares(Sound):
    """What a share leaves in the store changes the result."""

    def prepare(self, task, part, parts):
        task.blobs("uneven").put("last", b"x")

    def compress(self, task):
        return keep(task, range(task.images - (task.blobs("uneven").get("last") is not None)))


class Counts(Sound):
    def __init__(self, *, count):
        self.count = count


class SecretlyRandom:
    def compress(self, task):
        return keep(task, task.rng().permutation(len(task.dataset))[: task.images])


class Clock:
    def compress(self, task):
        import numpy as np

        rng = np.random.default_rng(time.perf_counter_ns())
        return keep(task, rng.permutation(len(task.dataset))[: task.images])


class Process:
    """As a set of strings would: the same order within a process, another in the next."""

    def compress(self, task):
        import numpy as np

        return keep(task, np.random.default_rng(os.getpid()).permutation(len(task.dataset))[: task.images])


class Stateful:
    def __init__(self):
        self.calls = 0

    def compress(self, task):
        self.calls += 1
        return keep(task, range(self.calls, self.calls + task.images))


class Greedy:
    def compress(self, task):
        return keep(task, range(max(task.images, 10)))


class Relabels:
    def compress(self, task):
        import numpy as np

        from ccbench import CompressedDataset, PaletteImages

        data, bits = task.dataset, task.budget.palette_bits
        n, height, width, _ = data.images.shape
        payload = PaletteImages(
            np.zeros((n, height, width), np.uint8), np.zeros((1, 2**bits, 3), np.uint8), np.zeros(n, np.int64), bits
        )
        return CompressedDataset(payload, np.arange(n), data.labels[::-1].copy(), classes=data.classes)


class ReadsTest:
    def compress(self, task):
        file = getattr(task.dataset.images, "filename", None)
        if file:
            Path(file).with_name("test-images.npy").read_bytes()
        return keep(task, range(task.images))


class SeedsGlobally:
    def compress(self, task):
        import numpy as np

        np.random.seed(0)
        return keep(task, np.random.permutation(len(task.dataset))[: task.images])


class ChangesLabels(Sound):
    """Gets around the view that cannot be written to."""

    def compress(self, task):
        base = task.dataset.labels
        while base.base is not None:
            base = base.base
        base[-1] = (base[-1] + 1) % len(task.dataset.classes)
        return super().compress(task)


def disguised(task, **changes):
    """What keep() gives, as an object of a class of its own."""
    from ccbench import CompressedDataset

    made = keep(task, range(task.images))
    made.__class__ = type("Disguised", (CompressedDataset,), changes)
    return made


class SavesLess:
    def compress(self, task):
        from ccbench import CompressedDataset

        return disguised(task, save=lambda self, path, coding="none": CompressedDataset.save(self, path, coding) // 10)


class SaysLess:
    def compress(self, task):
        return disguised(task, bits_per_pixel=property(lambda self: 1.0))


class CountsLess:
    def compress(self, task):
        return disguised(task, nominal_kept=lambda self, shape: shape.images and type(shape.images)(0))


class Halves(Sound):
    def compress(self, task):
        import torch

        torch.set_default_dtype(torch.float64)
        return super().compress(task)


class ForgetsGradients(Sound):
    def compress(self, task):
        import torch

        torch.set_grad_enabled(False)
        return super().compress(task)


class TakesThreads(Sound):
    def compress(self, task):
        import torch

        torch.set_num_threads(torch.get_num_threads() + 1)
        return super().compress(task)


class Silences(Sound):
    def compress(self, task):
        import io
        import sys

        sys.stdout = io.StringIO()
        return super().compress(task)


class PatchesLoss(Sound):
    def compress(self, task):
        import torch.nn.functional

        real = torch.nn.functional.cross_entropy
        torch.nn.functional.cross_entropy = lambda *args, **more: real(*args, **more) / 2
        return super().compress(task)


class PatchesSave(Sound):
    def compress(self, task):
        from ccbench import CompressedDataset

        real = CompressedDataset.save
        CompressedDataset.save = lambda *args, **more: real(*args, **more)
        return super().compress(task)


class Enlarges:
    """Pictures of four times as many pixels, counted as images: allowed, and said."""

    def compress(self, task):
        import numpy as np

        from ccbench import CompressedDataset, RawImages

        data, ids = task.dataset, np.arange(task.images)
        large = data.images[ids].repeat(2, axis=1).repeat(2, axis=2)
        return CompressedDataset(
            RawImages(large), np.full(len(ids), -1), data.labels[ids], classes=data.classes, nominal="images"
        )


class LosesIds:
    """Takes its ids for positions in the whole training split, which a pipeline shows to be wrong."""

    def compress(self, task):
        import numpy as np

        from ccbench import CompressedDataset, RawImages

        ids = np.arange(task.images)
        data = task.dataset
        return CompressedDataset(RawImages(data.images[ids]), task.ids[ids], data.labels[ids], classes=data.classes)


class Declines(Sound):
    def skip(self, task):
        return "it never feels like it"


class DeclinesHalf(Sound):
    def skip(self, task):
        return "half is too much" if task.budget.fraction in {0.5, 0.25} else None


class RaisesAtFirst(Sound):
    """Bites where it may keep much."""

    def compress(self, task):
        if task.budget.fraction > 0.2:
            raise ValueError("the animal is full")
        return super().compress(task)


class WrongInTwoWays(Sound):
    """Over every budget, and with labels of its own."""

    def compress(self, task):
        made = keep(task, range(task.images + 4))
        made.labels[:] = 0
        return made


class Raises:
    def compress(self, task):
        raise ValueError("the animal bites")


class Exits:
    def compress(self, task):
        os._exit(3)


class Hangs:
    def compress(self, task):
        time.sleep(1000)
