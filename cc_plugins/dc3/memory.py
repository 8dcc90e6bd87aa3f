"""How much GPU memory the diffusion model needs, estimated, and how much there is. Imports no torch here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cc_plugins.dc3.settings import Settings
from cc_plugins.dc3.weights import parameters
from ccbench.machine import any_gpu
from ccbench.plugin import UserError

_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4}
# Numbers alive at once beside the weights at 512 x 512, by area: per picture of the batch while steps run (three
# guidance branches), and in the VAE, which decodes one at a time. Measured on a CPU by benchmarks/dc3_generation.py;
# in float16 and with the weights they come to the paper's 2.7 GB (Table 14).
_UNET, _VAE = 200e6, 330e6
_CONTEXT = 0.4 * 2**30  # what a CUDA process holds before it computes anything


def needed(folder: Path, settings: Settings, device: str = "cuda") -> tuple[int, int]:
    """Bytes of GPU memory with the whole model there, and with only the component that computes. Estimates.

    Args:
        folder: where the model lies.
        settings: dtype, resolution and batch count.
        device: for ``dtype="auto"``.
    """
    size = _BYTES[settings.dtype_on(device)]
    area = (settings.resolution / 512) ** 2
    weights = {part: count * size for part, count in parameters(folder).items()}
    working = {"unet": _UNET * settings.batch * area * size, "vae": _VAE * area * size, "text_encoder": 0}
    whole = sum(weights.values()) + max(working.values())
    one = max(weights[part] + working[part] for part in weights)
    return int(_CONTEXT + whole), int(_CONTEXT + one)


def check_memory(folder: Path, settings: Settings, free: int, device: str) -> None:
    """Refuse settings that a GPU cannot hold, even with one component there at a time.

    Raises:
        UserError: with the parameters that need less.
    """
    _, least = needed(folder, settings, device)
    if least > free:
        smaller = f"dc3[batch={max(1, settings.batch // 2)}]" if settings.batch > 1 else "a smaller dc3[resolution=…]"
        raise UserError(
            f"compensation needs about {least / 2**30:.1f} GiB of GPU memory at resolution {settings.resolution} "
            f"and batch {settings.batch}",
            found=f"{free / 2**30:.1f} GiB free on {device}",
            mend=f"{smaller}, or --device cpu",
        )


def free_memory(device: str | None) -> int | None:
    """Free bytes on the GPU that a run would use; None where it would use none.

    A process of its own asks the driver: asking in this one would open a CUDA context, which holds memory and
    does not survive a fork.
    """
    if device == "cpu" or (device is None and not any_gpu()):
        return None
    code = (
        "import sys, torch\n"
        "if torch.cuda.is_available(): print('free', torch.cuda.mem_get_info(torch.device(sys.argv[1]))[0])"
    )
    command = [sys.executable, "-c", code, device or "cuda:0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line.split() for line in done.stdout.splitlines()]
    return next((int(words[1]) for words in lines if words[:1] == ["free"]), None)
