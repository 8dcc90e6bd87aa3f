"""DC3's compensation with a diffusion model of Stable Diffusion 1.5's true size: seconds and memory per picture.

``python -m benchmarks.dc3_generation`` prints them. Weights are random: neither time nor memory depends on them. On a
GPU whole pictures are made and stand beside the paper's Table 14. Without one, a few denoising steps are timed and
what is done once per picture; nothing is multiplied up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from ccbench.machine import cores as allowed_cores

PAPER_SECONDS, PAPER_GB = 4.1, 2.7  # Table 14, 512 x 512; which GPU is not said there, 3090s elsewhere in the paper
GPU_CASES = ((512, 1), (512, 8), (256, 8))  # resolution, batch
CPU_CASES = ((512, 1), (256, 1))
CPU_STEPS = 3


def build(folder: Path) -> Path:
    """Save an InstructPix2Pix pipeline of Stable Diffusion 1.5's size with random float16 weights (2.1 GB)."""
    import torch
    from diffusers import (
        AutoencoderKL,
        EulerAncestralDiscreteScheduler,
        StableDiffusionInstructPix2PixPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    from tests.cc_plugins.dc3.tiny_pipeline import write_tokenizer

    letters = write_tokenizer(folder / "letters")
    torch.manual_seed(0)
    vae = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        sample_size=512,
    )
    unet = UNet2DConditionModel(
        in_channels=8,
        out_channels=4,
        sample_size=64,
        block_out_channels=(320, 640, 1280, 1280),
        layers_per_block=2,
        attention_head_dim=8,
        cross_attention_dim=768,
    )
    text = CLIPTextConfig(  # ViT-L/14's
        vocab_size=49408,
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        max_position_embeddings=77,
        bos_token_id=letters - 2,
        eos_token_id=letters - 1,
        pad_token_id=letters - 1,
    )
    StableDiffusionInstructPix2PixPipeline(
        vae=vae.half(),
        unet=unet.half(),
        text_encoder=CLIPTextModel(text).half(),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "letters", model_max_length=77),
        scheduler=EulerAncestralDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder / "model")
    return folder / "model"


def rows() -> list[dict[str, Any]]:
    """On a GPU seconds and GiB per picture beside the paper's; on a CPU seconds per step and of the rest, and GiB."""
    import torch

    gpu = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as folder:
        # in a process of its own: what building takes must not be counted
        _python("build", folder)
        measured = [
            (resolution, batch, _python("measure", folder, str(resolution), str(batch)))
            for resolution, batch in (GPU_CASES if gpu else CPU_CASES)
        ]
    return [row for case in measured for row in (_gpu_rows if gpu else _cpu_rows)(*case)]


def _gpu_rows(resolution: int, batch: int, found: dict[str, Any]) -> list[dict[str, Any]]:
    what = f"{resolution} x {resolution}, batch {batch}"
    note = f"{found['device']}, {found['dtype']}, {found['steps']} steps, {found['pictures']} pictures, model loaded"
    paper = resolution == 512
    return [
        _row(f"DC3 compensation, {what}", found["seconds"], PAPER_SECONDS if paper else None, "s/picture", note),
        _row(f"DC3 GPU memory, {what}", found["peak"], PAPER_GB if paper else None, "GB",
             "largest allocation; the paper does not say how it measured"),
    ]  # fmt: skip


def _cpu_rows(resolution: int, batch: int, found: dict[str, Any]) -> list[dict[str, Any]]:
    what = f"{resolution} x {resolution}, batch {batch}, CPU"
    note = f"{found['device']}, {found['dtype']}, measured over {found['steps'] - 1} steps; the paper uses 100"
    rest = "text, VAE encoding and decoding: a run of 3 steps less 3 steps"
    shared = "of all threads; other work on the CPU hardly counts"
    return [
        _row(f"DC3 one denoising step, {what}", found["step"], None, "s", note),
        _row(f"DC3 one denoising step, {what}", found["step_cores"], None, "core s", shared),
        _row(f"DC3 all but the steps, {what}", found["rest"], None, "s", rest),
        _row(f"DC3 weights in memory, {what}", found["weights"], None, "GB", "private memory after loading"),
        _row(f"DC3 peak of the steps, {what}", found["peak_steps"], None, "GB", "private memory, sampled"),
        _row(f"DC3 peak of decoding, {what}", found["peak_rest"], None, "GB", "private memory, sampled"),
    ]


def _row(name: str, ours: float, peer: float | None, unit: str, note: str) -> dict[str, Any]:
    ratio = None if peer is None else peer / ours
    return {"name": name, "ours": ours, "peer": peer, "ratio": ratio, "unit": unit, "note": note}


