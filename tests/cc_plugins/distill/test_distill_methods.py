"""The methods as a run calls them: seeds, a kill in the middle, what is stored, what bad input gets, the kit."""

import numpy as np
import pytest
import torch

from cc_plugins.distill import _matching
from cc_plugins.distill._distribution import DistributionMatching
from cc_plugins.distill._gradient import GradientMatching
from ccbench import testing
from ccbench.archive import CompressedDataset, FloatImages, RawImages
from ccbench.budget import Budget
from ccbench.data import ImageDataset
from ccbench.errors import Skipped, Unfit, UserError
from ccbench.methods import identity
from ccbench.methods.match_bytes import fit_bytes
from ccbench.methods.task import Task
from ccbench.offers.expressions import parse
from ccbench.testing.lab import Lab
from tests.cc_plugins.making import make, more

SMALL = "network=convnet[width=8,depth=3]"
TINY = {
    "dm": f"dm[steps=3,batch=6,{SMALL}]",
    "dc": f"dc[steps=2,outer=2,inner=2,batch=6,{SMALL}]",
    "datadam": f"datadam[steps=3,batch=6,{SMALL}]",
    "dsa": f"dsa[steps=2,outer=2,inner=2,batch=6,{SMALL}]",
}
ALL = sorted(TINY)


@pytest.mark.parametrize("check", [check for name in ALL for check in testing.checks(TINY[name])])
def test_conformance(check):
    check()


@pytest.mark.parametrize("name", ALL)
def test_pictures_are_floats_of_every_class_and_follow_the_seed(lab, empty, name):
    one, other = make(lab, TINY[name], ipc=2), make(empty, TINY[name], ipc=2)
    assert isinstance(one.payload, FloatImages)
    assert one.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert set(one.ids.tolist()) == {-1}
    assert one.content_digest() == other.content_digest()
    assert make(lab, TINY[name], ipc=2, seed=1).content_digest() != one.content_digest()
    assert one.meta["ipc"] == 2


class Killed(BaseException):
    """As a signal ends a process: no method catches it."""


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("dm", DistributionMatching),
        ("datadam", DistributionMatching),
        ("dc", GradientMatching),
        ("dsa", GradientMatching),
    ],
)
@pytest.mark.parametrize("after", [1, 3])
def test_a_killed_distillation_goes_on(empty, tmp_path, monkeypatch, name, cls, after):
    text, whole, step = more(TINY[name], "lr=0.3"), [], cls.step
    text = text.replace("steps=3", "steps=4")
    monkeypatch.setattr(_matching, "EVERY", 0.0)

    def counted(self, work, state, number):
        if number == after and not whole:
            raise Killed
        step(self, work, state, number)
        done.append(number)

    monkeypatch.setattr(cls, "step", counted)
    done: list[int] = []
    with pytest.raises(Killed):
        make(empty, text)
    assert done == list(range(after))
    whole.append(True)
    again = make(empty, text)
    assert done == [0, 1, 2, 3]  # none twice
    done.clear()
    other = Lab("random", folder=tmp_path / "other")
    assert make(other, text).content_digest() == again.content_digest()
    assert done == [0, 1, 2, 3]


def test_at_most_half_a_minute_is_lost(empty, monkeypatch):
    now, kept = [0.0], []
    monkeypatch.setattr(_matching.time, "monotonic", lambda: now[0])
    step = DistributionMatching.step

    def slow(self, work, state, number):
        step(self, work, state, number)
        now[0] += 11

    written = _matching._written
    monkeypatch.setattr(DistributionMatching, "step", slow)
    monkeypatch.setattr(_matching, "_written", lambda state, done: kept.append(done) or written(state, done))
    make(empty, f"dm[steps=10,batch=2,{SMALL}]")
    assert kept == [3, 6, 9, 10]


def test_how_pictures_are_stored_does_not_distil_them_again(lab, monkeypatch):
    full = make(lab, TINY["dm"])
    monkeypatch.setattr(DistributionMatching, "step", None)
    half, bytes_ = (make(lab, more(TINY["dm"], f"store={store}")) for store in ("float16", "uint8"))
    assert np.array_equal(half.payload.values, full.payload.values.astype(np.float16))
    assert isinstance(bytes_.payload, RawImages)
    assert np.array_equal(bytes_.payload.images, full.payload.decode(slice(None)))


def test_the_file_has_four_two_or_one_bytes_a_value(lab, tmp_path):
    sizes = {}
    for store in ("float32", "float16", "uint8"):
        sizes[store] = make(lab, more(TINY["dm"], f"store={store}")).save(tmp_path / store)
    values = 4 * 32 * 32 * 3
    assert 0 <= sizes["float32"] - 4 * values - (sizes["uint8"] - values) < 400
    assert 0 <= sizes["float16"] - 2 * values - (sizes["uint8"] - values) < 400


def first_pictures(lab, text, ipc):
    """Of no step: as a learning rate of 0 leaves them."""
    return make(lab, more(text, "lr=0"), ipc)


