import json
import shutil
import subprocess
import sys

import pytest
from huggingface_hub import constants

from cc_plugins.dc3 import DC3, memory
from cc_plugins.dc3.ready import ready
from cc_plugins.dc3.settings import MODEL, REVISION
from cc_plugins.dc3.weights import PIPELINE, VAE, identity, locate, revision_of
from ccbench import UserError
from tests.cc_plugins.dc3.tiny_pipeline import configured

DIFFUSION = DC3.read_params({"features": "network"})
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def model(tiny_model, tmp_path):
    """A copy of the tiny model, to be spoilt."""
    return shutil.copytree(tiny_model, tmp_path / "model")


@pytest.fixture
def hub(tiny_model, tmp_path, monkeypatch):
    """A local cache with one revision of one repository, laid out as the hub's client does."""
    cache = tmp_path / "hub"
    repository = cache / "models--someone--edits"
    shutil.copytree(tiny_model, repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    return repository


def reason(model, **params):
    return ready({**DIFFUSION, "model": str(model), **params}, "cpu")


@pytest.mark.parametrize("compensate", ["none", "hsv_shift", "color_jitter", "balance"])
def test_without_diffusion_no_model_is_asked_for(compensate):
    assert ready({**DIFFUSION, "compensate": compensate, "model": "nowhere/at-all"}, "cpu") is None


def test_selections_without_kmeans_bins_need_no_vae():
    given = {**DIFFUSION, "compensate": "none", "features": "vae", "model": "nowhere/at-all"}
    assert ready({**given, "sampling": "herding"}, "cpu") is None
    assert "nowhere/at-all" in ready(given, "cpu")


@pytest.mark.parametrize("compensate", ["diffusion", "null", "hr"])
def test_a_whole_model_is_enough(tiny_model, compensate):
    assert reason(tiny_model, compensate=compensate) is None


def test_a_missing_model_is_named_with_its_download_and_the_parameter_for_a_folder(hub):
    found = ready(DIFFUSION, "cpu")
    assert f"{MODEL} at revision {REVISION} is not on this machine" in found
    assert f"hf download {MODEL} --revision {REVISION} " in found
    for name in ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"):
        assert f'--include "{name}.safetensors"' in found
    assert "dc3[model=DIR]" in found
    assert str(hub.parent) in found


def test_the_hubs_client_takes_that_command(hub):
    options = ready(DIFFUSION, "cpu").partition("hf download ")[2].split("   or")[0]
    code = (
        "import sys, shlex, huggingface_hub.cli.download as d, inspect\n"
        "known = set(inspect.signature(d.download).parameters)\n"
        "print({w[2:] for w in shlex.split(sys.argv[1]) if w.startswith('--')} - known)"
    )
    done = subprocess.run([sys.executable, "-c", code, options], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_cache_is_found_by_branch_and_by_commit(hub):
    assert reason("someone/edits") is None  # the pinned commit belongs to the default model; another's is main
    assert reason("someone/edits", revision=COMMIT) is None
    settings = configured(model="someone/edits")
    assert locate(settings).samefile(hub / "snapshots" / COMMIT)
    assert identity(settings) == f"someone/edits@{COMMIT}"
    assert revision_of(settings) == COMMIT


def test_a_revision_that_is_not_there(hub):
    found = reason("someone/edits", revision="f" * 40)
    assert f"revision {'f' * 40} is not on this machine" in found
    assert f"other revisions, {COMMIT}" in found
    assert f"--revision {'f' * 40}" in found


def test_a_download_that_was_broken_off(hub):
    (hub / "snapshots" / COMMIT / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    found = reason("someone/edits")
    assert "no unet/diffusion_pytorch_model.safetensors" in found
    assert "hf download someone/edits --revision main" in found


@pytest.mark.parametrize("name", ["./models/here", "/no/such/folder", "plain", "a/b/c", "~/nothing"])
def test_a_folder_that_does_not_exist(hub, name):
    found = reason(name)
    assert "neither a local folder nor the id of a repository" in found
    assert name in found


@pytest.mark.parametrize(
    "name",
    [
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "tokenizer/tokenizer_config.json",
        "scheduler/scheduler_config.json",
    ],
)
def test_each_missing_file_is_named(model, name):
    (model / name).unlink()
    assert f"no {name}" in reason(model)


def test_either_form_of_the_vocabulary_will_do(model):
    (model / "tokenizer" / "tokenizer.json").unlink()
    assert "no tokenizer/vocab.json, tokenizer/merges.txt" in reason(model)
    for name in ("vocab.json", "merges.txt"):
        (model / "tokenizer" / name).write_text("{}")
    assert reason(model) is None


def test_pickled_weights_are_refused(model):
    weights = model / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    found = reason(model)
    assert "pickled" in found
    assert "unet/diffusion_pytorch_model.bin" in found


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64, (2).to_bytes(8, "little") + b"[]"])
def test_weights_that_are_no_safetensors(model, content):
    (model / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(content)
    assert "no safetensors file" in reason(model)


def test_weights_that_are_cut_off(model):
    weights = model / "text_encoder" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "cut off or damaged" in reason(model)


def edit(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_another_kind_of_pipeline(model):
    edit(model / "unet" / "config.json", in_channels=4)
    found = reason(model)
    assert "no InstructPix2Pix model" in found
    assert "in_channels 4" in found
    edit(model / "unet" / "config.json", in_channels=8, cross_attention_dim=2048)
    assert "does not fit its text encoder" in reason(model)


def test_a_damaged_configuration(model):
    (model / "unet" / "config.json").write_text("{")
    assert "is damaged" in reason(model)


def test_bins_of_the_vae_need_no_more_than_the_vae(model):
    for part in ("unet", "text_encoder", "tokenizer", "scheduler"):
        shutil.rmtree(model / part)
    assert reason(model, compensate="none", features="vae") is None
    assert "unet/config.json" in reason(model, features="vae")
    shutil.rmtree(model / "vae")
    assert "no vae/config.json" in reason(model, compensate="hsv_shift", features="vae")


def test_wrong_values_and_prompts_are_reasons_too(tiny_model, tmp_path):
    assert "multiple of 8" in reason(tiny_model, resolution=100)
    file = tmp_path / "prompts.toml"
    file.write_text('cold = ["ice"]')
    assert "unknown hue group" in reason(tiny_model, prompts=str(file))
    assert "prompt of its own" in reason(tiny_model, compensate="null", prompts=str(file))


def test_asking_imports_no_torch(tiny_model, hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(hub.parent))
    code = (
        "import sys\nfrom cc_plugins.dc3.ready import ready\n"
        f"print(ready({ {**DIFFUSION, 'model': str(tiny_model)}!r}, 'cpu'), ready({DIFFUSION!r}, 'cpu') is None)\n"
        "print({'torch', 'diffusers', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "False", "set()"]


def test_a_folders_identity_is_what_is_read_from_it(tiny_model, model):
    settings = configured(model=str(model))
    found, vae = identity(settings), revision_of(settings)
    assert found.startswith("sha256:")
    assert identity(configured(model=str(tiny_model))) == found  # a copy is the same model
    (model / "README.md").write_text("unread")
    assert identity(settings) == found
    weights = model / "unet" / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1  # the sign of one weight
    weights.write_bytes(content)
    changed = identity(settings)
    assert changed != found
    assert revision_of(settings) == vae  # its VAE is the same
    edit(model / "scheduler" / "scheduler_config.json", beta_end=0.02)
    assert identity(settings) not in {found, changed}
    assert identity(settings, VAE) == vae
    assert vae != identity(settings, PIPELINE)


def test_the_default_model_is_pinned():
    assert configured().commit == REVISION
    assert configured(revision="main").commit == "main"
    assert configured(model="x/y", revision=REVISION).commit == "main"
    assert configured(model="x/y", revision="v2").commit == "v2"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"batch": 0}, "batch must be"),
        ({"image_guidance": 0.9}, "image_guidance must be at least 1"),
        ({"guidance": float("nan")}, "guidance must be"),
        ({"resolution": 0}, "resolution must be at least 8"),
        ({"resolution": 260}, "multiple of 8"),
        ({"dtype": "int8"}, "dtype is none"),
    ],
)
def test_settings_out_of_range(value, says):
    with pytest.raises(UserError, match=says):
        configured(**value)