class _Task:
    """What generation asks of a task."""

    def __init__(self, folder: Path, device: str) -> None:
        from ccbench.store import Store

        self.device, self._store = device, Store(folder)
        self.marks: list[float] = []

    def blobs(self, kind: str) -> Any:
        return self._store.blobs(kind)

    def progress(self, done: int, total: int, what: str) -> None:
        self.marks.append(time.perf_counter())


def _generate(folder: Path, device: str, name: str, settings: Any, n: int) -> tuple[_Task, float]:
    """Two pictures for each of n / 2 images, all of them new; the task with its marks, and seconds."""
    from cc_plugins.dc3.generate import compensated
    from cc_plugins.dc3.prompts import PAPER

    images = np.random.default_rng(0).integers(0, 256, (n // 2, 224, 224, 3), dtype=np.uint8)
    task = _Task(folder / name, device)
    started = time.perf_counter()
    for _ in compensated(task, images, np.arange(n // 2), variants=2, settings=settings, prompts=PAPER, seed=0):
        pass
    return task, time.perf_counter() - started


def _measure_gpu(folder: Path, resolution: int, batch: int) -> dict[str, Any]:
    import torch

    from cc_plugins.dc3 import DC3
    from cc_plugins.dc3.settings import Settings

    def settings(steps: int) -> Settings:
        given = {"model": str(folder / "model"), "resolution": resolution, "batch": batch, "steps": steps}
        return Settings.of(DC3.read_params(given))

    _generate(folder, "cuda:0", f"warm-{resolution}-{batch}", settings(3), max(2, batch))
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    n = max(4, 2 * batch)
    _, seconds = _generate(folder, "cuda:0", f"timed-{resolution}-{batch}", settings(100), n)
    return {
        "seconds": seconds / n,
        "peak": torch.cuda.max_memory_allocated() / 1e9,
        "pictures": n,
        "steps": 100,
        "dtype": "float16",
        "device": torch.cuda.get_device_name(0),
    }


def _measure_cpu(folder: Path, resolution: int, batch: int) -> dict[str, Any]:
    from cc_plugins.dc3 import DC3
    from cc_plugins.dc3.pipeline import load
    from cc_plugins.dc3.prompts import PAPER
    from cc_plugins.dc3.settings import Settings

    given = {"model": str(folder / "model"), "resolution": resolution, "batch": batch, "steps": CPU_STEPS}
    settings = Settings.of(DC3.read_params(given))
    pipeline = load(settings, "cpu")
    weights = _private()
    from PIL import Image

    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (resolution,) * 2 + (3,), dtype=np.uint8))
    marks: list[tuple[float, float]] = []
    peaks = [0, 0]  # while steps run, and in the decoding after them
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.01):
            after = len(marks) >= CPU_STEPS
            peaks[after] = max(peaks[after], _private())

    def after_step(_pipeline: Any, _step: int, _time: Any, _tensors: dict[str, Any]) -> dict[str, Any]:
        marks.append((time.perf_counter(), time.process_time()))
        return {}

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    pipeline(
        prompt=[PAPER.draw("cool", 0, 0)] * batch,
        image=[image] * batch,
        num_inference_steps=CPU_STEPS,
        guidance_scale=settings.guidance,
        image_guidance_scale=settings.image_guidance,
        output_type="np",
        callback_on_step_end=after_step,
    )
    seconds = time.perf_counter() - started
    stop.set()
    watcher.join()
    step, cores = ((last - first) / (CPU_STEPS - 1) for first, last in zip(marks[0], marks[-1], strict=True))
    return {
        "step": step,
        "step_cores": cores,
        "rest": seconds - CPU_STEPS * step,
        "steps": CPU_STEPS,
        "weights": weights / 1e9,
        "peak_steps": peaks[0] / 1e9,
        "peak_rest": peaks[1] / 1e9,
        "dtype": "float32",
        "device": f"{allowed_cores()} cores",
    }


def _private() -> int:
    """Bytes this process holds itself, without mapped files."""
    resident, shared = map(int, Path("/proc/self/statm").read_text().split()[1:3])
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")


def _python(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.dc3_generation", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _main() -> None:
    if sys.argv[1:2] == ["build"]:
        build(Path(sys.argv[2]))
        print("{}")
    elif sys.argv[1:2] == ["measure"]:
        import torch

        measure = _measure_gpu if torch.cuda.is_available() else _measure_cpu
        print(json.dumps(measure(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
    else:
        for row in rows():
            print({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}, flush=True)


if __name__ == "__main__":
    _main()