def test_pictures_begin_as_images_of_their_class(lab):
    data = lab.splits.train
    one, two = first_pictures(lab, TINY["dm"], 1), first_pictures(lab, TINY["dm"], 2)
    shown = two.payload.decode(slice(None))
    for picture, label in zip(shown, two.labels, strict=True):
        same = [i for i, image in enumerate(data.images) if np.array_equal(image, picture)]
        assert [data.labels[i] for i in same][:1] == [label]
    assert np.array_equal(one.payload.values, two.payload.values[::2])  # a larger budget begins with them
    assert np.array_equal(first_pictures(lab, TINY["dsa"], 2).payload.values, two.payload.values)


def test_pictures_begin_as_noise(lab):
    values = first_pictures(lab, TINY["dc"], 4).payload.values
    assert abs(values.mean()) < 0.02
    assert values.std() == pytest.approx(1, abs=0.02)


def test_pictures_begin_as_the_images_of_a_file(lab, tmp_path):
    data = lab.splits.train
    chosen = [np.flatnonzero(data.labels == c)[[1, 3]] for c in range(4)]
    np.save(tmp_path / "ids.npy", np.concatenate(chosen[::-1]))
    made = first_pictures(lab, more(TINY["dm"], f"init=ids[file={tmp_path / 'ids.npy'}]"), 2)
    assert np.array_equal(made.payload.decode(slice(None)), data.images[np.concatenate(chosen)])
    made = first_pictures(lab, more(TINY["dm"], f"init=ids[file={tmp_path / 'ids.npy'},ipc=2]"), 1)
    assert np.array_equal(made.payload.decode(slice(None)), data.images[[c[0] for c in chosen]])
    with pytest.raises(UserError, match="too few images of the class"):
        first_pictures(lab, more(TINY["dm"], f"init=ids[file={tmp_path / 'ids.npy'},ipc=2]"), 3)
    np.save(tmp_path / "far.npy", np.array([0, 1, 2, 5000]))
    with pytest.raises(UserError, match="ids that this training split has not"):
        first_pictures(lab, more(TINY["dm"], f"init=ids[file={tmp_path / 'far.npy'}]"), 1)
    with pytest.raises(Skipped, match="names no file"):
        first_pictures(lab, more(TINY["dm"], "init=ids"), 1)


@pytest.mark.parametrize("method", ["herding", "k-center[balanced=true]", "random"])
@pytest.mark.parametrize("seed", [0, 1])
def test_pictures_begin_as_what_another_method_keeps_in_a_row_of_its_own(lab, method, seed):
    row = make(lab, method, ipc=3, seed=seed)
    made = make(lab, more(TINY["dm"], f"lr=0,init={method}"), ipc=3, seed=seed)
    order = np.argsort(row.labels, kind="stable")
    assert np.array_equal(made.payload.decode(slice(None)), lab.splits.train.images[row.ids[order]])


def test_pictures_begin_as_a_selection_with_parameters_and_a_budget_of_its_own(lab):
    row = make(lab, selection := "ccs[ipc=10,score=tdds[t=4]]", ipc=10)
    made = first_pictures(lab, more(TINY["dm"], f"init={selection}"), 1)
    first = [row.ids[row.labels == c][0] for c in range(4)]
    assert np.array_equal(made.payload.decode(slice(None)), lab.splits.train.images[first])


def test_a_pipeline_begins_with_a_selection_of_what_is_left(lab):
    made = make(lab, "random[ipc=8]+" + more(TINY["dm"], "lr=0,init=herding"), ipc=1)
    left = make(lab, "random[ipc=8]", ipc=8).ids
    shown = made.payload.decode(slice(None))
    assert all(any(np.array_equal(image, lab.splits.train.images[i]) for i in left) for image in shown)


def test_what_makes_pictures_of_its_own_is_no_beginning(lab):
    with pytest.raises(UserError, match="makes pictures of its own"):
        first_pictures(lab, more(TINY["dsa"], f"init={TINY['dm']}"), 1)
    for method in ("dcq", "full", "jpeg", "nonsense", "ccs[fraction=auto]"):
        with pytest.raises(UserError, match=r"selects training images|no method"):
            parse(f"dm[init={method}]", lab.plugins)


def test_a_distillation_is_told_from_others_by_what_its_beginning_depends_on(lab):
    def facts(text):
        return identity.method(lab.bench().setting, parse(text, lab.plugins))

    assert facts("dm[init=herding]") == facts("dm[init=herding[balanced=true]]")
    (named,) = facts("dm[init=herding]")[0]["methods"]
    assert named == facts("herding")[0]
    assert {need["stage"] for need in named["needs"]} == {"proxy", "last-layer"}
    assert "methods" not in facts("dm")[0]
    assert parse("dm[init=herding]", lab.plugins).needs == ("proxy", "last-layer")


