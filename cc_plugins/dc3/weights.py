"""Where the diffusion model lies on this machine, whether it is whole, and what identifies it.

Imports no torch: a run asks before any other work starts. Nothing is ever downloaded.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from cc_plugins.dc3.settings import Weights
from ccbench.files import check_readable, file_digest
from ccbench.plugin import UserError

WEIGHTS = {
    "unet": "unet/diffusion_pytorch_model.safetensors",
    "vae": "vae/diffusion_pytorch_model.safetensors",
    "text_encoder": "text_encoder/model.safetensors",
}
_CONFIGS = {
    **{name: (f"{name}/config.json",) for name in WEIGHTS},
    "tokenizer": ("tokenizer/tokenizer_config.json",),
    "scheduler": ("scheduler/scheduler_config.json",),
}
_VOCABULARY = (("tokenizer/vocab.json", "tokenizer/merges.txt"), ("tokenizer/tokenizer.json",))

PIPELINE = tuple(_CONFIGS)
VAE = ("vae",)

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.pth")
_HEADER = 100 * 2**20  # the format's own limit


def locate(settings: Weights, parts: Sequence[str] = PIPELINE) -> Path:
    """The folder that holds the model, checked: every file there, weights whole, UNet that takes image and noise.

    Args:
        settings: ``model`` and ``revision`` count.
        parts: the components that are needed, :data:`PIPELINE` or :data:`VAE`.

    Raises:
        UserError: the model, its revision or a file is missing, weights are pickled or damaged, or it is another
            kind of model. The command that downloads it is part of the error.
    """
    folder = Path(settings.model).expanduser()
    if not folder.is_dir():
        folder = _snapshot(settings, parts)
    _check_files(folder, settings, parts)
    if "unet" in parts:
        _check_kind(folder, settings)
    return folder


def is_folder(settings: Weights) -> bool:
    """Whether the model is a folder of the user's and no repository in the cache."""
    return Path(settings.model).expanduser().is_dir()


def identity(settings: Weights, parts: Sequence[str] = PIPELINE) -> str:
    """What a picture's address says of the model: ``id@commit``, or ``sha256:`` of all that is read from a folder.

    A commit names its content; a folder's files are read whole, once per process while they stay as they are.

    Raises:
        UserError: see :func:`locate`.
    """
    folder = locate(settings, parts)
    if not is_folder(settings):
        return f"{settings.model}@{folder.name}"
    digests = {name: _digest(*_stamp(folder / name)) for name in _present(folder, parts)}
    return "sha256:" + hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def revision_of(settings: Weights) -> str:
    """What to ask the stage ``latents`` for as ``revision``: the commit, or the digest of a folder's VAE.

    Raises:
        UserError: see :func:`locate`.
    """
    return identity(settings, VAE) if is_folder(settings) else locate(settings, VAE).name


def download_command(settings: Weights, parts: Sequence[str] = PIPELINE) -> str:
    """The command that brings the files of these components into the cache."""
    patterns = ["*.json", "*.txt"] if parts == PIPELINE else [f"{part}/*.json" for part in parts]
    patterns += [WEIGHTS[part] for part in parts if part in WEIGHTS]
    chosen = " ".join(f'--include "{pattern}"' for pattern in patterns)
    return f"hf download {settings.model} --revision {settings.commit} {chosen}"


def parameters(folder: Path) -> dict[str, int]:
    """How many numbers the weights of each component hold, from the files' headers alone."""
    return {
        part: sum(math.prod(tensor["shape"]) for tensor in _header(folder / name).values())
        for part, name in WEIGHTS.items()
        if (folder / name).exists()
    }


def _snapshot(settings: Weights, parts: Sequence[str]) -> Path:
    from huggingface_hub import constants, file_download, try_to_load_from_cache

    model, commit = settings.model, settings.commit
    elsewhere = "or name a local folder: dc3[model=DIR]"
    if not _REPOSITORY.fullmatch(model):
        raise UserError(
            "the diffusion model is neither a local folder nor the id of a repository", found=model, mend=elsewhere[3:]
        )
    for name in _wanted(parts):
        found = try_to_load_from_cache(model, name, revision=commit)
        if isinstance(found, str):
            return Path(found).parents[name.count("/")]
    cache = Path(constants.HF_HUB_CACHE)
    snapshots = cache / file_download.repo_folder_name(repo_id=model, repo_type="model") / "snapshots"
    others = sorted(path.name for path in snapshots.iterdir()) if snapshots.is_dir() else []
    raise UserError(
        f"the diffusion model {model} at revision {commit} is not on this machine, and a run downloads nothing",
        found=f"{'other revisions, ' + ', '.join(others) if others else 'nothing of it'} in {cache}",
        mend=f"{download_command(settings, parts)}   {elsewhere}",
    )


