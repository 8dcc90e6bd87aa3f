"""The work of a cell: train one network on a compressed file and test it; and the teacher's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ccbench.budget import Budget, DataShape
from ccbench.executors import TRAINING
from ccbench.offers.discovery import plugins
from ccbench.records.facts import Taught, Trained
from ccbench.runner.device import chosen_device, environment
from ccbench.runner.work import Context, Heard, Work, do

if TYPE_CHECKING:
    from ccbench.training.teacher import Teacher

__all__ = ["Teaching", "Training", "do"]


@dataclass(frozen=True, kw_only=True)
class Training(Work):
    """Train one network on a compressed file and test it once.

    Attributes:
        artifact: the ``.ccb`` file.
        architecture: canonical label of the network.
        seed_value: the seed itself, already derived.
        compile: whether the network goes through ``torch.compile``.
        micro_batch: images per forward pass where the whole batch does not fit.
    """

    warm: ClassVar[str] = TRAINING
    artifact: Path
    architecture: str
    seed_value: int
    compile: bool = False
    micro_batch: int | None = None

    def work(self, progress: Heard) -> Trained:
        """Train and test."""
        from ccbench.archive import CompressedDataset
        from ccbench.training import evaluate

        started = datetime.now(UTC).isoformat(timespec="seconds")
        splits, recipe, device = self.context.splits(), self.context.recipes, chosen_device(self.context.device)
        compressed = CompressedDataset.open(self.artifact)
        full = DataShape(*compressed.meta["full"]) if "full" in compressed.meta else splits.train.shape
        kept = compressed.meta.get("kept")
        teacher, taught = None, None
        if recipe.train.labels == "teacher":
            teacher, taught = _teacher(self.context, progress)
        outcome = evaluate(
            compressed,
            splits.test,
            protocol=recipe,
            architecture=self.architecture,
            full=full,
            kept_images=Budget(Fraction(kept)).images(full) if kept else len(compressed),
            teacher=teacher,
            seed=self.seed_value,
            device=device,
            micro_batch=self.micro_batch,
            compile=self.compile,
            progress=progress,
            plugins=plugins(),
        )
        where = environment(device)
        if self.compile:  # other kernels, other rounding
            where["compiled"] = "true"
        if self.micro_batch is not None:  # batch normalisation saw fewer images at a time
            where["micro_batch"] = str(self.micro_batch)
        return Trained(
            **vars(outcome),
            test_images=len(splits.test),
            teacher_accuracy=taught.teacher_accuracy if taught else None,
            teacher_bytes=taught.teacher_bytes if taught else None,
            environment=where,
            started=started,
        )


@dataclass(frozen=True, kw_only=True)
class Teaching(Work):
    """Train or import the teacher of a protocol on a dataset and test it."""

    warm: ClassVar[str] = TRAINING

    def work(self, progress: Heard) -> Taught:
        """Train or import, and test."""
        return _teacher(self.context, progress)[1]


def _teacher(context: Context, progress: Heard) -> tuple[Teacher, Taught]:
    """The teacher of a run, and what records say of it."""
    from ccbench.methods.task import Task
    from ccbench.stages.teacher import load_teacher, tested

    bench = context.bench(progress)
    teacher = load_teacher(Task.whole(bench))
    return teacher, Taught(
        teacher=teacher.name,
        teacher_accuracy=tested(bench, teacher, context.splits().test),
        teacher_bytes=teacher.bytes,
        teacher_weights=teacher.weights,
    )
