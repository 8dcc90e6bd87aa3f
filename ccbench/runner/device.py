"""The device and the threads that a process computes with, and what a figure was measured on."""

from __future__ import annotations

import platform
import sys

import ccbench
from ccbench.errors import UserError
from ccbench.machine import any_gpu, processor, use_threads, workers
from ccbench.records.origin import of


def check_device(asked: str | None) -> None:
    """Refuse a device that this machine does not have before any work starts.

    Raises:
        UserError: it is no device, or there is none.
    """
    if asked is None or asked == "cpu":
        return
    import torch

    try:
        torch.empty(0, device=asked)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        found = " ".join(str(error).split("\n")[0].split())[:200]
        raise UserError(f"device {asked!r} cannot be used", found=found, mend="--device cpu, or leave it out") from None


def chosen_device(asked: str | None) -> str:
    """The device asked for, otherwise the best there is."""
    import torch

    return asked or ("cuda" if torch.cuda.is_available() else "cpu")


def on_gpu(asked: str | None) -> bool:
    """Whether a device, None for the best there is, is a GPU; imports torch only where there may be one."""
    return any_gpu() and chosen_device(asked) != "cpu" if asked is None else asked != "cpu"


def use_machine(device: str | None, threads: int | None) -> None:
    """Give this process the threads that it computes with, before it does.

    Args:
        device: as a command is told, or None.
        threads: what was asked for, or None for ``OMP_NUM_THREADS``, otherwise one on a CPU and all cores on a GPU.
    """
    use_threads(workers(1, threads, gpu=on_gpu(device), dataset_bytes=0)[1])


def compute_with(threads: int, device: str) -> None:
    """Give this process the threads that its results are recorded under, whoever started it; a GPU's are its own."""
    import torch

    if device == "cpu" and torch.get_num_threads() != threads:
        use_threads(threads)


def environment(device: str) -> dict[str, str]:
    """What a figure was measured on; the process that asked for it adds :func:`ccbench.records.origin.origin`."""
    import torch

    gpu = device.startswith("cuda")
    name = torch.cuda.get_device_name(device) if gpu else platform.processor() or platform.machine()
    return {
        "ccbench": ccbench.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        **{name: edition for name in ("torchvision", "timm", "numpy") if (edition := of(name))},
        "device": name,
        "cpu": processor(),
        "kernels": torch.backends.cpu.get_cpu_capability(),
        **({"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())} if gpu else {}),
        "threads": str(torch.get_num_threads()),
        **({"tf32": "convolutions" if torch.backends.cudnn.allow_tf32 else "no"} if gpu else {}),
        "system": platform.system(),
    }


def peak_memory() -> int:
    """Peak resident bytes of this process so far; where it worked on a GPU, peak allocated there."""
    import torch

    if torch.cuda.is_available() and (there := torch.cuda.max_memory_allocated()):
        return int(there)
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
