"""Trained weights from a file that somebody else wrote."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ccbench.errors import UserError
from ccbench.files import check_readable
from ccbench.stages.layers import last_linear

# Names under which weights hide, in the order in which they are looked for: averages over the training first, as those
# are what published accuracies mostly belong to (timm's order too).
AVERAGES = ("state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "ema")
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "module", "teacher")
_DEPTH = 4  # of wrappings
_COUNTERS = frozenset({"n_averaged"})  # of torch's AveragedModel, beside the weights
_FOREIGN = re.compile(r"GLOBAL ([\w.]+)")  # how torch names a class that it does not unpickle
_PREFIXES = ("module.", "_orig_mod.")  # what DataParallel and torch.compile put in front


def read_weights(path: str | Path) -> tuple[dict[str, torch.Tensor], str]:
    """The tensors of a ``.safetensors`` file, or of a checkpoint that ``torch.load`` reads with ``weights_only=True``.

    A dictionary that holds the weights under a usual name is opened: the first one of :data:`AVERAGES`, then of
    :data:`WRAPPERS`. Prefixes of DataParallel and ``torch.compile`` are taken off. Nothing is unpickled.

    Returns:
        The tensors by the network's names, and under which name they stood, such as ``"model_ema"``; "" where they
        stood in the file itself.

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
            found=_reason(error),
            mend=_conversion(path)
            if _FOREIGN.search(str(error))
            else "save them with safetensors.torch.save_file(network.state_dict(), 'teacher.safetensors')",
        ) from None
    opened = _unwrapped(found)
    if opened is None:
        kinds = sorted(map(str, found))[:5] if isinstance(found, Mapping) else type(found).__name__
        raise UserError(f"{path} holds no state_dict", found=kinds, mend="save network.state_dict()")
    state, where = opened
    tensors = {_bare(name): value for name, value in state.items() if isinstance(value, torch.Tensor)}
    return {name: value for name, value in tensors.items() if name not in _COUNTERS}, where


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


def _unwrapped(found: Any, depth: int = _DEPTH) -> tuple[Mapping[str, Any], str] | None:
    """The innermost dictionary of tensors and the names that lead to it, or None where there is none."""
    if not isinstance(found, Mapping) or not depth:
        return None
    for name in (*AVERAGES, *WRAPPERS):
        if inner := _unwrapped(found.get(name), depth - 1):
            return inner[0], f"{name}.{inner[1]}".rstrip(".")
    return (found, "") if any(isinstance(value, torch.Tensor) for value in found.values()) else None


def _reason(error: Exception) -> str:
    """What is in the file, without torch's advice to load it unsafely."""
    foreign = _FOREIGN.search(str(error))
    if foreign:
        return f"beside them an object of {foreign[1]}; reading that would run whatever its author wrote"
    return f"{type(error).__name__}: {' '.join(str(error).rpartition('WeightsUnpickler error:')[2].split())[:200]}"


def _conversion(path: Path) -> str:
    """How to get what holds tensors into a file that can be read safely."""
    code = (
        f'import torch; c = torch.load({json.dumps(str(path))}, map_location="cpu", weights_only=False); '
        'c = c if isinstance(c, dict) else {"model": c}; '
        'c = {k: v.state_dict() if hasattr(v, "state_dict") else v for k, v in c.items()}; '
        "t = torch.is_tensor; "
        "c = {k: v for k, v in c.items() if t(v) or isinstance(v, dict) and any(map(t, v.values()))}; "
        f"torch.save(c, {json.dumps(str(path.with_suffix('.weights.pth')))})"
    )
    return f"on a machine where you trust the file, save the weights alone: python -c {shlex.quote(code)}"


def _bare(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