def _wanted(parts: Sequence[str]) -> list[str]:
    names = [name for part in parts for name in _CONFIGS[part]]
    return names + [WEIGHTS[part] for part in parts if part in WEIGHTS]


def _present(folder: Path, parts: Sequence[str]) -> list[str]:
    """Every file that loading reads."""
    names = _wanted(parts)
    if "tokenizer" in parts:
        names += [name for group in _VOCABULARY for name in group if (folder / name).is_file()]
        names += ["tokenizer/special_tokens_map.json"] * (folder / "tokenizer/special_tokens_map.json").is_file()
    return sorted(names)


def _check_files(folder: Path, settings: Weights, parts: Sequence[str]) -> None:
    missing = [name for name in _wanted(parts) if not (folder / name).is_file()]
    if "tokenizer" in parts and not any(all((folder / n).is_file() for n in group) for group in _VOCABULARY):
        missing += _VOCABULARY[0]
    mend = download_command(settings, parts) if not is_folder(settings) else "another folder: dc3[model=DIR]"
    if missing:
        pickled = [
            str(path.relative_to(folder))
            for part in parts
            if WEIGHTS.get(part) in missing
            for pattern in _PICKLES
            for path in sorted((folder / part).glob(pattern))
        ]
        if pickled:
            raise UserError(
                f"the weights in {folder} are pickled, and a pickle can run code when it is read",
                found=", ".join(pickled),
                mend=f"the model's safetensors files, {', '.join(n for n in missing if n.endswith('.safetensors'))}",
            )
        raise UserError(f"the diffusion model in {folder} is not whole", found=f"no {', '.join(missing)}", mend=mend)
    for name in _wanted(parts):
        check_readable(folder / name)
    for part in parts:
        if part in WEIGHTS:
            file = folder / WEIGHTS[part]
            ends = [tensor["data_offsets"][1] for tensor in _header(file).values()]
            size = file.stat().st_size
            if size != 8 + _header_length(file) + max(ends, default=0):
                raise UserError(f"{file} is cut off or damaged", found=f"{size} bytes", mend=mend)


def _check_kind(folder: Path, settings: Weights) -> None:
    unet, vae, text = (_config(folder / f"{part}/config.json") for part in WEIGHTS)
    needed = 2 * vae.get("latent_channels", 4)
    if unet.get("in_channels") != needed:
        raise UserError(
            f"{settings.model} is no InstructPix2Pix model: its UNet must take {needed} channels, noise and image",
            found=f"in_channels {unet.get('in_channels')}",
            mend="dc3[model=timbrooks/instruct-pix2pix] or a folder of that kind",
        )
    width = text.get("hidden_size", text.get("text_config", {}).get("hidden_size", 512))
    if unet.get("cross_attention_dim") != width:
        raise UserError(
            f"the UNet of {settings.model} does not fit its text encoder",
            found=f"cross_attention_dim {unet.get('cross_attention_dim')}, hidden_size {width}",
            mend="dc3[model=timbrooks/instruct-pix2pix] or a folder of that kind",
        )


def _config(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is damaged", found=error, mend="another folder: dc3[model=DIR]") from None
    return found if isinstance(found, dict) else {}


def _header_length(path: Path) -> int:
    with path.open("rb") as file:
        return int.from_bytes(file.read(8), "little")


def _header(path: Path) -> dict[str, dict[str, Any]]:
    """Tensors by name with their shape and place, as the file's header says."""
    length = _header_length(path)
    try:
        with path.open("rb") as file:
            file.seek(8)
            found = json.loads(file.read(length) if length <= _HEADER else b"")
        return {name: tensor for name, tensor in found.items() if name != "__metadata__"}
    except (ValueError, AttributeError):
        raise UserError(
            f"{path} is no safetensors file", found=f"{path.stat().st_size} bytes", mend="another copy of the model"
        ) from None


def _stamp(path: Path) -> tuple[str, int, int]:
    stat = path.stat()
    return str(path.resolve()), stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=256)
def _digest(path: str, size: int, modified: int) -> str:
    return file_digest(path)
