"""The InstructPix2Pix pipeline and its VAE, from local safetensors files only."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from cc_plugins.dc3.memory import needed
from cc_plugins.dc3.settings import Settings, Weights
from cc_plugins.dc3.weights import PIPELINE, VAE, identity, locate

__all__ = ["Settings", "load", "load_vae"]


def load(settings: Settings, device: str) -> Any:
    """diffusers' pipeline with the Euler ancestral scheduler, in eval mode; one is kept per process.

    Components are built one by one from their folders, so that nothing is downloaded, nothing unpickled, no code
    of the model's runs, and there is no safety checker. The VAE works on one picture at a time. Where the GPU cannot
    hold the whole model, components go there only while they compute; neither changes a picture.

    Args:
        settings: model, revision and dtype choose the weights; resolution and batch decide about memory.
        device: ``"cpu"`` or ``"cuda:0"``.

    Raises:
        UserError: see :func:`cc_plugins.dc3.weights.locate`.
    """
    folder = locate(settings, PIPELINE)
    offload = False
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(torch.device(device))
        # what a pipeline of this process already holds counts as free: it is the one, or makes place for it
        offload = needed(folder, settings, device)[0] > free + torch.cuda.memory_reserved(torch.device(device))
    return _load(folder, identity(settings, PIPELINE), settings.dtype_on(device), device, offload)


def load_vae(settings: Weights, device: str) -> torch.nn.Module:
    """The model's VAE alone, in eval mode on the device.

    Raises:
        UserError: see :func:`cc_plugins.dc3.weights.locate`.
    """
    with _quiet():
        vae = _vae(locate(settings, VAE), getattr(torch, settings.dtype_on(device)))
    return vae.to(device).eval().requires_grad_(False)


@lru_cache(maxsize=1)
def _load(folder: Path, _identity: str, dtype: str, device: str, offload: bool) -> Any:
    from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionInstructPix2PixPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    kind = getattr(torch, dtype)
    with _quiet():
        pipeline: Any = StableDiffusionInstructPix2PixPipeline(
            vae=_vae(folder, kind),
            text_encoder=CLIPTextModel.from_pretrained(
                folder / "text_encoder", dtype=kind, use_safetensors=True, local_files_only=True
            ),
            tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True),
            unet=UNet2DConditionModel.from_pretrained(
                folder / "unet", torch_dtype=kind, use_safetensors=True, local_files_only=True
            ),
            scheduler=EulerAncestralDiscreteScheduler.from_pretrained(folder / "scheduler", local_files_only=True),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.vae.enable_slicing()
    for part in (pipeline.vae, pipeline.text_encoder, pipeline.unet):
        part.eval().requires_grad_(False)
    if offload:
        pipeline.enable_model_cpu_offload(device=device)
        return pipeline
    return pipeline.to(device)


def _vae(folder: Path, dtype: torch.dtype) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=dtype, use_safetensors=True, local_files_only=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Loading prints bars and notes of both libraries; a run shows its own progress."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    libraries = (diffusers_logging, transformers_logging)
    levels = [library.get_verbosity() for library in libraries]
    try:
        for library in libraries:
            library.set_verbosity_error()
            library.disable_progress_bar()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for library, level in zip(libraries, levels, strict=True):
            library.set_verbosity(level)
            library.enable_progress_bar()
