"""Trained weights from a file that somebody else wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ccbench.errors import UserError
from ccbench.stages.layers import last_linear
from ccbench.store import check_readable

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "teacher")  # names under which weights hide
_PREFIXES = ("module.", "_orig_mod.")  # what DataParallel and torch.compile put in front


def read_weights(path: str | Path) -> dict[str, torch.Tensor]:
    """The tensors of a ``.safetensors`` file, or of a checkpoint that ``torch.load`` reads with ``weights_only=True``.

    A dictionary that holds the weights under a usual name, such as ``model`` or ``state_dict``, is opened;
    prefixes of DataParallel and ``torch.compile`` are taken off. Nothing is unpickled.

    Raises:
        UserError: no such file, one that may not be read, another format, objects other than tensors, or no
            tensors at all.
    """
    path = Path(path)
    check_readable(path)
    try:
        found: Any = _read(path)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}", mend="--teacher FILE names trained weights") from None
    except Exception as error:  # every reader has errors of its own for malformed files
        raise UserError(
            f"{path} holds no weights that can be read safely",
            found=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}",
            mend="save them with safetensors.torch.save_file(network.state_dict(), 'teacher.safetensors')",
        ) from None
    while isinstance(found, Mapping) and (inner := next((k for k in _WRAPPERS if _is_state(found.get(k))), None)):
        found = found[inner]
    if not _is_state(found):
        kinds = sorted(map(str, found))[:5] if isinstance(found, Mapping) else type(found).__name__
        raise UserError(f"{path} holds no state_dict", found=kinds, mend="save network.state_dict()")
    return {_bare(name): value for name, value in found.items() if isinstance(value, torch.Tensor)}


def load_into(network: torch.nn.Module, weights: Mapping[str, torch.Tensor], *, name: str, source: str) -> None:
    """Put weights into a network, every one of them.

    Args:
        network: filled in place.
        weights: by the network's own names.
        name, source: of the architecture and the file, for errors.

    Raises:
        UserError: another number of classes, or weights that are missing, too many or of another shape.
    """
    wanted = network.state_dict()
    shapes = {key: tuple(value.shape) for key, value in wanted.items()}
    head = next(key for key, module in network.named_modules() if module is last_linear(network))
    given = weights.get(f"{head}.weight")
    if given is not None and given.ndim == 2 and given.shape[1] == shapes[f"{head}.weight"][1]:
        classes = shapes[f"{head}.weight"][0]
        if given.shape[0] != classes:
            raise UserError(
                f"the teacher {source} has another number of classes than the dataset",
                found=f"{given.shape[0]} instead of {classes}",
                mend="give a teacher that was trained on this dataset, or leave --teacher out",
            )
    missing = sorted(set(shapes) - set(weights) - {k for k in shapes if k.endswith("num_batches_tracked")})
    extra = sorted(set(weights) - set(shapes))
    wrong = [k for k in sorted(set(shapes) & set(weights)) if tuple(weights[k].shape) != shapes[k]]
    if missing or extra or wrong:
        found = [f"without {missing[0]}" + _more(missing)] if missing else []
        found += [f"{extra[0]} is not part of it" + _more(extra)] if extra else []
        found += [f"{k} has shape {tuple(weights[k].shape)}, not {shapes[k]}" + _more(wrong) for k in wrong[:1]]
        raise UserError(
            f"the weights of {source} do not fit the architecture {name}",
            found="; ".join(found),
            mend="--teacher-arch names the network they belong to",
        )
    network.load_state_dict({key: weights.get(key, wanted[key]) for key in wanted})


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(str(path))
    return torch.load(path, map_location="cpu", weights_only=True)


def _is_state(found: Any) -> bool:
    return isinstance(found, Mapping) and any(isinstance(value, torch.Tensor) for value in found.values())


def _bare(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