def test_the_space_is_the_training_sets_own(lab):
    space = make(lab, TINY["dm"]).payload.space
    pixels = lab.splits.train.images.reshape(-1, 3) / 255
    np.testing.assert_allclose(space.mean, pixels.mean(0), rtol=1e-4)
    np.testing.assert_allclose(space.std, pixels.std(0), rtol=1e-4)


def unbalanced(data):
    kept = np.concatenate([np.flatnonzero(data.labels == c)[: 3 if c == 2 else 20] for c in range(4)])
    return ImageDataset.from_arrays(data.images[kept], data.labels[kept], data.classes, name="few")


def test_more_pictures_than_the_smallest_class_has_images(lab):
    few = unbalanced(lab.splits.train)
    with pytest.raises(Skipped, match=r"begins with 4 images of each class, .* has 3; init=noise"):
        make(lab, TINY["dm"], ipc=4, root=few)
    made = make(lab, more(TINY["dm"], "init=noise"), ipc=4, root=few)
    assert len(made) == 16


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("dm[steps=2,network=convnet-d6]", Unfit, "at least 64 pixels"),
        ("dm[steps=2,network=quicknet]", UserError, "batch normalisation mixes"),
        ("dm[steps=2,augment=color_blur]", UserError, "transforms joined by _"),
        ("datadam[steps=2,network=convnet[depth=1]]", UserError, "no blocks whose attention"),
        ("dsa[steps=2,augment=flip_flip]", UserError, "at most once"),
        ("dc[steps=0]", UserError, "must lie in"),
        ("dm[store=uint16]", UserError, "one of float32, float16, uint8"),
    ],
)
def test_bad_settings_are_clear_errors(lab, text, error, says):
    with pytest.raises(error) as caught:
        make(lab, text)
    assert says in str(caught.value)


def test_pictures_that_diverge_are_an_error_and_nothing_is_kept(empty, monkeypatch):
    def spoil(self, work, state, number):
        state["pictures"][0, 0, 0, 0] = torch.nan

    monkeypatch.setattr(DistributionMatching, "step", spoil)
    with pytest.raises(FloatingPointError, match="no numbers any more after 3 steps"):
        make(empty, TINY["dm"])
    assert not list((empty.folder).rglob("blobs/distill/*/*"))


def test_bytes_that_float_pictures_do_not_fit_into(tmp_path, monkeypatch):
    step, steps = DistributionMatching.step, []
    monkeypatch.setattr(DistributionMatching, "step", lambda self, *job: steps.append(1) or step(self, *job))
    lab = Lab("random", folder=tmp_path / "lab")
    bench = lab.bench()
    with pytest.raises(Skipped, match="no setting whose file is within 20000 bytes"):
        fit_bytes(parse(TINY["dm"], lab.plugins), 20_000, bench, tmp_path / "a.ccb")
    assert not steps  # it is known before anything is distilled
    made, size = fit_bytes(parse(more(TINY["dm"], "store=uint8"), lab.plugins), 20_000, bench, tmp_path / "b.ccb")
    assert (len(made), size <= 20_000) == (4, True)
    assert len(steps) == 3  # of one distillation
    made, size = fit_bytes(parse(TINY["dm"], lab.plugins), 160_000, bench, tmp_path / "c.ccb")
    assert (len(made), size <= 160_000) == (12, True)  # three for each class: four of 12,288 bytes would be too many


def test_loops_are_the_authors():
    spec = Lab("dc").plugins.get("method", "dc")
    method = spec.build()
    assert [method.loops(ipc) for ipc in (1, 9, 10, 20, 30, 49, 50, 200)] == [
        (1, 1), (1, 1), (10, 50), (20, 25), (30, 20), (40, 15), (50, 10), (50, 10),
    ]  # fmt: skip
    assert spec.build(outer=3, inner=0).loops(10) == (3, 0)


def test_dc_trains_its_network_between_updates(lab):
    text, calls = f"dc[steps=1,outer=3,inner=2,batch=4,lr=0,{SMALL}]", []
    bench = lab.bench()
    task = Task(bench, bench.root, Budget.from_ipc(1, bench.root.shape), np.arange(96), {"seed": 0})
    method = parse(text, lab.plugins).steps[0].build()
    work = _matching.Work(task, 1, SMALL.partition("=")[2], 7)
    state = method.begin(work)
    pictures, labels = state["pictures"], work.labels
    for number in range(3):
        method.step(work, state, number)
        calls.append({name: value.clone() for name, value in state.items() if name.startswith("net.")})
    network = work.network(0)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    for number, epochs in enumerate((2, 2, 0)):
        for _ in range(epochs):  # all four pictures are one batch, whatever their order
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(pictures), labels).backward()
            optimizer.step()
        for name, value in network.named_parameters():
            torch.testing.assert_close(calls[number][f"net.{name}"], value.detach(), rtol=1e-4, atol=1e-6)


def test_a_file_comes_back(lab, tmp_path):
    made = make(lab, more(TINY["dsa"], "store=float16"))
    made.save(tmp_path / "a.ccb", "best")
    assert CompressedDataset.open(tmp_path / "a.ccb").content_digest() == made.content_digest()
