"""Entries that weigh colour error against coded bits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_plugins.dcq import DCQ, DCQ_RD, rate
from cc_plugins.dcq.quantise import quantise_dataset
from cc_plugins.dcq.rate import Counts, weigh
from cc_plugins.dcq.room import LOOKS, MOST, fit
from ccbench.plugin import Room
from tests.cc_plugins.dcq.test_dcq_method import _images, _same, _task
from tests.cc_plugins.dcq.test_dcq_reassign import at, lab

BLACK, GREY, WHITE = ([v] * 3 for v in (0, 128, 255))


def weighed(images, palettes, clusters=None, *, worth, attention=None):
    images, palettes = np.array(images, np.uint8), np.array(palettes, np.uint8)
    clusters = np.zeros(len(images), np.int64) if clusters is None else clusters
    members = [np.flatnonzero(clusters == c) for c in range(len(palettes))]
    indices = quantise_dataset(images, members, palettes)
    found = weigh(
        at(images),
        indices,
        clusters,
        palettes,
        rate=worth,
        attention=attention,
        weights=(1.0, 1.0, 1.0),
        color_weight=4.0,
        device="cpu",
    )
    return indices, found


def smooth(n, size=16, seed=0):
    """Pictures of soft blobs with a little noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    waves = rng.normal(size=(n, 3, 1, 1, 3)) * 3
    picture = np.sin(waves[:, 0] * x[..., None] + waves[:, 1] * y[..., None] + waves[:, 2])
    return (128 + 90 * picture + rng.normal(scale=15, size=picture.shape)).clip(0, 255).astype(np.uint8)


PALETTES = np.random.default_rng(1).integers(0, 256, (2, 4, 3)).astype(np.uint8)


def test_a_trade_by_hand():
    """Three black pixels and a grey one, nearer to white: as black it saves 2 - log2(4/3) bits."""
    lightness = lab(GREY)[0]
    loss = lightness**2 - (100 - lightness) ** 2
    worth = loss / (2 - math.log2(4 / 3))
    kept, _ = weighed([[[BLACK, BLACK, BLACK, GREY]]], [[BLACK, WHITE]], worth=worth * 0.999)
    traded, found = weighed([[[BLACK, BLACK, BLACK, GREY]]], [[BLACK, WHITE]], worth=worth * 1.001)
    assert kept.tolist() == [[[0, 0, 0, 1]]]
    assert traded.tolist() == [[[0, 0, 0, 0]]]
    assert found.bits == pytest.approx(((3 * math.log2(4 / 3) + 2) / 4, 0))
    assert found.error == pytest.approx(((100 - lightness) ** 2 / 4, lightness**2 / 4), rel=1e-4)
    assert found.texture[0] > 0 < found.texture[1]


def test_where_the_network_looks_errors_count_more():
    images = [[[BLACK] * 6 + [GREY, GREY]]]
    attention = np.array([[[0] * 7 + [1]]], np.float16)
    loss = lab(GREY)[0] ** 2 - (100 - lab(GREY)[0]) ** 2
    # the last pixel has all the attention: half of the weight of its own, and half of eight pixels'
    first, second = (loss * weight / (2 - math.log2(8 / 6)) for weight in (0.5, 0.5 + 0.5 * 8))
    both, _ = weighed(images, [[BLACK, WHITE]], worth=first * 0.99, attention=attention)
    one, _ = weighed(images, [[BLACK, WHITE]], worth=first * 1.01, attention=attention)
    flat, _ = weighed(images, [[BLACK, WHITE]], worth=first * 1.01, attention=np.zeros_like(attention))
    assert second > first * 5
    assert both[0, 0, 6:].tolist() == flat[0, 0, 6:].tolist() == [1, 1]  # without attention all weigh 1
    assert one[0, 0, 6:].tolist() == [0, 1]


