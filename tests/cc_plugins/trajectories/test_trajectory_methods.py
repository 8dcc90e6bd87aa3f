"""MTT and TESLA as a run calls them: experts, a kill, what is learned and stored, what bad input gets, the kit."""

from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cc_plugins.distill import _matching
from cc_plugins.distill._networks import fresh
from cc_plugins.trajectories import experts
from cc_plugins.trajectories.disk import bytes_of_experts
from cc_plugins.trajectories.gradients import shaped
from cc_plugins.trajectories.method import MTT, TESLA
from ccbench import testing
from ccbench.archive import CompressedDataset
from ccbench.budget import Budget, DataShape
from ccbench.data import ImageDataset
from ccbench.errors import Skipped, UserError
from ccbench.methods.task import Task
from ccbench.offers.expressions import parse
from ccbench.testing.lab import Lab
from tests.cc_plugins.making import make, more

EXPERTS = "experts=2,expert_epochs=3,expert_batch=48,network=convnet[width=4,depth=3]"
SHORT = f"steps=3,lr=1,lr_lr=1e-7,inner=3,stride=1,start=2,{EXPERTS}"
TINY = {"mtt": f"mtt[{SHORT}]", "tesla": f"tesla[{SHORT},soft_labels=true]"}
ALL = sorted(TINY)


@pytest.mark.parametrize("check", [check for name in ALL for check in testing.checks(TINY[name])])
def test_conformance(check):
    check()


@pytest.mark.parametrize("name", ALL)
def test_pictures_follow_the_seed_and_the_learning_rate_is_in_the_file(lab, empty, tmp_path, name):
    one, other = make(lab, TINY[name], ipc=2), make(empty, TINY[name], ipc=2)
    assert one.content_digest() == other.content_digest()
    assert make(lab, TINY[name], ipc=2, seed=1).content_digest() != one.content_digest()
    assert one.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert one.learning_rate != pytest.approx(0.01, rel=1e-12)
    assert one.learning_rate == pytest.approx(0.01, rel=0.5)
    one.save(tmp_path / "a.ccb")
    again = CompressedDataset.open(tmp_path / "a.ccb")
    assert again.learning_rate == one.learning_rate
    assert again.content_digest() == one.content_digest()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("after", [0, 2])
def test_a_killed_distillation_goes_on(empty, tmp_path, monkeypatch, name, after):
    class Killed(BaseException):
        pass

    step, done, over = MTT.step, [], []

    def counted(self, work, state, number):
        if number == after and not over:
            raise Killed
        step(self, work, state, number)
        done.append(number)

    monkeypatch.setattr(_matching, "EVERY", 0.0)
    monkeypatch.setattr(MTT, "step", counted)
    with pytest.raises(Killed):
        make(empty, TINY[name])
    over.append(True)
    again = make(empty, TINY[name])
    assert done == [0, 1, 2]
    assert make(Lab("random", folder=tmp_path / "other"), TINY[name]).content_digest() == again.content_digest()


def test_experts_are_kept_one_by_one_and_shared(empty, monkeypatch):
    class Killed(BaseException):
        pass

    run, made, over = experts.run, [], []

    def counted(context, expert, **given):
        if expert == 1 and not over:
            raise Killed
        made.append(expert)
        return run(context, expert, **given)

    monkeypatch.setattr(experts, "run", counted)
    with pytest.raises(Killed):
        make(empty, TINY["mtt"])
    over.append(True)
    make(empty, TINY["mtt"])
    make(empty, TINY["mtt"], seed=1)
    make(empty, TINY["tesla"], ipc=2)
    assert made == [0, 1]
    make(empty, TINY["mtt"].replace("experts=2", "experts=3"))
    assert made == [0, 1, 2]
    make(empty, more(TINY["mtt"], "lr_expert=0.02"))
    assert made == [0, 1, 2, 0, 1]


def test_an_expert_is_what_torchs_optimiser_makes(lab, monkeypatch):
    bench = lab.bench()
    spec = lab.plugins.get("method", "mtt")
    params = dict(spec.read_params({"network": "convnet[width=4,depth=3]"}))
    task = Task(bench, bench.root, Budget.from_ipc(1, bench.root.shape), np.arange(96), {"seed": 0}, (spec, params))
    given = {"epochs": 2, "expert_batch": 96, "expert_augment": "none", "lr_expert": 0.05}
    entry = task.stage("expert", expert=7, network="convnet[width=4,depth=3]", **given)
    weights = np.array(entry["weights"])
    network = fresh(task, "convnet[width=4,depth=3]", 0)
    network.load_state_dict(shaped(torch.from_numpy(weights[0]), network))
    from cc_plugins.distill._real import RealImages

    images, labels = RealImages(bench.root, "cpu").at(np.arange(96)), torch.from_numpy(np.array(bench.root.labels))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    for epoch in (1, 2):  # all images are one batch, whatever their order
        optimizer.zero_grad()
        error = F.cross_entropy(network(images), labels)
        error.backward()
        optimizer.step()
        found = experts.flat(list(network.parameters())).numpy()
        np.testing.assert_allclose(weights[epoch], found, rtol=1e-3, atol=1e-6)
        assert entry["losses"][epoch - 1] == pytest.approx(error.item(), rel=1e-4)


