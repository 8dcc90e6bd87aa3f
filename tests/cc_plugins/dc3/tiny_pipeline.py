"""An InstructPix2Pix pipeline of a few hundred kB, built from configuration: random weights, a tokenizer of letters."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from cc_plugins.dc3 import DC3
from cc_plugins.dc3.settings import Settings


def configured(**changes) -> Settings:
    """The settings that DC3 runs the model by where nobody says anything, and changes of them."""
    return replace(Settings.of(DC3.read_params({})), **changes)


def build(folder: Path, seed: int = 0) -> Path:
    """Save the pipeline under ``folder``; the same seed gives the same files."""
    import torch
    from diffusers import (
        AutoencoderKL,
        EulerAncestralDiscreteScheduler,
        StableDiffusionInstructPix2PixPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    letters = write_tokenizer(folder / "letters")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = UNet2DConditionModel(
            in_channels=8,
            out_channels=4,
            block_out_channels=(16, 32),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=16,
            attention_head_dim=4,
            norm_num_groups=8,
        )
        vae = AutoencoderKL(
            block_out_channels=(8, 16),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
            norm_num_groups=8,
        )
        config = CLIPTextConfig(
            vocab_size=letters,
            bos_token_id=letters - 2,
            eos_token_id=letters - 1,
            pad_token_id=letters - 1,
            hidden_size=16,
            intermediate_size=32,
            num_attention_heads=2,
            num_hidden_layers=2,
        )
        pipeline: Any = StableDiffusionInstructPix2PixPipeline(
            vae=vae,
            text_encoder=CLIPTextModel(config),
            tokenizer=CLIPTokenizer.from_pretrained(folder / "letters", model_max_length=77),
            unet=unet,
            scheduler=EulerAncestralDiscreteScheduler(
                beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
            ),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipeline.save_pretrained(folder / "model")
    return folder / "model"


def write_tokenizer(folder: Path) -> int:
    """CLIP's tokenizer files with every byte as a token and no merge; gives the size of the vocabulary."""
    folder.mkdir(parents=True, exist_ok=True)
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    letters = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    tokens = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return len(tokens)