def test_weights_count_as_many_bytes_as_their_type(tiny_model):
    from safetensors.torch import load_file

    counts = {
        path.parent.name: sum(tensor.numel() for tensor in load_file(path).values())
        for path in tiny_model.glob("*/*.safetensors")
    }
    settings = configured(model=str(tiny_model), resolution=64, batch=3)
    single, half = (memory.needed(tiny_model, settings, device) for device in ("cpu", "cuda:0"))
    assert single[0] - half[0] > 2 * sum(counts.values())  # 4 bytes instead of 2, and the working memory
    assert single[0] > single[1]  # one component at a time needs less
    more = memory.needed(tiny_model, configured(model=str(tiny_model), resolution=64, batch=96), "cuda:0")
    assert more[0] > half[0]


def test_too_little_gpu_memory_is_said_before_it_is_tried(tiny_model):
    settings = configured(model=str(tiny_model), batch=8)
    _, least = memory.needed(tiny_model, settings, "cuda:0")
    memory.check_memory(tiny_model, settings, least, "cuda:0")
    with pytest.raises(UserError, match="GiB of GPU memory at resolution 256 and batch 8") as caught:
        memory.check_memory(tiny_model, settings, least - 1, "cuda:0")
    assert "free on cuda:0" in caught.value.found
    assert "dc3[batch=4]" in caught.value.mend


def test_free_memory_of_the_device_that_would_be_used():
    import torch

    assert memory.free_memory("cpu") is None
    if torch.cuda.is_available():
        assert 0 < memory.free_memory(None) <= torch.cuda.get_device_properties(0).total_memory
    else:
        assert memory.free_memory(None) is None
        assert memory.free_memory("cuda:0") is None


def test_content_changes_with_the_files_and_not_with_other_parameters(tiny_model, tmp_path):
    from cc_plugins.dc3.ready import content

    copy = shutil.copytree(tiny_model, tmp_path / "model")
    given = DC3.read_params({"model": str(tiny_model)})
    one = content(given)
    assert one
    assert content({**given, "model": str(copy)}) == one
    assert content({**given, "compensate": "hsv_shift"}) == ""
    config = copy / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace("0.012", "0.013"))
    assert content({**given, "model": str(copy)}) != one
    hues = tmp_path / "hues.toml"
    found = set()
    for warm in ("sun", "fire"):
        hues.write_text(f'template = "{{p}}"\ncool = ["rain"]\nwarm = ["{warm}"]\n')
        found.add(content({**given, "prompts": str(hues)}))
    assert len(found | {one}) == 3
    assert content(DIFFUSION) == "", "the pinned commit names its content"