@pytest.mark.parametrize("network", ["convnet[width=4,depth=3]", "convnet-d3", "convnet-d4"])
def test_the_plan_knows_the_bytes_of_experts(lab, network):
    task = Task.whole(lab.bench())
    weights = sum(p.numel() for p in fresh(task, network, 0).parameters())
    spec = lab.plugins.get("method", "mtt")
    params = dict(spec.read_params({"network": network, "experts": 7, "expert_epochs": 9}))
    assert bytes_of_experts(params, task.dataset.shape) == 7 * 10 * 4 * weights


def test_the_bytes_on_the_disk_are_those_of_the_plan(empty):
    make(empty, TINY["mtt"])
    spec = parse(TINY["mtt"], empty.plugins).steps[0]
    planned = bytes_of_experts(dict(spec.params), empty.splits.train.shape)
    found = [path.stat().st_size - 128 for path in empty.folder.rglob("expert/*/weights.npy")]
    assert len(found) == 2
    assert sum(found) == planned


def test_bytes_of_cifar10s_experts_and_of_an_unknown_network(lab):
    shape = DataShape(images=50_000, height=32, width=32, classes=10)
    spec = lab.plugins.get("method", "tesla")
    assert bytes_of_experts(dict(spec.read_params({})), shape) == 100 * 51 * 4 * 320_010
    assert bytes_of_experts(dict(spec.read_params({"network": "vit_small"})), shape) is None


def test_soft_labels_begin_as_the_experts_and_are_learned(lab):
    still = TINY["tesla"].replace("lr=1,", "lr=0,")
    begun = make(lab, more(still, "lr_labels=0"), ipc=2)
    assert make(lab, more(still, "lr_labels=5"), ipc=2).soft_labels.tolist() != begun.soft_labels.tolist()
    task = Task.whole(lab.bench())
    network = fresh(task, "convnet[width=4,depth=3]", 0)
    folder = [
        e for e in lab.folder.glob("expert/*/weights.npy")
        if '"expert": 0,' in (text := (e.parent / "meta.json").read_text()) and '"lr_expert": 0.01' in text
    ]  # fmt: skip
    assert len(folder) == 1
    network.load_state_dict(shaped(torch.from_numpy(np.load(folder[0])[-1]), network))
    wanted = network(begun.payload.tensor(slice(None))).softmax(1).detach().numpy()
    np.testing.assert_allclose(begun.soft_labels, wanted, atol=2e-3)
    assert make(lab, TINY["tesla"].replace("soft_labels=true", "soft_labels=false")).soft_labels is None


def test_batches_take_all_pictures_before_any_comes_again(lab):
    from types import SimpleNamespace

    method = parse(more(TINY["mtt"], "batch=3").replace("inner=3", "inner=6"), lab.plugins).steps[0].build()
    work = SimpleNamespace(classes=4, ipc=2, labels=torch.arange(8))
    batches = [rows.tolist() for rows in method._batches(work, np.random.default_rng(0))]
    assert [len(rows) for rows in batches] == [3, 3, 2, 3, 3, 2]
    assert sorted(chain(*batches[:3])) == sorted(chain(*batches[3:])) == list(range(8))


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        (f"mtt[steps=1,start=3,stride=2,{EXPERTS}]", Skipped, "expert_epochs=4 is enough"),
        ("mtt[steps=1,network=quicknet]", UserError, "batch normalisation mixes"),
        (f"mtt[steps=1,augment=blur,{EXPERTS}]", UserError, "transforms joined by _"),
        (f"mtt[steps=1,expert_augment=blur,{EXPERTS}]", UserError, "transforms joined by _"),
        (f"tesla[steps=0,{EXPERTS}]", UserError, "must lie in"),
    ],
)
def test_bad_settings_are_clear_errors(lab, text, error, says):
    with pytest.raises(error) as caught:
        make(lab, text)
    assert says in str(caught.value)


def test_a_learning_rate_below_zero_is_an_error(lab):
    with pytest.raises(FloatingPointError, match="a smaller lr_lr"):
        make(lab, TINY["mtt"].replace("lr_lr=1e-7", "lr_lr=1000"))


def test_a_disk_without_room_is_said_before_training(empty, monkeypatch):
    from types import SimpleNamespace

    assert len(empty.splits.train.labels) == 96  # opened while there is room for it
    monkeypatch.setattr(experts.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(UserError, match="no room for an expert's weights"):
        make(empty, TINY["mtt"])
    assert not list(empty.folder.rglob("weights.npy"))


def test_more_pictures_than_the_smallest_class_has_images(lab):
    data = lab.splits.train
    kept = np.concatenate([np.flatnonzero(data.labels == c)[: 3 if c == 2 else 20] for c in range(4)])
    few = ImageDataset.from_arrays(data.images[kept], data.labels[kept], data.classes, name="few")
    with pytest.raises(Skipped, match="begins with 4 images of each class"):
        make(lab, TINY["mtt"], ipc=4, root=few)


@pytest.mark.parametrize("name", ALL)
def test_the_way_comes_nearer_to_the_experts(lab, monkeypatch, name):
    found = []
    cls: Any = {"mtt": MTT, "tesla": TESLA}[name]
    gradients = cls.gradients

    def look(self, way, state, labels):
        found.append(gradients(self, way, state, labels))
        return found[-1]

    monkeypatch.setattr(cls, "gradients", look)
    expert = "experts=1,expert_epochs=1,expert_batch=8,lr_expert=0.03,network=convnet[width=4,depth=3]"
    shown = "augment=none,expert_augment=none"
    make(lab, f"{name}[steps=20,inner=10,stride=1,start=1,lr=10,lr_lr=1e-6,lr_net=0.02,{shown},{expert}]")
    assert float(found[0].distance) > 1
    assert float(found[-1].distance) < 0.5
