"""Coded palette indices: the same pixels back, from fewer bytes, whatever machine decodes them."""

import lzma
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import machine_table
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_sample_images

from ccbench.archive.packing import pack
from ccbench.coding import indices, models, network, plain, rans
from ccbench.coding.contexts import NEAREST, ZONES, Contexts, Reader
from ccbench.coding.counts import Counts
from ccbench.coding.sample import Sample
from ccbench.coding.tables import TOTAL, frequencies, thresholds


def blobs(n, height, width, bits, clusters=1, seed=0):
    """Indices with something to foretell: each image a slope in a direction that its cluster gives, with some noise."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, clusters, n)
    y, x = np.mgrid[:height, :width]
    slope = (x[None] * (1 + own[:, None, None]) + y[None] * 2 + rng.integers(0, 50, (n, 1, 1))) // 6
    noise = rng.random((n, height, width)) < 0.05
    return ((slope + noise) % (1 << bits)).astype(np.uint8), own


@cache
def photographs(bits, side=32):
    """(n, side, side) indices of patches of two photographs, and which of them each is of: both have a palette."""
    patches, owners = [], []
    for owner, photo in enumerate(load_sample_images().images):
        colours = np.asarray(Image.fromarray(photo).quantize(1 << bits, dither=Image.Dither.NONE))
        whole = colours[: len(colours) // side * side, : colours.shape[1] // side * side]
        whole = whole.reshape(len(whole) // side, side, -1, side).swapaxes(1, 2).reshape(-1, side, side)
        patches.append(whole)
        owners += [owner] * len(whole)
    order = np.random.default_rng(0).permutation(len(owners))
    return np.concatenate(patches)[order], np.array(owners)[order]


def code(images, bits, clusters=None):
    return indices.encode(lambda a, b: images[a:b], images.shape, bits, clusters)


def decoded(coded, clusters=None, images=None):
    return dict(coded.decode(clusters, images))


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 40),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    bits=st.integers(1, 8),
    clusters=st.none() | st.integers(1, 5),
    seed=st.integers(0, 99),
    noise=st.booleans(),
)
def test_every_shape_comes_back(n, height, width, bits, clusters, seed, noise):
    rng = np.random.default_rng(seed)
    images, own = blobs(n, height, width, bits, clusters or 1, seed)
    images = rng.integers(0, 1 << bits, images.shape, dtype=np.uint8) if noise else images
    own = None if clusters is None else own + (clusters > 2)  # cluster 0 is empty then
    coded = code(images, bits, own)
    again = indices.Coded(coded.facts, coded.arrays)
    assert np.array_equal(np.concatenate(list(decoded(again, own).values())), images)


@pytest.mark.parametrize("bits", [1, 2, 3, 5])
def test_photographs_take_fewer_bits_than_zstd_and_xz(bits, monkeypatch):
    monkeypatch.setattr(models, "_STEPS", 200)
    images, own = photographs(bits)
    packed = pack(images, bits).tobytes()
    size = code(images, bits, own).nbytes
    assert size < min(len(lzma.compress(packed, preset=9)), len(plain.pack(packed)))


def test_a_network_takes_over_where_it_pays(monkeypatch):
    monkeypatch.setattr(models, "_STEPS", 300)
    images, own = photographs(3)
    coded = code(images, 3, own)
    assert coded.facts["model"] == "network"
    assert np.array_equal(np.concatenate(list(decoded(coded, own).values())), images)
    monkeypatch.setattr(models, "_WIDTHS", ())
    assert code(images, 3, own).nbytes > coded.nbytes


def test_equal_images_make_equal_bytes(monkeypatch):
    monkeypatch.setattr(models, "_STEPS", 30)
    monkeypatch.setattr(models, "_WIDTHS", ((1, (8, 8)),))
    images, own = blobs(200, 8, 8, 2, 3)
    one, two = code(images, 2, own), code(images, 2, own)
    assert one.facts == two.facts
    assert all(np.array_equal(one.arrays[name], two.arrays[name]) for name in one.arrays)


def test_blocks_decode_without_each_other(monkeypatch):
    monkeypatch.setattr(indices, "_BLOCK", 64)
    images, own = blobs(300, 8, 8, 2, 3)
    coded = code(images, 2, own)
    assert coded.layout.blocks == 5
    found = decoded(coded, own, range(130, 131))
    assert list(found) == [128]
    assert np.array_equal(found[128], images[128:192])
    # nothing but the block's own words is read
    coded.arrays["words"] = coded.arrays["words"].copy()
    ends = np.cumsum(coded.arrays["lengths"], dtype=np.int64)
    coded.arrays["words"][: ends[coded.layout.streams(0) - 1]] ^= 0xFFFF
    assert np.array_equal(decoded(coded, own, range(130, 131))[128], images[128:192])
    with pytest.raises(ValueError, match="coded"):
        decoded(coded, own)


def test_a_set_is_read_a_part_at_a_time(monkeypatch):
    monkeypatch.setattr(indices, "_BLOCK", 32)
    monkeypatch.setattr(indices, "_TOGETHER", 64 * 64)
    images, own = blobs(500, 8, 8, 2, 3)
    asked = []
    coded = indices.encode(lambda a, b: asked.append(b - a) or images[a:b], images.shape, 2, own)
    assert max(asked[1:]) <= 64  # the first is the sample
    assert max(len(found) for found in decoded(coded, own).values()) <= 64
    assert np.array_equal(np.concatenate(list(decoded(coded, own).values())), images)


def test_a_palette_that_the_sample_has_not_is_told_apart_too(monkeypatch):
    monkeypatch.setattr(models, "_STEPS", 30)
    monkeypatch.setattr(indices, "_SAMPLE", 100 * 32 * 32)
    images, own = photographs(2)
    own = np.where(np.arange(len(own)) == 1, 2, own)  # the second image, which no even spread over all begins with
    coded = code(images, 2, own)
    assert coded.facts["clusters"] in (1, 3)
    assert np.array_equal(np.concatenate(list(decoded(coded, own).values())), images)


def test_tall_images_are_cut_into_bands(monkeypatch):
    monkeypatch.setattr(indices, "_BAND", 600)
    images, own = blobs(5, 64, 24, 3, 2)
    coded = code(images, 3, own)
    assert coded.layout.band < 64
    assert np.array_equal(np.concatenate(list(decoded(coded, own).values())), images)


def test_no_damage_gives_a_pixel():
    images, own = blobs(60, 8, 8, 2, 3)
    coded = code(images, 2, own)
    rng = np.random.default_rng(0)
    for name, array in coded.arrays.items():
        for _ in range(8):
            hurt = array.copy()
            hurt.reshape(-1).view(np.uint8)[rng.integers(hurt.nbytes)] ^= 1 << rng.integers(8)
            try:
                found = decoded(indices.Coded(coded.facts, {**coded.arrays, name: hurt}), own)
            except ValueError:
                continue
            assert np.array_equal(np.concatenate(list(found.values())), images), name


def test_other_palettes_or_another_model_are_seen(monkeypatch):
    monkeypatch.setattr(models, "_STEPS", 30)
    images, own = photographs(2)
    coded = code(images, 2, own)
    assert coded.facts["clusters"] == 2
    with pytest.raises(ValueError, match="coded"):
        decoded(coded, 1 - own)
    with pytest.raises(ValueError, match="palette 2"):
        decoded(coded, own + 1)
    with pytest.raises(ValueError, match="model 'other'"):
        decoded(indices.Coded({**coded.facts, "model": "other"}, coded.arrays), own)
    with pytest.raises(ValueError, match="table of frequencies"):
        decoded(indices.Coded({**coded.facts, "table": "0" * 16}, coded.arrays), own)


def test_a_context_is_what_lies_before_a_pixel():
    contexts = Contexts(2, 5, 3)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 4, (4, 5, 7), dtype=np.uint8)
    clusters = rng.integers(0, 3, 7)
    # by the definition, one pixel at a time
    reader = Reader(contexts, pixels, clusters)
    firsts = np.cumsum([0, *contexts.sizes])
    for y in range(4):
        for x in range(5):
            zone = (y == 0) + 2 * (x == 0)
            places = contexts.zones[zone]
            for i, number in enumerate(reader(y, x)):
                digits = [pixels[max(y + NEAREST[j][0], 0), min(max(x + NEAREST[j][1], 0), 4), i] for j in places]
                own = sum(int(d) << 2 * p for p, d in enumerate(digits)) + (int(clusters[i]) << 2 * len(places))
                assert number == firsts[zone] + own
    assert contexts.count == firsts[-1]
    assert len(contexts.zones) == ZONES


def test_frequencies_are_whole_and_none_is_nothing():
    rng = np.random.default_rng(0)
    logits = rng.integers(-30000, 30000, (500, 16)).astype(np.int32)
    found = frequencies(logits)
    assert (found >= 1).all()
    assert (found.sum(1) == 1 << TOTAL).all()
    wanted = np.exp((logits - logits.max(1, keepdims=True)) / 1024)
    wanted /= wanted.sum(1, keepdims=True)
    assert np.abs(found / (1 << TOTAL) - wanted).max() < 0.02


def test_streams_cost_what_the_table_says():
    images, own = blobs(64, 16, 16, 2, 3)
    pixels = np.ascontiguousarray(images.transpose(1, 2, 0))
    contexts = Contexts(2, 3, 3)
    sample = Sample.of(contexts, pixels, own)
    starts = Counts.of(sample).thresholds()
    bits = sample.bits(np.diff(starts.astype(np.int64), axis=1, append=1 << TOTAL), 1 << TOTAL)
    coded = rans.encode(pixels, own, contexts, starts, 4)
    assert bits <= 16 * len(coded.words) + 32 * 4 <= bits * 1.001 + 4 * 40


def test_a_network_comes_back_from_its_bytes():
    images, own = blobs(50, 8, 8, 2, 3)
    contexts = Contexts(2, 4, 3)
    sample = Sample.of(contexts, np.ascontiguousarray(images.transpose(1, 2, 0)), own)
    made = network.train(sample, (8, 6), 20)
    again = network.Network.frombytes(contexts, (8, 6), made.tobytes())
    assert np.array_equal(made.thresholds(), again.thresholds())
    with pytest.raises(ValueError, match="bytes"):
        network.Network.frombytes(contexts, (8, 6), made.tobytes() + b"0")


def slow_table(net):
    """The table by Python's own integers, one context at a time."""
    contexts, (first, second, third, bias, last) = net.contexts, [part.tolist() for part in net.parts]
    for zone, places in enumerate(contexts.zones):
        for cluster in range(contexts.clusters):
            for number in range(1 << contexts.bits * len(places)):
                rows = [first[zone], first[ZONES + cluster]]
                for place, j in enumerate(places):
                    digit = number >> contexts.bits * place & (1 << contexts.bits) - 1
                    rows.append(first[ZONES + contexts.clusters + (j << contexts.bits) + digit])
                one = [min(max(sum(column) // 2, 0), 255) for column in zip(*rows, strict=True)]
                two = [
                    min(max((sum(a * w for a, w in zip(one, ws, strict=True)) + b) // 64, 0), 255)
                    for ws, b in zip(zip(*second, strict=True), bias, strict=True)
                ]
                yield [
                    sum(a * w for a, w in zip(two, ws, strict=True)) + b
                    for ws, b in zip(zip(*third, strict=True), last, strict=True)
                ]


def test_the_table_is_what_whole_numbers_give():
    net = machine_table.full_range()
    logits = np.array(list(slow_table(net)), np.int64)
    assert np.abs(logits).max() < 1 << 24
    assert np.array_equal(net.thresholds(), thresholds(frequencies(logits.astype(np.int32))))


@pytest.mark.parametrize(
    "machine",
    [
        {"OPENBLAS_NUM_THREADS": "3", "OMP_NUM_THREADS": "3"},
        {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL"},
        {"OPENBLAS_CORETYPE": "Prescott"},
        {"OPENBLAS_CORETYPE": "Sandybridge"},
    ],
    ids=lambda m: next(iter(m)) + "-" + next(iter(m.values()))[:10],
)
def test_every_machine_computes_the_same_table(machine):
    command = [sys.executable, "-W", "ignore", str(Path(machine_table.__file__))]
    run = subprocess.run(command, env={**os.environ, **machine}, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == machine_table.digest()
