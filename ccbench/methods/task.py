"""What a method is handed, and nothing else."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ccbench import seeds
from ccbench.budget import Budget
from ccbench.data import ImageDataset
from ccbench.errors import UserError
from ccbench.methods import identity
from ccbench.methods.teacher_source import TeacherSource
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import read_params
from ccbench.offers.specs import MethodSpec, NeedingSpec, StageSpec
from ccbench.store import Blobs, Entry, Store
from ccbench.training.recipe import Recipe

if TYPE_CHECKING:
    from ccbench.archive import CompressedDataset

Progress = Callable[[int, int, str], None]


@dataclass
class Workbench:
    """Where stages run: what all tasks of one training set share.

    Attributes:
        root: the whole training split.
        recipe: the proxy recipe of the run, as ``ccbench.training`` reads it.
        teacher_recipe: how the protocol trains its teacher; None: as the proxy.
        teacher: a file or a network instead of the protocol's own.
        threads: of one training.
        base_seed: what every seed is derived from; a proxy's never depends on the method that uses it.
        stage_seconds: wall-clock seconds by stage, filled as stages are made or read.
        spent: seconds that each entry of the store took when it was made, by its address, of every entry that was
            asked for and of those that it is made from; NaN where the entry does not say.
    """

    root: ImageDataset
    store: Store
    plugins: Plugins
    recipe: Recipe
    base_seed: int = 0
    device: str = "cpu"
    progress: Progress = lambda done, total, what: None
    teacher_recipe: Recipe | None = None
    teacher: TeacherSource = field(default_factory=TeacherSource)
    threads: int = 1
    stage_seconds: dict[str, float] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)

    @property
    def setting(self) -> identity.Setting:
        """What all its stages depend on."""
        return identity.Setting(
            self.plugins, self.recipe, self.teacher_recipe or self.recipe, self.teacher, self.threads
        )

    def once(
        self,
        name: str,
        key: str,
        make: Callable[[Path, Workbench], Mapping[str, np.ndarray] | None],
        meta: Mapping[str, Any],
        *,
        kind: str | None = None,
    ) -> Entry:
        """An entry of the store, made where it is not there; its seconds are told apart from those of others.

        Args:
            name: under which its seconds count.
            key: from :meth:`ccbench.store.Store.key`.
            make: gets an empty folder and a workbench that everything nested is asked of; fills the folder, or returns
                arrays to be saved there.
            meta: JSON-able facts kept with the entry.
            kind: of the entry, where it is not the name.
        """
        address, facts, clock = f"{kind or name}/{key}", dict(meta), _Clock(self)

        def timed(folder: Path) -> Mapping[str, np.ndarray] | None:
            own, inner = _Clock(self), replace(self, spent={})
            arrays = make(folder, inner)
            facts["spent"] = {**inner.spent, address: own.seconds}
            return arrays

        entry = self.store.get_or_make(kind or name, key, timed, facts)
        self.spent.update(entry.meta.get("spent", {address: math.nan}))
        self.stage_seconds[name] = self.stage_seconds.get(name, 0.0) + clock.seconds
        return entry


@dataclass
class StageContext:
    """What a stage is handed.

    Attributes:
        dataset: the images it works on; in a pipeline what the step before kept.
        folder: where it may fill memory-maps of its own.
    """

    bench: Workbench
    dataset: ImageDataset
    spec: StageSpec
    params: Mapping[str, Any]
    folder: Path

    @property
    def root(self) -> ImageDataset:
        """The whole training split."""
        return self.bench.root

    @property
    def device(self) -> str:
        """Where to compute: ``"cpu"`` or ``"cuda:0"``."""
        return self.bench.device

    @property
    def plugins(self) -> Plugins:
        """Where offers are looked up."""
        return self.bench.plugins

    def progress(self, done: int, total: int, what: str = "") -> None:
        """Tell how far the stage is."""
        self.bench.progress(done, total, what)

    def seed(self, name: str = "stage") -> int:
        """A seed that depends on the base seed, the stage and the name alone."""
        return seeds.derive(self.bench.base_seed, stage=self.spec.name, name=name)

    @property
    def recipe(self) -> Recipe:
        """The proxy recipe of the run, for a stage that trains by it or needs one that does.

        Raises:
            UserError: this stage declares neither, so its result would not change with the recipe.
        """
        if "proxy" in identity.roles(self.spec, self.bench.plugins):
            return self.bench.recipe
        raise UserError(
            f"stage {self.spec.name} reads the proxy's recipe and does not declare it",
            mend='trains="proxy" or needs=("proxy",) in its spec',
        )

    def stage(self, name: str, **params: Any) -> Entry:
        """The result of another stage, which this one's spec needs.

        Raises:
            UserError: its spec does not.
        """
        return run_stage(self.bench, self.dataset, name, params, asker=(self.spec, self.params))


def run_stage(
    bench: Workbench,
    dataset: ImageDataset,
    name: str,
    params: Mapping[str, Any],
    *,
    asker: tuple[NeedingSpec, Mapping[str, Any]] | None = None,
) -> Entry:
    """A stage's result: made once for everything that it depends on, then read from the store.

    Args:
        bench: of the run.
        dataset: the images it works on, where it does not work on the whole training split.
        name: of the stage.
        params: its parameters, others at their defaults.
        asker: the spec and the parameters of the method or stage that asks; None is the harness.

    Raises:
        UserError: the name or a parameter is unknown, or the asker does not declare this stage.
    """
    spec = bench.plugins.get("stage", name)
    values = dict(read_params(spec, params, bench.plugins))
    if asker is not None:
        identity.allowed(bench.setting, *asker, spec, identity.depends(bench.setting, spec, values))
    axes = stage_axes(bench, dataset, spec, values)

    def make(folder: Path, inner: Workbench) -> Mapping[str, np.ndarray] | None:
        import torch

        # whoever asks may do so without gradients; a proxy that is trained for it needs them
        with torch.inference_mode(mode=False), torch.enable_grad():
            return spec.load()(StageContext(inner, dataset, spec, values, folder), **values)

    return bench.once(name, bench.store.key(**axes), make, {"stage": name, "axes": axes})


class _Clock:
    """Seconds since it was made without those of stages that ended since: each counts once, where it was spent."""

    def __init__(self, bench: Workbench) -> None:
        self.stages = bench.stage_seconds
        self.started, self.others = time.perf_counter(), sum(self.stages.values())

    @property
    def seconds(self) -> float:
        """So far."""
        return time.perf_counter() - self.started - (sum(self.stages.values()) - self.others)


def stage_axes(bench: Workbench, dataset: ImageDataset, spec: StageSpec, values: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that can change a stage's result, for its address."""
    return {
        **identity.stage(bench.setting, spec, values),
        "root": bench.root.digest,
        "dataset": (bench.root if spec.whole else dataset).digest,
        "seed": bench.base_seed if spec.seeded else None,
    }


