"""SRe2L and G-VBSM as a run calls them."""

import numpy as np
import pytest
import torch

from cc_plugins.decoupled.recover import Recovery
from cc_plugins.decoupled.relabel import fkd_bytes
from cc_plugins.distill import _matching
from ccbench import testing
from ccbench.archive import CompressedDataset, FloatImages, RawImages
from ccbench.errors import UserError
from ccbench.testing.lab import Lab
from tests.cc_plugins.making import make, more

SMALL = "convnet[width=8,depth=3,norm=batch]"
SRE2L = "sre2l[steps=3]"
VBSM = f"g-vbsm[steps=4,networks=2,network1=quicknet[width=4],network2={SMALL}]"
BOTH = [SRE2L, VBSM]


@pytest.mark.parametrize("check", [check for text in BOTH for check in testing.checks(text)])
def test_conformance(check):
    check()


@pytest.mark.parametrize("text", BOTH)
def test_pictures_follow_the_seed_and_are_stored_as_asked(lab, empty, text):
    one, other = make(lab, text, ipc=2), make(empty, text, ipc=2)
    assert isinstance(one.payload, RawImages)
    assert one.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert one.content_digest() == other.content_digest()
    assert make(lab, text, ipc=2, seed=1).content_digest() != one.content_digest()
    floats = make(lab, more(text, "store=float32"), ipc=2)
    assert isinstance(floats.payload, FloatImages)
    assert np.array_equal(floats.payload.decode(slice(None)), one.payload.images)


def test_pictures_come_nearer_to_the_statistics_and_are_recognised(lab):
    def loss(steps, lr):
        found = []
        original = Recovery.stored

        def look(self, work, state, **given):
            _, watched = self.teachers(work)[0]
            logits, statistics = watched(state["pictures"])
            found.append(float(torch.nn.functional.cross_entropy(logits, work.labels) + 0.1 * statistics))
            return original(self, work, state, **given)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Recovery, "stored", look)
            make(lab, f"sre2l[steps={steps},lr={lr},r_bn=0.1,jitter=0]")
        return found[0]

    assert loss(60, 0.1) < 0.7 * loss(1, 0.0)


@pytest.mark.parametrize("text", BOTH)
def test_a_killed_recovery_goes_on(empty, tmp_path, monkeypatch, text):
    class Killed(BaseException):
        pass

    step, done, over = Recovery.step, [], []

    def counted(self, work, state, number):
        if number == 4 and not over:
            raise Killed
        step(self, work, state, number)
        done.append(number)

    monkeypatch.setattr(_matching, "EVERY", 0.0)
    monkeypatch.setattr(Recovery, "step", counted)
    with pytest.raises(Killed):
        make(empty, text, ipc=2)
    over.append(True)
    again = make(empty, text, ipc=2)
    assert done == list(range(len(done)))  # two batches, none of their steps twice
    assert make(Lab("random", folder=tmp_path / "other"), text, ipc=2).content_digest() == again.content_digest()


@pytest.mark.parametrize("text", BOTH)
def test_stored_soft_labels_are_the_squeezed_networks_and_count(lab, tmp_path, monkeypatch, text):
    plain = make(lab, text)
    monkeypatch.setattr(Recovery, "step", None)  # labels distil nothing again
    soft = make(lab, more(text, "soft_labels=stored,temperature=4"))
    assert np.array_equal(soft.payload.images, plain.payload.images)
    bench = lab.bench()
    from ccbench.methods.task import Task
    from ccbench.plugin import load_teacher

    names = [None] if text == SRE2L else ["quicknet[width=4]", SMALL]
    pixels = torch.from_numpy(plain.payload.images).permute(0, 3, 1, 2)
    logits = torch.stack([load_teacher(Task.whole(bench), name)(pixels) for name in names]).mean(0)
    np.testing.assert_allclose(soft.soft_labels, (logits / 4).softmax(1).numpy(), atol=2e-3)
    sizes = [made.save(tmp_path / f"{i}.ccb") for i, made in enumerate((plain, soft))]
    assert 2 * 4 * 4 <= sizes[1] - sizes[0] < 300
    assert CompressedDataset.open(tmp_path / "1.ccb").content_digest() == soft.content_digest()


def test_what_fkds_labels_would_take():
    # CIFAR-10 at 10 images per class: 300 epochs of 100 pictures of 10 float16 logits, boxes, flips and partners
    assert fkd_bytes(100, 10, epochs=300, batch=1024) == 300 * (100 * (20 + 16 + 1 + 8) + 40)
    assert fkd_bytes(250, 2, epochs=1, batch=100) == 250 * 29 + 3 * 40


def test_the_file_says_what_fkds_labels_would_take(lab):
    assert make(lab, SRE2L).meta["fkd_bytes"] == fkd_bytes(4, 4, epochs=300, batch=1024)
    assert make(lab, VBSM).meta["fkd_bytes"] == fkd_bytes(4, 4, epochs=1000, batch=100)


@pytest.mark.parametrize(
    ("side", "known"),
    [(32, (1000, 0.25, 0.01, 4, False)), (64, (4000, 0.1, 1.0, 4, False)), (224, (4000, 0.25, 0.01, 32, True))],
)
def test_settings_are_the_authors(side, known):
    from types import SimpleNamespace

    shape = SimpleNamespace(height=side, width=side)
    work = SimpleNamespace(task=SimpleNamespace(dataset=SimpleNamespace(shape=shape)))
    spec = Lab("sre2l").plugins.get("method", "sre2l")
    found = spec.build().settings(work)
    assert (found.steps, found.lr, found.r_bn, found.jitter, found.crop) == known
    assert spec.build(steps=7, jitter=0, crop=False).settings(work).steps == 7
    assert spec.build(jitter=0, crop=False).settings(work).jitter == 0


def test_a_squeezed_network_without_batch_normalisation_is_refused(lab):
    with pytest.raises(UserError, match="keeps no statistics"):
        make(lab, "sre2l[steps=2,teacher=convnet[width=4,depth=2]]")


def test_recovery_begins_where_it_is_told(lab):
    begun = make(lab, more(SRE2L, "init=real,lr=0"), ipc=2)
    data = lab.splits.train
    for picture, label in zip(begun.payload.images, begun.labels, strict=True):
        distances = np.abs(data.images.astype(int) - picture).max((1, 2, 3))
        assert distances.min() <= 1
        assert data.labels[distances.argmin()] == label