def written_out(images, palettes, clusters, worth):
    """Pixel after pixel, neighbour after neighbour, with dictionaries."""
    colors, entries = lab(images).astype(float), lab(palettes).astype(float)
    error = np.square(colors[:, :, :, None] - entries[clusters][:, None, None]).sum(-1)
    values, k = error.argmin(-1), entries.shape[1]
    height, width = values.shape[1:]

    def context(i, y, x):
        places = [(y + down, x + right) for down, right in ((0, -1), (-1, 0), (-1, -1), (-1, 1))]
        known = [values[i, v, u] if 0 <= v < height and 0 <= u < width else -1 for v, u in places]
        return clusters[i], *known

    def bits(counts, i, y, x):
        seen = counts.get(context(i, y, x), [0] * k)
        here = seen[values[i, y, x]]
        return math.log2(sum(seen) / here) if here else math.log2(2 * (sum(seen) + k))

    for _ in range(rate.SWEEPS):
        counts = {}
        for i, y, x in np.ndindex(values.shape):
            counts.setdefault(context(i, y, x), [0] * k)[values[i, y, x]] += 1
        for i, y, x in np.ndindex(values.shape):
            touched = [(y, x), (y, x + 1), (y + 1, x), (y + 1, x + 1), (y + 1, x - 1)]
            touched = [(v, u) for v, u in touched if v < height and 0 <= u < width]
            scores = []
            for entry in range(k):
                values[i, y, x] = entry
                scores.append(error[i, y, x, entry] + worth * sum(bits(counts, i, v, u) for v, u in touched))
            values[i, y, x] = int(np.argmin(scores))
    return values


@pytest.mark.parametrize("size", [(1, 9), (9, 1), (7, 5), (2, 2)])
def test_raster_order_written_out(size, monkeypatch):
    monkeypatch.setattr(rate, "_SEEN", 1e-3)  # four neighbours, however few pixels
    images = smooth(8, 9)[:, : size[0], : size[1]]
    clusters = np.arange(8) % 2
    indices, _ = weighed(images, PALETTES, clusters, worth=60.0)
    nearest, _ = weighed(images, PALETTES, clusters, worth=0.0)
    expected = written_out(images, PALETTES, clusters, 60.0)
    assert np.array_equal(indices, expected)
    assert not np.array_equal(nearest, expected) or size == (2, 2)


def test_blocks_do_not_matter(monkeypatch):
    images, clusters = smooth(12), np.arange(12) % 2
    whole, told = weighed(images, PALETTES, clusters, worth=50.0)
    monkeypatch.setattr(rate, "BATCH_PIXELS", 300)
    parts, same = weighed(images, PALETTES, clusters, worth=50.0)
    assert np.array_equal(whole, parts)
    assert told.bits == same.bits


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 2000), st.integers(1, 3))
def test_no_rate_costs_more_bits_than_none(seed, worth, bits):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (8, 6, 6, 3)) // rng.integers(1, 200)
    palettes = rng.integers(0, 256, (2, 2**bits, 3))
    _, found = weighed(images, palettes, rng.permutation(8) % 2, worth=worth)
    assert found.bits[1] <= found.bits[0] + 1e-5
    assert found.error[1] + worth * found.bits[1] <= found.error[0] + worth * found.bits[0] + 1e-2
    assert found.error[1] >= found.error[0] - 1e-2


def test_a_larger_rate_costs_fewer_bits_and_more_error():
    images, clusters = smooth(64), np.arange(64) % 2
    told = [weighed(images, PALETTES, clusters, worth=worth)[1] for worth in (0, 10, 30, 100, 300, 1000)]
    spent, lost = [t.bits[1] for t in told], [t.error[1] for t in told]
    assert spent == sorted(spent, reverse=True)
    assert lost == sorted(lost)
    assert spent[0] == told[0].bits[0] > 1.2 * spent[3]


@pytest.mark.parametrize(
    ("images", "palettes", "expected"),
    [
        ((50_000, 32, 32), (20, 4), (20, 4)),
        ((50_000, 32, 32), (20, 256), (20, 1)),  # 20 * 257 ** 3 counts are more than pixels give
        ((50_000, 32, 32), (200, 4), (1, 4)),
        ((100, 8, 8), (20, 4), (20, 0)),
        ((1, 1, 4), (1, 2), (1, 0)),
    ],
)
def test_small_sets_count_less(images, palettes, expected):
    counts = Counts.of(images, palettes, "cpu")
    assert (counts.clusters, counts.neighbours) == expected


def test_the_method_tells_what_it_won_and_lost():
    images, labels = _images(40)
    options = {"features": "random", "clusters": 2, "attention": "none", "refine_steps": 3}
    plain, zero, cheap = (
        DCQ.build(**options, **more).compress(_task(images, labels)) for more in ({}, {"rate": 0}, {"rate": 80})
    )
    assert _same(plain, zero)
    assert plain.meta == zero.meta
    assert not _same(plain, cheap)
    assert np.array_equal(plain.payload.palettes, cheap.payload.palettes)
    assert cheap.meta["rate"] == 80
    assert cheap.meta["bits_per_pixel"][0] > cheap.meta["bits_per_pixel"][1]
    assert cheap.meta["texture_loss"][0] < cheap.meta["texture_loss"][1]