@dataclass(frozen=True)
class Room:
    """What a coded file may take (``--match bytes``), for a method that can trade something for coded bytes.

    Attributes:
        bytes: everything counted.
        written: the bytes of the file that a result would make.
    """

    bytes: int
    written: Callable[[CompressedDataset], int]


@dataclass
class Task:
    """One compression: the training set, the budget, seeds, the device, progress and shared stages.

    Attributes:
        dataset: images (N, H, W, 3) uint8 and labels (N,) int64 to compress.
        budget: what may be kept of this dataset.
        ids: (N,) int64, where each image stands in the whole training split.
        asker: the spec and the parameters of the method; None is the harness, which may ask for any stage.
        room: of its file, where the run holds coded files to bytes and the method is no step of a pipeline.
    """

    bench: Workbench
    dataset: ImageDataset
    budget: Budget
    ids: np.ndarray
    axes: dict[str, Any] = field(default_factory=dict)
    asker: tuple[NeedingSpec, Mapping[str, Any]] | None = None
    room: Room | None = None

    @classmethod
    def whole(cls, bench: Workbench) -> Task:
        """The whole training split without a budget, for whoever only wants its stages."""
        return cls(bench, bench.root, Budget.from_fraction(1), np.arange(len(bench.root.labels)))

    @property
    def images(self) -> int:
        """How many images may be kept when each keeps its 24 bits; at least one per class.

        Raises:
            UserError: the budget is smaller than that.
        """
        kept = self.budget.images(self.dataset.shape)
        if kept < len(self.dataset.classes):
            raise UserError(
                f"the budget keeps {kept} of {len(self.dataset.labels)} images, less than one for each of "
                f"{len(self.dataset.classes)} classes",
                mend="a smaller --ratio",
            )
        return kept

    @property
    def device(self) -> str:
        """Where to compute: ``"cpu"`` or ``"cuda:0"``."""
        return self.bench.device

    def seed(self, name: str = "method") -> int:
        """A seed in [0, 2**32) of this cell; other names give independent ones."""
        return seeds.derive(self.bench.base_seed, name=name, **self.axes)

    @property
    def repetition(self) -> int:
        """Which repetition of the cell this is: the index of the seed, 0 for a method that is not random."""
        return int(self.axes.get("seed", 0))

    def shared_seed(self, name: str) -> int:
        """A seed in [0, 2**32) of this repetition, whatever the method, its parameters and the budget.

        What is drawn by it is the same for every row of an ablation, and a larger budget extends a smaller one.
        """
        return seeds.derive(self.bench.base_seed, name=name, seed=self.repetition)

    def rng(self, name: str = "method") -> np.random.Generator:
        """A NumPy generator seeded by :meth:`seed`."""
        return np.random.default_rng(self.seed(name))

    def progress(self, done: int, total: int, what: str = "") -> None:
        """Tell how far the method is."""
        self.bench.progress(done, total, what)

    def blobs(self, kind: str) -> Blobs:
        """Small results that are kept one by one, such as generated pictures, so that a kill loses none of them."""
        return self.bench.store.blobs(kind)

    def repeated(self, repeat: int) -> Task:
        """This task with shared stages of an independent run, whose networks have other seeds; 0 is this one.

        They are made once as well, whichever method asks for them.
        """
        if not repeat:
            return self
        bench = replace(self.bench, base_seed=seeds.derive(self.bench.base_seed, repeat=repeat))
        return replace(self, bench=bench)

    def selection(self, parameter: str, images: int | None = None) -> np.ndarray:
        """Which images the method keeps that one of this method's parameters names (``Param(choices="method")``).

        It runs here as in a row of its own, with the stages that its own spec declares; its version and they are part
        of this row's identity.

        Args:
            parameter: its name; its value is no word beside a method's name.
            images: how many to keep where the value's brackets say no budget; None: as many as this budget does.

        Returns:
            (n,) int64 positions in :attr:`dataset`, as that method's file has them: mostly in ascending order.

        Raises:
            UserError: the spec has no such parameter, or the method keeps other things than training images.
            Skipped: the method declines.
        """
        from ccbench.methods.selection import selected

        spec, params = self.asker or (None, {})
        if not any(p.name == parameter and p.choices == "method" for p in (spec.params if spec else ())):
            raise UserError(
                f"there is no parameter {parameter!r} that names a method",
                found=spec.name if spec else "no method asks",
                mend='Param(name="init", default="random", choices="method", doc=...) in its spec',
            )
        return selected(self, params[parameter], self.images if images is None else images)

    @property
    def depends(self) -> str:
        """A digest over what the result depends on beside images, budget, seed and plain parameters.

        That are the method's version, the offers and files that its parameters name and its stages: for the address of
        what it keeps in :meth:`blobs`.
        """
        spec, params = self.asker or (None, {})
        if not isinstance(spec, MethodSpec):
            return ""
        return identity.digest(version=spec.edition(params), **identity.beside(self.bench.setting, spec, params))

    def stage(self, name: str, **params: Any) -> Entry:
        """The arrays of a shared stage, made once; see ``ccbench list stages``.

        Raises:
            UserError: the method's spec does not need it.
        """
        return run_stage(self.bench, self.dataset, name, params, asker=self.asker)
