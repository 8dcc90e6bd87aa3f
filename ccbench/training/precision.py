"""The number format of a training, which its recipe declares, and what this machine makes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
import torch.nn.functional as F

MARGIN = 1.2  # bfloat16 must win by this much, so that noise does not decide


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """The context of a forward pass in ``"float32"`` or ``"bfloat16"``."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def emulated(device: str, precision: str) -> bool:
    """Whether a device has no arithmetic of its own for a format, so that training in it is slow.

    Args:
        device: ``"cpu"`` or ``"cuda:0"``.
        precision: ``"float32"`` or ``"bfloat16"``.
    """
    if precision == "float32":
        return False
    target = torch.device(device)
    if target.type == "cuda":
        return torch.cuda.get_device_capability(target) < (8, 0)
    return not torch.ops.mkldnn._is_mkldnn_bf16_supported()


def fastest(device: str) -> str:
    """``"bfloat16"`` where a convolution's forward and backward pass is at least 1.2 times as fast, else ``"float32"``.

    Measured now, in a fraction of a second: a hint for people, which no training follows.
    """
    target = torch.device(device)
    float32 = _seconds(target, "float32", rounds=3)
    first = _seconds(target, "bfloat16", rounds=1)
    if first > 4 * float32:  # emulated: not worth another look
        return "float32"
    return "bfloat16" if MARGIN * min(first, _seconds(target, "bfloat16", rounds=3)) <= float32 else "float32"


def _seconds(device: torch.device, precision: str, rounds: int) -> float:
    size = 128 if device.type == "cuda" else 16
    generator = torch.Generator().manual_seed(0)
    layout = torch.channels_last
    images = torch.randn(size, 64, 16, 16, generator=generator).to(device, memory_format=layout).requires_grad_()
    weight = torch.randn(64, 64, 3, 3, generator=generator).to(device, memory_format=layout).requires_grad_()
    best = float("inf")
    for _ in range(rounds + 1):
        started = time.perf_counter()
        with autocast(device, precision):
            F.conv2d(images, weight, padding=1).float().sum().backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - started)
    return best


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Global generators seeded inside and put back afterwards; for initialisation and dropout."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
