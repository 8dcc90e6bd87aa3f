"""Figures of one GPU: ``python -m benchmarks gpu [seconds=600] [out=FOLDER] [tiny=1]``.

In this order, each piece written to ``figures.jsonl`` of the folder as soon as it is measured:

1. training images per second of the network, the batch and the augmentation of protocol ``dcq-cifar``, in both number
   formats, with cuDNN free to choose its algorithms and with ``torch.compile`` (the seconds of its first update apart),
   beside the loop in the classic style of :mod:`benchmarks.training`, and airbench's 94 % run where that is installed;
2. DCQ of all 50,000 images of CIFAR-10, stage by stage and step by step;
3. decoded images per second;
4. rows of the papers' tables through ``ccbench run --suite``, one seed each: first the file, whose stages stay in the
   cache, then the training. A row that would not finish in the time left is not begun.

The same command goes on where the last one ended: ``seconds=180`` is a piece of three minutes. CIFAR-10 lies under
``CCBENCH_DATA``; without it images are noise and no row is trained. Records are in ``records`` of the folder, and
stages in its ``cache`` unless ``CCBENCH_CACHE`` names another. ``ccbench merge BOARD FOLDER/records --out NEW`` adds
the records to a leaderboard. ``tiny=1`` tries all of it in seconds, on a CPU too.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import _airbench, training
from benchmarks._pieces import Deadline, Ledger, NotHereError, Piece, Row, measured
from ccbench.archive import CompressedDataset, PaletteImages
from ccbench.budget import Budget
from ccbench.data import ImageDataset
from ccbench.machine import processor
from ccbench.methods.task import Task, Workbench
from ccbench.offers.discovery import plugins
from ccbench.records.record import read_all
from ccbench.store import Store
from ccbench.suites import model
from ccbench.suites.grid import Cell, Lookup
from ccbench.suites.results import Results
from ccbench.suites.table import Entry, build
from ccbench.training import DeviceData, Recipe, fit, load_protocol

GOAL = 15.0  # seconds of DCQ; the paper's takes 52
SPARE = 5.0  # seconds before the end in which nothing is begun
WATCHED = 1.7  # a network that scores watch takes so much longer: on an H200 298 s beside 173 s for as many images
START = 25.0  # seconds of a row beside its networks: processes, the file, its measurement, the test
REAL = (
    ("dcq-table20", "dcq-50", "Acc (%)"),
    *(("dcq-table1", row, "CIFAR-10 92%") for row in ("dcq", "ccs", "random")),
    ("dcq-table6", "mediancut", "CIFAR-10 2 bit"),
)
TINY_SUITE = """title = "Tiny"
paper = "tiny"
[all]
dataset = "photodigits"
protocol = {recipe}
[[columns]]
name = "2 bits"
bits = 2
[[rows]]
name = "DCQ"
key = "dcq"
method = "dcq[refine_steps=2,clusters=2]"
"""
TINY_RECIPE = """[train]
architecture = "quicknet"
batch = 64
lr = 0.05
iterations = 2
[proxy]
architecture = "quicknet"
batch = 64
lr = 0.05
epochs = 1
"""


class Card:
    """The GPU, or the CPU where there is none: all that is CUDA's own lies here."""

    def __init__(self) -> None:
        self.cuda = torch.cuda.is_available()
        self.device = "cuda" if self.cuda else "cpu"
        self.name = torch.cuda.get_device_name() if self.cuda else processor()

    def wait(self) -> None:
        """Until the device has done all that it was told."""
        if self.cuda:
            torch.cuda.synchronize()

    @contextmanager
    def free_to_choose(self) -> Iterator[None]:
        """Inside, cuDNN takes the algorithms that it finds fastest, whatever the training loop asks for."""
        cudnn: Any = torch.backends.cudnn
        before = cudnn.flags, cudnn.benchmark
        cudnn.flags, cudnn.benchmark = (lambda **_: nullcontext()), True
        try:
            yield
        finally:
            cudnn.flags, cudnn.benchmark = before


@dataclass(frozen=True)
class Size:
    """How large everything is: as it counts, or tiny.

    Attributes:
        images: of training, DCQ and decoding.
        warm, updates: of a training that is measured.
        train, proxy: recipes of trainings and of the network that DCQ looks through.
        rows: (suite, row, column) of the tables.
        patience: seconds for a piece on a GPU, by which it is judged before anything is known; 1: as stated.
    """

    images: int
    warm: int
    updates: int
    train: Recipe
    proxy: Recipe
    rows: tuple[tuple[str, str, str], ...]
    patience: float