def test_the_method_weighs_by_its_attention():
    images, labels = _images(40)
    attention = np.random.default_rng(0).random((40, 8, 8)).astype(np.float16)
    options = {"features": "random", "clusters": 2, "refine": False, "rate": 80}
    task = _task(images, labels, attention={"attention": attention})
    made = DCQ.build(**options).compress(task)
    found, _ = weighed(images, made.payload.palettes, made.payload.clusters, worth=80.0, attention=attention)
    assert np.array_equal(made.payload.indices, found)
    assert {name for name, _ in task.asked} == {"attention"}


def searched(sizes, size, bits=lambda worth: 1.3 - 0.2 * math.log1p(worth / 10)):
    """What a search finds where a rate's file has so many bytes: the rate, and those it looked at before."""
    images, labels = _images(4)
    asked = []

    def make(worth):
        asked.append(worth)
        return DCQ.build(features="random", clusters=1, attention="none", refine=False).compress(_task(images, labels))

    room = Room(size, lambda made: round(sizes(asked[len(made.meta["rate_steps"])])))
    found = fit(make, room, bits)
    before = found.meta["rate_steps"]
    assert before == [[worth, round(sizes(worth))] for worth in asked[: len(before)]]
    return asked[len(before)], asked


@pytest.mark.parametrize(("size", "looks"), [(1000, 1), (990, 3), (700, 3), (480, 4)])
def test_the_least_rate_that_fits_within_a_percent(size, looks):
    sizes = lambda worth: 1000 - 160 * math.log1p(worth / 10) ** 0.9  # noqa: E731
    found, asked = searched(sizes, size)
    assert size * 0.99 <= round(sizes(found)) <= size
    assert len(asked) <= looks


def test_what_fits_at_no_rate_is_looked_at_twice():
    sizes = lambda worth: 500 + 500 / (1 + worth)  # noqa: E731
    assert searched(sizes, 500, sizes) == (MOST, [0, MOST])
    assert searched(sizes, 500)[0] == MOST
    assert len(searched(sizes, 500)[1]) == 4


@pytest.mark.parametrize(
    "bits",
    [
        lambda worth: 2.0,
        lambda worth: 2 - worth / 201,
        lambda worth: 1000 if worth < 77.7 else 500,
        lambda worth: worth,
    ],
)
def test_a_search_is_bounded_where_sizes_jump(bits):
    found, asked = searched(lambda worth: 1000 if worth < 77.7 else 500, 900, bits)
    assert len(asked) <= LOOKS
    assert found >= 77.7


@pytest.mark.parametrize("bits", [lambda worth: 2.0, lambda worth: 2 - worth / 201, lambda worth: worth])
def test_what_is_foretold_wrongly_is_corrected(bits):
    sizes = lambda worth: 1000 - 160 * math.log1p(worth / 10)  # noqa: E731
    found, asked = searched(sizes, 700, bits)
    assert 650 <= round(sizes(found)) <= 700
    assert len(asked) <= LOOKS


def test_coded_files_meet_their_bytes(tmp_path):
    images, labels = smooth(200, 16), np.arange(200) % 4
    options = {"features": "random", "clusters": 2, "attention": "none", "refine_steps": 3, "reassign": 1}
    task = _task(images, labels, bits=3)
    sizes = {}

    def written(made):
        return sizes.setdefault(made.meta.get("rate", 0), made.save(tmp_path / "x.ccb", "best"))

    free = DCQ_RD.build(**options).compress(task)
    assert free.meta["rate"] == 100
    task.room = Room(1 << 20, written)
    assert _same(DCQ_RD.build(**options).compress(task), DCQ.build(**options).compress(task))
    task.room = Room(int(sizes[0] * 0.8), written)
    made = DCQ_RD.build(**options).compress(task)
    assert 0.97 * task.room.bytes <= sizes[made.meta["rate"]] <= task.room.bytes
    assert 0 < made.meta["rate"] < MOST
    assert not _same(made, DCQ_RD.build(**options, rate=0).compress(task))
