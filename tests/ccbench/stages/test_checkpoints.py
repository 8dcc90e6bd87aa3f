"""Teachers' weights from files that somebody else wrote."""

import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from ccbench.errors import UserError
from ccbench.stages.checkpoints import load_into, read_weights


class Net(torch.nn.Module):
    def __init__(self, classes=3, width=4):
        super().__init__()
        self.body = torch.nn.Conv2d(3, width, 3)
        self.norm = torch.nn.BatchNorm2d(width)
        self.head = torch.nn.Linear(width, classes)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"model": state, "epoch": 3},
        lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}, "best_acc": 0.5},
        lambda state: {f"_orig_mod.{k}": v for k, v in state.items()},
    ],
)
def test_checkpoints_in_their_usual_wrappings(tmp_path, wrap):
    state = Net().state_dict()
    torch.save(wrap(state), tmp_path / "t.pth")
    assert same(read_weights(tmp_path / "t.pth"), state)


def test_safetensors(tmp_path):
    state = Net().state_dict()
    save_file(state, tmp_path / "t.safetensors")
    fresh = Net()
    load_into(fresh, read_weights(tmp_path / "t.safetensors"), name="net", source="t")
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