def sizes(tiny: bool, out: Path) -> Size:
    """Those of a GPU, or tiny ones, whose suite and recipe are written to the folder."""
    if not tiny:
        protocol = load_protocol("dcq-cifar", plugins())
        proxy = replace(protocol.proxy, iterations=100, epochs=None)
        return Size(50_000, 30, 150, protocol.train, proxy, REAL, 1.0)
    out.mkdir(parents=True, exist_ok=True)
    suite, recipe = (out / f"tiny-{what}.toml" for what in ("suite", "recipe"))
    suite.write_text(TINY_SUITE.format(recipe=json.dumps(str(recipe.resolve()))), encoding="utf-8")
    recipe.write_text(TINY_RECIPE, encoding="utf-8")
    protocol = load_protocol(str(recipe), plugins())
    rows = ((str(suite), "dcq", "2 bits"),)
    return Size(256, 1, 2, protocol.train, protocol.proxy, rows, 0.0)


class Figures:
    """The pieces.

    Args:
        out: the folder.
        deadline: of all pieces together.
        tiny: whether at the tiny size.
    """

    def __init__(self, out: Path, deadline: Deadline, *, tiny: bool) -> None:
        self.out, self.deadline, self.card = out, deadline, Card()
        self.size = sizes(tiny, out)
        self.ledger = Ledger(out / "figures.jsonl", f"{self.card.name}{', tiny' * tiny}")
        self.lookup = Lookup(plugins())

    @cached_property
    def data(self) -> tuple[str, np.ndarray, np.ndarray]:
        """What they are, images and labels."""
        return training.data(self.size.images)

    @cached_property
    def dataset(self) -> ImageDataset:
        """The same as a split."""
        name, images, labels = self.data
        return ImageDataset.from_arrays(images, labels, [str(i) for i in range(10)], name=name)

    def pieces(self) -> list[Piece]:
        """All of them, in their order."""
        every = [
            self._piece("training, classic loop", self.classic, 30),
            self._piece("training, float32", lambda: self.trained("float32"), 15),
            self._piece("training, bfloat16", lambda: self.trained("bfloat16"), 15),
        ]
        if self.card.cuda:
            free = lambda: self.trained("float32", free=True)  # noqa: E731
            every.append(self._piece("training, float32, cuDNN free to choose", free, 20))
            for precision in ("float32", "bfloat16"):
                compiled = lambda precision=precision: self.trained(precision, compiled=True)  # noqa: E731
                every.append(self._piece(f"training, {precision}, compiled", compiled, 90))
        every += [
            self._piece("airbench's 94 % run", self.airbench, 60),
            self._piece(f"DCQ of {self.size.images:,} images", self.dcq, 60),
            self._piece("decoding", self.decoding, 20),
        ]
        return every + [piece for row in self.size.rows for piece in self.row(*row)]

    def _piece(self, name: str, rows: Callable[[], Iterator[Row]], needs: float) -> Piece:
        return Piece(name, rows, lambda: needs * self.size.patience)

    def classic(self) -> Iterator[Row]:
        """Images per second of the peer."""
        name, images, labels = self.data
        recipe, updates = self.size.train, self.size.updates
        seconds = training.classic(images, labels, recipe, self.card.device, min(updates, training.UPDATES))
        yield {
            "name": f"training, {recipe.architecture}, classic loop",
            "ours": round(min(updates, training.UPDATES) * recipe.batch / seconds),
            "unit": "images/s",
            "note": f"PIL transforms, DataLoader, float32, NCHW; {name}, batch {recipe.batch}; {self.card.name}",
        }

    def trained(self, precision: str, *, compiled: bool = False, free: bool = False) -> Iterator[Row]:
        """Images per second after a warm-up, and the seconds of the first update where the network is compiled."""
        recipe, size = replace(self.size.train, precision=precision), self.size
        held = DeviceData.from_dataset(self.dataset, self.card.device)
        _ = held.normalise
        marks: dict[int, float] = {0: time.perf_counter()}

        def mark(done: int, _total: int, _what: str) -> None:
            if done in {1, size.warm, size.warm + size.updates}:
                self.card.wait()
                marks[done] = time.perf_counter()

        with self.card.free_to_choose() if free else nullcontext():
            fit(
                training.network(recipe), held, recipe, iterations=size.warm + size.updates, seed=0, compile=compiled,
                progress=mark,
            )  # fmt: skip
        seconds = marks[size.warm + size.updates] - marks[size.warm]
        ours, peer = size.updates * recipe.batch / seconds, self.ledger.value("training, classic loop")
        how = f"{', cuDNN free to choose' * free}{', compiled' * compiled}"
        first = f"; first update {marks[1] - marks[0]:.1f} s" if compiled else ""
        yield {
            "name": f"training, {recipe.architecture}, {precision}{how}",
            "ours": round(ours),
            "peer": peer,
            "ratio": ours / peer if peer else None,
            "unit": "images/s",
            "note": f"peer: classic loop{first}; {self.data[0]}, batch {recipe.batch}; {self.card.name}",
        }

    def airbench(self) -> Iterator[Row]:
        """Another's fastest training on the same card, of another network: no ratio."""
        if not self.card.cuda or not importlib.util.find_spec("airbench"):
            raise NotHereError("pip install airbench" if self.card.cuda else "it trains on a GPU alone")
        _, images, labels = self.data
        with tempfile.TemporaryDirectory() as folder:
            _airbench.prepare(Path(folder), images, labels, training.data(10_000, train=False)[1:])
            done = self._child(["-m", "benchmarks._airbench", folder])
        said = json.loads(done.splitlines()[-1])
        yield {
            "name": "airbench's 94 % run",
            "peer": round(said["images_per_second"]),
            "unit": "images/s",
            "note": f"{said['seconds']:.2f} s to {said['accuracy']:.2%}, its small network, float16; {self.card.name}",
        }

    def dcq(self) -> Iterator[Row]:
        """DCQ at 2 bits through a network that was trained shortly: what it learned changes no time."""
        from cc_plugins.dcq import DCQ

        marks: list[tuple[str, float]] = []

        def progress(done: int, total: int, what: str) -> None:
            if done >= total and what != "proxy":
                self.card.wait()
                marks.append((what, time.perf_counter()))

        split, where, device = self.dataset, f"2 bits; {self.data[0]}; {self.card.name}", self.card.device
        with tempfile.TemporaryDirectory() as folder:
            bench = Workbench(split, Store(folder), plugins(), self.size.proxy, device=device, progress=progress)
            task = Task(bench, split, Budget.from_bits(2), np.arange(len(split)))
            task.stage("proxy", proxy=None)
            began = before = time.perf_counter()
            DCQ.build().compress(task)
            self.card.wait()
            whole = time.perf_counter() - began
        for what, at in [*marks, ("packing and the rest", began + whole)]:
            yield {"name": f"DCQ of {len(split):,} images, {what}", "ours": at - before, "unit": "s", "note": where}
            before = at
        goal = f"goal: {GOAL:g} s, the paper's takes 52; the network beside"
        yield {"name": f"DCQ of {len(split):,} images, in all", "ours": whole, "unit": "s", "note": f"{goal}; {where}"}

    def decoding(self) -> Iterator[Row]:
        """Decoded images per second in shuffled batches of 256, beside raw pixels that lie on the device."""
        n, rng, side = self.size.images, np.random.default_rng(0), 32
        raw = DeviceData.from_dataset(self.dataset, self.card.device).decode
        for bits in (1, 2, 4):
            indices, palettes = (rng.integers(0, high, shape, dtype=np.uint8) for high, shape in (
                (1 << bits, (n, side, side)), (256, (20, 1 << bits, 3)),
            ))  # fmt: skip
            payload = PaletteImages(indices, palettes, rng.integers(0, 20, n), bits)
            held = CompressedDataset(payload, np.arange(n), np.zeros(n, np.int64), classes=["one"])
            ours, peer = (self._per_second(decode) for decode in (held.to_device(self.card.device), raw))
            yield {
                "name": f"decoding, {bits} bits, 20 palettes",
                "ours": round(ours),
                "peer": round(peer),
                "ratio": ours / peer,
                "unit": "images/s",
                "note": f"peer: raw pixels on the device, 32 x 32, batches of 256; {self.card.name}",
            }

    def _per_second(self, decode: Callable[[torch.Tensor], torch.Tensor]) -> float:
        order = torch.randperm(self.size.images, generator=torch.Generator().manual_seed(0)).to(self.card.device)
        for timed in (False, True):
            self.card.wait()
            started = time.perf_counter()
            for batch in order.split(256):
                decode(batch)
            self.card.wait()
            seconds = time.perf_counter() - started
            if timed:
                return len(order) / seconds
        raise AssertionError

    def row(self, suite: str, row: str, column: str) -> Iterator[Piece]:
        """The pieces of one row of a table: its file where networks are trained for it, and the row."""
        cell = self._cell(suite, row, column)
        assert cell.found, cell.reason
        looks = any(step.spec.needs for step in cell.found.expression.steps)
        title = f"{Path(suite).stem}, {cell.row.key} at {cell.column.title}"
        if looks:
            yield Piece(f"{title}, file", lambda: self.file(cell, title), lambda: self.seconds(cell, network=False))
        yield Piece(title, lambda: self.result(cell, suite, title), lambda: self.seconds(cell, looks=looks))

    def _cell(self, suite: str, row: str, column: str) -> Cell:
        found = model.read(suite, plugins())
        rows, columns = model.chosen(found, [row], [column])
        return self.lookup.cell(found, rows[0], columns[0])

    def seconds(self, cell: Cell, *, network: bool = True, looks: bool = True) -> float | None:
        """What a row's file or training takes, by the images per second that were measured; None where none were."""
        speed = self.ledger.value("training, float32")
        if not speed:
            return None
        assert cell.found
        key, shape = cell.found.key, cell.found.shape
        protocol = load_protocol(cell.place.protocol or "", plugins())
        kept = max(1, Budget(key.kept).images(shape))
        images = 0.0
        if network:
            train = protocol.train.resolve(key.architecture, shape, kept)
            images += train.updates(kept, shape.images) * train.batch
        if looks and not self._looked(cell):
            proxy = protocol.proxy.resolve(None, shape, shape.images)
            images += WATCHED * proxy.steps(shape.images) * proxy.batch
        return images / speed + START * self.size.patience

    def _looked(self, cell: Cell) -> bool:
        """Whether the network that looks was trained for a file of the same protocol."""
        return self.ledger.rows(self._network(cell)) is not None

    def _network(self, cell: Cell) -> str:
        return f"network of {cell.place.protocol} for {cell.place.dataset}"

    def file(self, cell: Cell, title: str) -> Iterator[Row]:
        """Compress: the network and what it gives stay in the cache, whatever time is left for the training."""
        assert cell.found
        assert cell.found.asked
        (unit, value), place = cell.found.asked, cell.place
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            self._ccbench(
                "compress", "--method", cell.found.key.method, f"--{unit}", value, "--dataset", place.dataset or "",
                "--protocol", place.protocol or "", "--no-snap", str(Path(folder) / "file.ccb"),
            )  # fmt: skip
        seconds = time.perf_counter() - started
        self.ledger.add(self._network(cell), [])
        yield {
            "name": f"{title}, file",
            "ours": seconds,
            "unit": "s",
            "note": f"the network that looks included; {self.card.name}",
        }

    def result(self, cell: Cell, suite: str, title: str) -> Iterator[Row]:
        """Train and test one network, and set the accuracy beside the published one."""
        records = self.out / "records"
        self._ccbench(
            "run", "--suite", suite, "--rows", cell.row.key, "--columns", cell.column.key, "--seeds", "1",
            "--out", str(records), "--quiet",
        )  # fmt: skip
        entry = self._entry(cell, suite)
        if entry.ours is None:
            raise RuntimeError(f"no record of it in {records}")
        ours, theirs = entry.ours.mean, entry.theirs.value if entry.theirs else None
        yield {
            "name": title,
            "ours": 100 * ours,
            "peer": None if theirs is None else 100 * theirs,
            "unit": "%",
            "note": f"{'peer: published; ' * (theirs is not None)}n={entry.ours.n}; {self.card.name}",
        }

    def _entry(self, cell: Cell, suite: str) -> Entry:
        results = Results(read_all(self.out / "records")[0])
        table = build(model.read(suite, plugins()), [cell.row], [cell.column], self.lookup, results)
        return next(iter(table.entries.values()))

    def _ccbench(self, *words: str) -> None:
        data = os.environ.get("CCBENCH_DATA")
        self._child(["-m", "ccbench", *words, *(("--data-root", data) if data else ()), "--device", self.card.device])

    def _child(self, words: list[str]) -> str:
        """What another Python prints; it ends with the time that is left."""
        env = {"CCBENCH_CACHE": str(self.out.resolve() / "cache"), **os.environ}
        command = [sys.executable, *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=self.deadline.left, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout


def rows(seconds: str = "600", out: str = "gpu-figures", tiny: str = "") -> Iterator[Row]:
    """Rows as they are measured, those of earlier calls first."""
    figures = Figures(Path(out), Deadline(float(seconds), 0.0 if tiny else SPARE), tiny=bool(tiny))
    if not figures.card.cuda and not tiny:
        yield {"name": "gpu", "note": "no GPU that torch can use; tiny=1 tries all of it on the CPU"}
        return
    yield from measured(figures.pieces(), figures.ledger, figures.deadline)
