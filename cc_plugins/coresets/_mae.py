"""A masked autoencoder that paints dropped patches (He et al., 2022), from a local folder; nothing is downloaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccbench.plugin import UserError

if TYPE_CHECKING:
    import numpy as np

WEIGHTS = "model.safetensors"
BATCH = 16  # images at once
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, by which these models are trained
_MEND = "model=DIR, which `python -c \"import transformers as t; t.ViTMAEForPreTraining.from_pretrained('NAME')\
.save_pretrained('DIR')\"` makes of a model of the Hugging Face hub"


def ready(params: Mapping[str, Any], device: str | None = None) -> str | None:
    """Why a method with these parameters cannot run here and what mends it, or None. Imports no torch.

    Args:
        params: of the method; ``drop``, ``fill`` and ``model`` count.
        device: makes no difference.
    """
    if not params["drop"] or params["fill"] != "mae":
        return None
    try:
        configuration(params["model"])
    except UserError as error:
        found = f" (found: {error.found})" if error.found else ""
        return f"{error.what}{found}" + (f"; {error.mend}" if error.mend else "")
    return None if find_spec("transformers") else "fill=mae needs the module transformers; pip install transformers"


def configuration(model: Path | None) -> dict[str, Any]:
    """What the model's ``config.json`` says.

    Raises:
        UserError: no model is named, a file is missing or damaged, or it does not paint the pixels of RGB patches.
    """
    if model is None:
        raise UserError("fill=mae needs a masked autoencoder", found="no model", mend=_MEND)
    missing = [name for name in ("config.json", WEIGHTS) if not (model / name).is_file()]
    if missing:
        raise UserError(
            f"{model} is no folder of a masked autoencoder", found=f"no {' and no '.join(missing)}", mend=_MEND
        )
    try:
        config = json.loads((model / "config.json").read_text(encoding="utf-8"))
        kind, side, patch = config["model_type"], int(config["image_size"]), int(config["patch_size"])
        channels, normalised = int(config.get("num_channels", 3)), bool(config.get("norm_pix_loss", False))
    except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        raise UserError(f"{model}/config.json cannot be read as a model's", found=repr(error), mend=_MEND) from None
    if kind != "vit_mae" or channels != 3 or patch < 1 or side < patch or side % patch:
        found = f"{kind} of {channels} channels, {side} pixels in patches of {patch}"
        raise UserError(f"{model} is no ViTMAEForPreTraining of RGB images", found=found, mend=_MEND)
    if normalised:
        raise UserError(
            f"{model} paints patches that are normalised by what was dropped, which nobody has any more",
            found="norm_pix_loss true in its config.json",
            mend="a model that was trained on plain pixels, such as the one with the GAN loss that DQ uses",
        )
    return {"side": side, "grid": (side // patch, side // patch)}


class Painter:
    """The model on a device.

    Args:
        model: a folder, see :func:`configuration`.
        device: ``"cpu"`` or ``"cuda:0"``.

    Attributes:
        grid: rows and columns of patches.
        side: of the images that it sees, in pixels.

    Raises:
        UserError: see :func:`configuration`, or weights that do not fit.
    """

    def __init__(self, model: Path | None, device: str) -> None:
        found = configuration(model)
        self.grid: tuple[int, int] = found["grid"]
        self.side: int = found["side"]
        self.device = device
        self.network = _load(model, device)

    def restored(
        self,
        images: np.ndarray,
        ids: np.ndarray,
        masks: np.ndarray,
        progress: Callable[[int], None] = lambda done: None,
    ) -> np.ndarray:
        """Images whose dropped patches are painted from the kept ones.

        They are brought to the model's size bicubically, restored there, and brought back the same way; at the
        model's own size kept pixels stay as they are.

        Args:
            images: (N, H, W, 3) uint8.
            ids: (n,) positions of those that are asked for.
            masks: (n, rows, columns) bool, the patches that are kept, equally many of each image.

        Returns:
            (n, H, W, 3) uint8.
        """
        import numpy as np
        import torch
        import torch.nn.functional as F

        size = images.shape[1:3]
        out = np.empty((len(ids), *size, 3), np.uint8)
        flat = masks.reshape(len(ids), -1)
        self.network.config.mask_ratio = 1 - (int(flat[0].sum()) + 0.5) / flat.shape[1]
        mean, std = (torch.tensor(v, device=self.device).view(3, 1, 1) for v in (MEAN, STD))

        def resized(pixels: torch.Tensor, to: tuple[int, int]) -> torch.Tensor:
            if tuple(pixels.shape[2:]) == to:
                return pixels
            return F.interpolate(pixels, size=to, mode="bicubic", antialias=True).clamp(0, 1)

        for start in range(0, len(ids), BATCH):
            rows = slice(start, start + BATCH)
            given = torch.from_numpy(np.ascontiguousarray(images[ids[rows]])).to(self.device)
            given = resized(given.permute(0, 3, 1, 2).float() / 255, (self.side, self.side))
            kept = torch.from_numpy(flat[rows]).to(self.device)
            # the model keeps the places of the smallest noise, in their order
            noise = torch.arange(kept.shape[1], device=self.device) / kept.shape[1] + (~kept).float()
            with torch.no_grad():
                painted = self.network(pixel_values=(given - mean) / std, noise=noise).logits
            painted = (self.network.unpatchify(painted) * std + mean).clamp(0, 1)
            shown = kept.view(-1, 1, *self.grid).repeat_interleave(self.side // self.grid[0], 2)
            shown = shown.repeat_interleave(self.side // self.grid[1], 3)
            whole = resized(torch.where(shown, given, painted), size)
            out[rows] = (whole * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
            progress(min(start + BATCH, len(ids)))
        return out


def _load(model: Path | None, device: str) -> Any:
    from transformers import ViTMAEForPreTraining
    from transformers.utils import logging

    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # a run shows its own
    try:
        loaded: Any = ViTMAEForPreTraining.from_pretrained(
            str(model), local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:  # transformers and safetensors raise many kinds on damaged files
        raise UserError(f"{model} cannot be loaded", found=f"{type(error).__name__}: {error}", mend=_MEND) from None
    finally:
        if bars:
            logging.enable_progress_bar()
    network, told = loaded
    if told["missing_keys"]:
        raise UserError(f"{model} lacks weights", found=", ".join(sorted(told["missing_keys"])[:3]), mend=_MEND)
    return network.to(device).eval().requires_grad_(False)
