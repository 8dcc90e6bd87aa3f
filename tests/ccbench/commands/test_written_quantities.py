"""Quantities on the command line: units, per cent, auto, and what no quantity is."""

import json

import pytest

from ccbench.offers.discovery import KINDS, plugins

RUN = ("run", "-m", "random", "--ratio", "0.9")
REFUSED = [
    (("plan", "-m", "random", "--ratio", "92%"), "did you mean 0.92?"),
    (("plan", "-m", "random", "--ratio", "92%", "-d", "folder:nowhere"), "did you mean 0.92?"),
    (("plan", "-m", "random", "--fraction", "8%"), "did you mean 0.08?"),
    (("plan", "-m", "random[fraction=8%]"), "did you mean 0.08?"),
    (("plan", "-m", "random", "--ratio", "1e999999999"), "must be a number"),
    (("plan", "-m", "random", "--bits", "1e-999999999"), "must be a number"),
    (("plan", "-m", "random[ratio=1e999999999]"), "must be a number"),
    (("plan", "-m", "random[ipc=1e999999999]"), "must be a number"),
    (("plan", "-m", "random[bytes=1e999999999]"), "reads like 300KB"),
    (("plan", "-m", "random", "--bytes", "1e999999999"), "reads like 300KB"),
    (("plan", "-m", "random", "--bytes", "300 bytes"), "reads like 300KB"),
    (("plan", "-m", "random", "--bytes", "99GB"), "the raw training set has"),
    (("plan", "-m", "ccs[beta=nan]", "--ratio", "0.9"), "must lie in"),
    ((*RUN, "--memory-limit", "1.2.3GB"), "--memory-limit reads like"),
    ((*RUN, "--memory-limit", "."), "--memory-limit reads like"),
    ((*RUN, "--memory-limit", "0"), "must be above 0"),
    ((*RUN, "--memory-limit", "99999999999999999999TB"), "below 8 EiB"),
    ((*RUN, "--timeout", "nan"), "not a finite number"),
    ((*RUN, "--timeout", "1e400"), "not a finite number"),
    ((*RUN, "--timeout", "0"), "not in the range"),
    (("cache", "clear", "--older-than", "nan", "--yes"), "not a finite number"),
]


@pytest.mark.parametrize(("arguments", "said"), REFUSED)
def test_what_is_no_quantity_is_said_so(ccbench, tmp_path, arguments, said):
    done = ccbench(*arguments)
    assert done.code == 2
    assert said in done.err
    assert not (tmp_path / "here" / "ccbench-out").exists()


def ratios(done):
    assert done.code == 0, done.err
    return [cell["ratio"] for cell in json.loads(done.out)["cells"]]


def test_bytes_take_units(ccbench):
    plan = ("plan", "-m", "random", "--seeds", "1", "--json")
    plain = ratios(ccbench(*plan, "--bytes", "300000,307200,2500000"))
    assert ratios(ccbench(*plan, "--bytes", "300KB,300 KiB,2.5MB")) == plain
    assert plain[0] == pytest.approx(1 - 300_000 / (1297 * 32 * 32 * 3))
    one, other = (
        json.loads(ccbench("plan", "-m", f"random[bytes={text}]", "--json").out)["cells"][0]
        for text in ("300KB", "300000")
    )
    assert one["method"] == other["method"] == "random[bytes=300000]"
    assert one["id"] == other["id"]


def test_auto_is_the_default_wherever_there_is_none(ccbench):
    found, open_ = plugins(), []
    for kind in KINDS:
        open_ += [(s, p) for s in found.all(kind).values() for p in s.params if p.default is None]
    assert {("ccs", "beta"), ("dcq", "proxy"), ("rded", "factor")} <= {(s.name, p.name) for s, p in open_}
    for spec, param in open_:
        assert spec.read_params({param.name: "auto"}) == spec.read_params({})
        assert f"{param.name}=auto  (" in ccbench("describe", spec.name).out
    method = ("plan", "--ratio", "0.9", "--seeds", "1", "--json", "-m")
    one, other = (json.loads(ccbench(*method, m).out)["cells"][0] for m in ("ccs[beta=auto]", "ccs"))
    assert one["id"] == other["id"]
