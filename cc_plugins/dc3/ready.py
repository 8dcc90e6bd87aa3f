"""Whether DC3 can run on this machine, asked before any work of a run starts. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cc_plugins.dc3 import SELECTIONS
from cc_plugins.dc3.memory import check_memory, free_memory
from cc_plugins.dc3.prompts import BY_NAME, prompts_of
from cc_plugins.dc3.settings import MODEL, Settings, Weights
from cc_plugins.dc3.weights import PIPELINE, VAE, identity, is_folder, locate
from ccbench.plugin import UserError


def ready(params: Mapping[str, Any], device: str | None = None) -> str | None:
    """Why a method with these parameters cannot run here and what mends it, or None.

    The model is needed for ``compensate=diffusion|null|hr``, its VAE for K-means bins of ``features=vae``; other values
    need nothing.

    Args:
        params: of the method; ``compensate``, ``features``, ``sampling``, ``prompts`` and the fields of
            :class:`Settings` count.
        device: ``"cpu"``, ``"cuda:0"`` or None for the best there is.
    """
    compensate = params["compensate"]
    try:
        if compensate in BY_NAME:
            prompts_of(compensate, params["prompts"])
            settings = Settings.of(params)
            folder = locate(settings, PIPELINE)
            free = free_memory(device)
            if free is not None:
                check_memory(folder, settings, free, device or "cuda:0")
        elif _encodes(params):
            locate(Weights.of(params), VAE)
    except UserError as error:
        found = f" (found: {error.found})" if error.found else ""
        return f"{error.what}{found}" + (f"; {error.mend}" if error.mend else "")
    return None


def content(params: Mapping[str, Any]) -> str:
    """What files of the user's a method with these parameters reads: of a model's folder and a prompts file.

    The pinned commit of the default model names its content already.

    Raises:
        UserError: the model or the prompts file is missing or damaged.
    """
    compensate = params["compensate"]
    generated, settings, found = compensate in BY_NAME, Weights.of(params), []
    if (is_folder(settings) or settings.model != MODEL) and (generated or _encodes(params)):
        found.append(identity(settings, PIPELINE if generated else VAE))
    if generated and params["prompts"]:
        found.append(repr(prompts_of(str(compensate), params["prompts"])))
    return " ".join(found)


def _encodes(params: Mapping[str, Any]) -> bool:
    """Whether bins are asked for that the VAE alone can make."""
    return params["features"] == "vae" and params["sampling"] not in SELECTIONS
