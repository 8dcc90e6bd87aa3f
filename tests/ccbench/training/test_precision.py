"""The number format of a training is declared; what this machine makes of it is only said."""

from types import SimpleNamespace

import pytest
import torch

from ccbench.offers.discovery import Plugins
from ccbench.runner.execute import _emulated
from ccbench.training import load_protocol
from ccbench.training.precision import autocast, emulated, fastest

PLUGINS = Plugins()


def test_every_recipe_of_ours_declares_its_format():
    for name in PLUGINS.all("protocol"):
        protocol = load_protocol(name, PLUGINS)
        assert {protocol.train.precision, protocol.proxy.precision, protocol.teacher.precision} == {"float32"}


def test_another_format_is_for_every_network_of_a_protocol():
    protocol = load_protocol("rded", PLUGINS)
    other = protocol.at("bfloat16")
    assert {other.train.precision, other.proxy.precision, other.teacher.precision} == {"bfloat16"}
    assert protocol.at(None) is protocol
    assert load_protocol("quick", PLUGINS).at("bfloat16").teacher.precision == "bfloat16"  # it has no table of its own


def test_a_forward_pass_has_the_format_it_was_given():
    layer, ones = torch.nn.Linear(4, 4), torch.ones(1, 4)
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with autocast(torch.device("cpu"), precision):
            assert layer(ones).dtype == dtype


def test_the_faster_format_is_a_hint_and_float32_is_never_emulated():
    assert fastest("cpu") in {"float32", "bfloat16"}
    assert not emulated("cpu", "float32")
    assert emulated("cpu", "bfloat16") != torch.ops.mkldnn._is_mkldnn_bf16_supported()


@pytest.mark.parametrize("slow", [True, False])
def test_an_emulated_format_is_said_once(monkeypatch, slow):
    monkeypatch.setattr("ccbench.training.precision.emulated", lambda device, precision: slow)
    plan = SimpleNamespace(runnable=[SimpleNamespace(precision="bfloat16")] * 3)
    said = ["bfloat16 is emulated on this cpu and slow; --precision float32 is not"]
    assert _emulated(plan, "cpu") == (said if slow else [])
    assert _emulated(SimpleNamespace(runnable=[SimpleNamespace(precision="float32")]), "cpu") == []
