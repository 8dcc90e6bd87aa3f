import io
import shutil
from contextlib import redirect_stderr, redirect_stdout

import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionInstructPix2PixPipeline
from safetensors.torch import load_file

from cc_plugins.dc3.pipeline import load, load_vae
from ccbench import UserError
from tests.cc_plugins.dc3.tiny_pipeline import configured


def weights(model, part):
    return load_file(next((model / part).glob("*.safetensors")))


def test_the_pipeline_is_the_saved_one_with_eulers_ancestral_scheduler(tiny_model):
    pipeline = load(configured(model=str(tiny_model)), "cpu")
    scheduler = pipeline.scheduler
    assert scheduler.config.beta_end == 0.012  # from its configuration, not the class's default 0.02
    assert pipeline.safety_checker is None
    assert [type(pipeline), type(scheduler)] == [
        StableDiffusionInstructPix2PixPipeline,
        EulerAncestralDiscreteScheduler,
    ]
    for part in ("unet", "vae", "text_encoder"):
        module = getattr(pipeline, part)
        assert not module.training
        found = module.state_dict()
        for name, tensor in weights(tiny_model, part).items():
            assert torch.equal(found[name], tensor)
            assert found[name].dtype == torch.float32  # auto on the CPU


def test_another_data_type_rounds_the_same_weights(tiny_model):
    unet = load(configured(model=str(tiny_model), dtype="bfloat16"), "cpu").unet.state_dict()
    for name, tensor in weights(tiny_model, "unet").items():
        assert torch.equal(unet[name], tensor.bfloat16())


def test_one_is_kept_per_process_while_the_model_stays_the_same(tiny_model, tmp_path):
    model = shutil.copytree(tiny_model, tmp_path / "model")
    settings = configured(model=str(model))
    first = load(settings, "cpu")
    assert load(configured(model=str(model), steps=3, guidance=7, batch=2), "cpu") is first  # weights are what counts
    file = model / "vae" / "diffusion_pytorch_model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert load(settings, "cpu") is not first


def test_loading_says_nothing(tiny_model, tmp_path):
    model = shutil.copytree(tiny_model, tmp_path / "model")
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        load(configured(model=str(model), dtype="float16"), "cpu")
        load_vae(configured(model=str(model)), "cpu")
    assert said.getvalue() == ""


def test_the_vae_alone_is_the_pipelines(tiny_model, tmp_path):
    alone = tmp_path / "model"
    shutil.copytree(tiny_model / "vae", alone / "vae")
    vae = load_vae(configured(model=str(alone)), "cpu")
    assert not vae.training
    assert not any(p.requires_grad for p in vae.parameters())
    for name, tensor in weights(tiny_model, "vae").items():
        assert torch.equal(vae.state_dict()[name], tensor)


def test_pickled_weights_are_never_read(tiny_model, tmp_path):
    model = shutil.copytree(tiny_model, tmp_path / "model")
    file = model / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(file), file.with_suffix(".bin"))
    file.unlink()
    with pytest.raises(UserError, match="pickled"):
        load(configured(model=str(model)), "cpu")
