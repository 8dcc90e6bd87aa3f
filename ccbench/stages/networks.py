"""Networks that stages train: built, written down and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ccbench.methods.task import Workbench
from ccbench.store import Entry, damaged
from ccbench.training.images import Normalise
from ccbench.training.networks import build_network

WEIGHTS = "weights.safetensors"


def fresh(bench: Workbench, architecture: str, seed: int = 0) -> torch.nn.Module:
    """A network for the whole training split, with the weights of a seed.

    Args:
        bench: see ``ccbench.methods.task.Workbench``.

    Raises:
        UserError: the name is unknown, or the network cannot take such images.
    """
    shape = bench.root.shape
    return build_network(
        architecture,
        classes=shape.classes,
        image_size=max(shape.height, shape.width),
        seed=seed,
        plugins=bench.plugins,
    )


def save(network: torch.nn.Module, folder: Path) -> None:
    """Write the weights to ``weights.safetensors`` of a folder."""
    from safetensors.torch import save_file

    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(state, str(folder / WEIGHTS))


def restored(bench: Workbench, architecture: str, entry: Entry) -> torch.nn.Module:
    """The network of an entry that :func:`save` wrote, in eval mode, on the bench's device.

    Args:
        entry: see ``ccbench.store.Entry``.

    Raises:
        UserError: its file is damaged, or may not be read.
    """
    from safetensors.torch import load_file

    network, weights = fresh(bench, architecture), entry.file(WEIGHTS)
    try:
        network.load_state_dict(load_file(str(weights)))
    except Exception as error:  # the reader has errors of its own for what a disk may do to a file
        raise damaged(weights, error) from None
    return network.to(torch.device(bench.device)).to(memory_format=torch.channels_last).eval()


def normalisation(bench: Workbench, entry: Entry) -> Normalise:
    """How the network of an entry wants its images: from the arrays ``mean`` and ``std``, (3,) float32 in 0 .. 255."""
    mean, std = (torch.from_numpy(np.array(entry[name])) for name in ("mean", "std"))
    return Normalise(mean, std, bench.device)
