"""Teachers' weights from files that somebody else wrote."""

import argparse
import os
import pickle
import shlex
import subprocess
import sys
import types

import pytest
import torch
from safetensors.torch import save_file

from ccbench.errors import UserError
from ccbench.stages.checkpoints import AVERAGES, load_into, read_weights


class Net(torch.nn.Module):
    def __init__(self, classes=3, width=4):
        super().__init__()
        self.body = torch.nn.Conv2d(3, width, 3)
        self.norm = torch.nn.BatchNorm2d(width)
        self.head = torch.nn.Linear(width, classes)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize(
    ("wrap", "where"),
    [
        (lambda state: state, ""),
        (lambda state: {"model": state, "epoch": 3}, "model"),
        (lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}, "best_acc": 0.5}, "state_dict"),
        (lambda state: {f"_orig_mod.{k}": v for k, v in state.items()}, ""),
        (lambda state: {"model": {"state_dict": state}}, "model.state_dict"),
    ],
)
def test_checkpoints_in_their_usual_wrappings(tmp_path, wrap, where):
    state = Net().state_dict()
    torch.save(wrap(state), tmp_path / "t.pth")
    found, said = read_weights(tmp_path / "t.pth")
    assert same(found, state)
    assert said == where


@pytest.mark.parametrize("name", AVERAGES)
@pytest.mark.parametrize("plain", ["state_dict", "model"])
def test_averaged_weights_come_first(tmp_path, name, plain):
    state, average = Net().state_dict(), Net().state_dict()
    torch.save({plain: state, name: average, "epoch": 3}, tmp_path / "t.pth")
    found, said = read_weights(tmp_path / "t.pth")
    assert same(found, average)
    assert said == name
    torch.save({name: {"decay": 0.99, "state_dict": average}, plain: state}, tmp_path / "t.pth")
    assert read_weights(tmp_path / "t.pth")[1] == f"{name}.state_dict"
    torch.save({name: {"decay": 0.99}, plain: state}, tmp_path / "t.pth")  # no weights in it
    assert read_weights(tmp_path / "t.pth")[1] == plain


def test_torchs_averaged_model_loads(tmp_path):
    net = Net()
    average = torch.optim.swa_utils.AveragedModel(net)
    torch.save({"model": net.state_dict(), "model_ema": average.state_dict()}, tmp_path / "t.pth")
    fresh = Net()
    load_into(fresh, read_weights(tmp_path / "t.pth")[0], name="net", source="t")
    assert same(fresh.state_dict(), net.state_dict())


@pytest.mark.parametrize("whole", [False, True])
def test_other_objects_are_converted_where_they_are_trusted(tmp_path, whole):
    net, file = Net(), tmp_path / "it's mine.pth"
    module = types.ModuleType("my_networks")  # a class of theirs, pickled by its name
    vars(module)["Net"] = type("Net", (Net,), {"__module__": "my_networks"})
    sys.modules["my_networks"] = module
    (tmp_path / "my_networks.py").write_text("import torch\nclass Net(torch.nn.Module): pass\n")
    net = module.Net()
    try:
        plain = {"args": argparse.Namespace(lr=1), "model": net.state_dict(), "ema": net.state_dict()}
        torch.save(net if whole else plain, file)
    finally:
        del sys.modules["my_networks"]
    with pytest.raises(UserError, match="no weights that can be read safely") as caught:
        read_weights(file)
    assert ("my_networks.Net" if whole else "argparse.Namespace") in caught.value.found
    assert "weights_only" not in caught.value.found
    advice, _, command = caught.value.mend.partition(": ")
    assert "trust" in advice
    words = shlex.split(command)
    done = subprocess.run([sys.executable, *words[1:]], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found, where = read_weights(tmp_path / "it's mine.weights.pth")
    assert same(found, net.state_dict())
    assert where == ("model" if whole else "ema")


def test_safetensors(tmp_path):
    state = Net().state_dict()
    save_file(state, tmp_path / "t.safetensors")
    fresh = Net()
    load_into(fresh, read_weights(tmp_path / "t.safetensors")[0], name="net", source="t")
    assert same(fresh.state_dict(), state)


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/ccbench-was-here",)


@pytest.mark.parametrize("content", [b"", b"no weights", pickle.dumps({"a": 1}), pickle.dumps(Evil())])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_is_no_weights_is_refused(tmp_path, content, suffix):
    (tmp_path / f"t{suffix}").write_bytes(content)
    with pytest.raises(UserError, match=r"no weights that can be read safely|no state_dict"):
        read_weights(tmp_path / f"t{suffix}")


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        read_weights(tmp_path / "t.pth")


def test_a_dictionary_without_tensors(tmp_path):
    torch.save({"epoch": 3, "lr": 0.1}, tmp_path / "t.pth")
    with pytest.raises(UserError, match="no state_dict"):
        read_weights(tmp_path / "t.pth")


def test_another_number_of_classes_is_said_so():
    with pytest.raises(UserError, match=r"another number of classes(.|\n)*5 instead of 3"):
        load_into(Net(3), Net(5).state_dict(), name="net", source="t.pth")


def test_another_network_is_said_so():
    with pytest.raises(
        UserError, match=r"do not fit the architecture net(.|\n)*body\.bias has shape \(8,\), not \(4,\)"
    ):
        load_into(Net(width=4), Net(width=8).state_dict(), name="net", source="t.pth")
    state = Net().state_dict()
    state["extra"] = state.pop("norm.weight")
    with pytest.raises(UserError, match=r"without norm\.weight; extra is not part of it"):
        load_into(Net(), state, name="net", source="t.pth")


def test_old_checkpoints_without_batch_counts_load():
    state = {k: v for k, v in Net().state_dict().items() if not k.endswith("num_batches_tracked")}
    load_into(Net(), state, name="net", source="t.pth")
