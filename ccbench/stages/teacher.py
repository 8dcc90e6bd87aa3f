"""The teacher: a network trained once on the whole training split, or imported, that labels and ranks pictures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ccbench.data import ImageDataset
from ccbench.methods import identity
from ccbench.methods.task import StageContext, Task, Workbench
from ccbench.stages import networks
from ccbench.stages.checkpoints import load_into, read_weights
from ccbench.training.evaluation import accuracy
from ccbench.training.images import DeviceData
from ccbench.training.loop import fit
from ccbench.training.recipe import Recipe
from ccbench.training.teacher import Teacher

FACTS = "facts.json"


def run(context: StageContext, teacher: str | None) -> dict[str, np.ndarray]:
    """Train the teacher by the protocol's ``[teacher]`` recipe, or read it from ``--teacher FILE``.

    The weights go to ``weights.safetensors`` of the entry's folder, ``facts.json`` says what they are.

    Args:
        context: see ``ccbench.methods.task.StageContext``.
        teacher: architecture; None is the user's or the recipe's.

    Returns:
        ``mean`` and ``std`` (3,) float32 in 0 .. 255, what its images are normalised by.

    Raises:
        UserError: the file holds no weights, those of another network, or another number of classes.
    """
    source = context.bench.teacher
    recipe = _recipe(context.bench, teacher)
    network = networks.fresh(context.bench, recipe.architecture, context.seed("weights"))
    data = DeviceData.from_dataset(context.root, context.device)
    normalise = data.normalisation(recipe.normalise)
    facts: dict[str, Any] = {"architecture": recipe.architecture, "classes": data.classes, "source": source.file}
    if source.digest:
        weights, facts["weights"] = read_weights(source.file)
        load_into(network, weights, name=recipe.architecture, source=source.file)
        if facts["weights"]:
            sys.stderr.write(f"teacher: the weights {facts['weights']} of {source.file}\n")
    else:
        iterations = recipe.steps(len(data))
        report = fit(
            network,
            data,
            recipe,
            iterations=iterations,
            seed=context.seed("training"),
            device=context.device,
            progress=lambda done, total, _: context.progress(done, total, "teacher"),
        )
        facts |= {"iterations": iterations, "train_seconds": report.seconds, "precision": recipe.precision}
    networks.save(network, context.folder)
    (context.folder / FACTS).write_text(json.dumps(facts, indent=1))
    return {"mean": normalise.mean.numpy(), "std": normalise.std.numpy()}


def load_teacher(context: Task | StageContext, teacher: str | None = None) -> Teacher:
    """The teacher of a run, on the device, made first where it was not made yet.

    Args:
        context: a task or a stage context.
        teacher: architecture; None is the user's or the protocol's.

    Raises:
        UserError: as for :func:`run`.
    """
    bench, entry = context.bench, context.stage("teacher", teacher=teacher)
    architecture = _recipe(bench, teacher).architecture
    return Teacher(
        network=networks.restored(bench, architecture, entry),
        normalise=networks.normalisation(bench, entry),
        name=bench.teacher.label or architecture,
        classes=len(bench.root.classes),
        bytes=entry.file(networks.WEIGHTS).stat().st_size,
        weights=json.loads(entry.file(FACTS).read_text()).get("weights", ""),
    )


def tested(bench: Workbench, teacher: Teacher, test: ImageDataset) -> float:
    """The teacher's accuracy on the test split, in [0, 1]; measured once and kept.

    Args:
        bench: of the run; its teacher is ``teacher``.
        test: never shown to a method; this figure is for people.
    """
    key = bench.store.key(
        teacher=identity.trained(bench.setting, "teacher"),
        root=bench.root.digest,
        test=test.digest,
        seed=bench.base_seed,
    )

    def make(_: Path) -> dict[str, np.ndarray]:
        data = DeviceData.from_dataset(test, bench.device)
        return {"accuracy": np.array(accuracy(teacher.network, data, teacher.normalise), np.float64)}

    return float(bench.store.get_or_make("teacher-accuracy", key, make)["accuracy"])


def _recipe(bench: Workbench, teacher: str | None) -> Recipe:
    """How the teacher is trained on this training split, without rules."""
    return bench.setting.recipe("teacher", teacher).resolve(None, bench.root.shape, bench.root.shape.images)
