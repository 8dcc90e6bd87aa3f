"""The teacher: a network trained once on the whole training split, or imported, that labels and ranks pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ccbench.data import ImageDataset
from ccbench.errors import UserError
from ccbench.stages.checkpoints import load_into, read_weights
from ccbench.task import teacher_axes, teacher_recipe
from ccbench.training.evaluation import accuracy
from ccbench.training.images import DeviceData, Normalise
from ccbench.training.loop import fit
from ccbench.training.networks import build_network
from ccbench.training.teacher import Teacher

WEIGHTS = "weights.safetensors"
FACTS = "facts.json"


def run(context: Any, teacher: str | None = None) -> dict[str, np.ndarray]:
    """Train the teacher by the protocol's ``[teacher]`` recipe, or read it from ``--teacher FILE``.

    The weights go to ``weights.safetensors`` of the entry's folder, ``facts.json`` says what they are.

    Args:
        context: see ``ccbench.task.StageContext``.
        teacher: architecture; None is the user's or the recipe's.

    Returns:
        ``mean`` and ``std`` (3,) float32 in 0 .. 255, what its images are normalised by.

    Raises:
        UserError: the file holds no weights, those of another network, or another number of classes.
    """
    from safetensors.torch import save_file

    source = context.bench.teacher
    recipe, network = _network(context.bench, teacher, context.seed("weights"))
    data = DeviceData.from_dataset(context.root, context.device)
    normalise = data.normalisation(recipe.normalise)
    facts: dict[str, Any] = {"architecture": recipe.architecture, "classes": data.classes, "source": source.file}
    if source.digest:
        load_into(network, read_weights(source.file), name=recipe.architecture, source=source.file)
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
        facts |= {"iterations": iterations, "train_seconds": report.seconds, "precision": report.precision}
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(state, str(context.folder / WEIGHTS))
    (context.folder / FACTS).write_text(json.dumps(facts, indent=1))
    return {"mean": normalise.mean.numpy(), "std": normalise.std.numpy()}


def load_teacher(context: Any, teacher: str | None = None) -> Teacher:
    """The teacher of a run, on the device, made first where it was not made yet.

    Args:
        context: a task or a stage context.
        teacher: architecture; None is the user's or the protocol's.

    Raises:
        UserError: as for :func:`run`.
    """
    from safetensors.torch import load_file

    entry = context.stage("teacher", teacher=teacher)
    recipe, network = _network(context.bench, teacher)
    weights = Path(entry.path) / WEIGHTS
    try:
        network.load_state_dict(load_file(str(weights)))
    except Exception as error:  # a file that was damaged since
        raise UserError(
            f"{weights} in the cache is damaged", found=error, mend="ccbench cache clear --kind teacher --yes"
        ) from None
    place = torch.device(context.device)
    mean, std = (torch.from_numpy(np.array(entry[name])) for name in ("mean", "std"))
    return Teacher(
        network=network.to(place).to(memory_format=torch.channels_last).eval(),
        normalise=Normalise(mean, std, place),
        name=context.bench.teacher.label or recipe.architecture,
        classes=len(context.bench.root.classes),
        bytes=weights.stat().st_size,
    )


def tested(bench: Any, teacher: Teacher, test: ImageDataset) -> float:
    """The teacher's accuracy on the test split, in [0, 1]; measured once and kept.

    Args:
        bench: of the run; its teacher is ``teacher``.
        test: never shown to a method; this figure is for people.
    """
    key = bench.store.key(
        teacher=teacher_axes(bench, None), root=bench.root.digest, test=test.digest, seed=bench.base_seed
    )

    def make(_: Path) -> dict[str, np.ndarray]:
        data = DeviceData.from_dataset(test, bench.device)
        return {"accuracy": np.array(accuracy(teacher.network, data, teacher.normalise), np.float64)}

    return float(bench.store.get_or_make("teacher-accuracy", key, make)["accuracy"])


def _network(bench: Any, teacher: str | None, seed: int = 0) -> tuple[Any, torch.nn.Module]:
    """The flat recipe and a fresh network."""
    shape = bench.root.shape
    recipe = teacher_recipe(bench, teacher).resolve(None, shape, shape.images)
    network = build_network(
        recipe.architecture,
        classes=shape.classes,
        image_size=max(shape.height, shape.width),
        seed=seed,
        plugins=bench.plugins,
    )
    return recipe, network
