"""Levels between bounds: decoded by hand, packed exactly, hostile files refused."""

import numpy as np
import pytest
from archive_samples import dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from ccbench.archive import CompressedDataset, LevelImages, container
from ccbench.errors import UserError

RNG = np.random.default_rng(0)


def value(level, bits, low, high):
    """A level's colour in exact numbers, halves up."""
    return int((2 * level * (high - low) + (2**bits - 1)) // (2 * (2**bits - 1))) + low


@st.composite
def levels(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, height, width = (draw(st.integers(1, 7)) for _ in range(3))
    patch = draw(st.integers(1, height)), draw(st.integers(1, width))
    grid = -(-height // patch[0]), -(-width // patch[1])
    bits = rng.integers(1, 9, n) if draw(st.booleans()) else np.full(n, draw(st.integers(1, 8)))
    k = draw(st.integers(1, 300)) if draw(st.booleans()) else None
    count = k or n * grid[0] * grid[1]
    bounds = np.sort(rng.integers(0, 256, (count, draw(st.sampled_from([1, 3])), 2), dtype=np.uint8), -1)
    values = rng.integers(0, 256, (n, height, width, 3)) >> (8 - bits)[:, None, None, None]
    owners = rng.integers(0, k, (n, *grid)) if k else None
    return values.astype(np.uint8), bits, bounds, owners, patch


def by_definition(values, bits, bounds, owners, patch):
    rows, columns = -(-values.shape[1] // patch[0]), -(-values.shape[2] // patch[1])
    out = np.empty(values.shape, np.uint8)
    for i, y, x, c in np.ndindex(values.shape):
        cell = y // patch[0], x // patch[1]
        owner = (i * rows + cell[0]) * columns + cell[1] if owners is None else owners[(i, *cell)]
        low, high = (int(v) for v in bounds[owner, min(c, bounds.shape[1] - 1)])
        out[i, y, x, c] = value(int(values[i, y, x, c]), int(bits[i]), low, high)
    return out


@settings(deadline=None, max_examples=60)
@given(levels(), st.sampled_from(["none", "best", "zstd"]))
def test_levels_come_back_and_decode_by_their_definition(tmp_path_factory, given, coding):
    made = dataset(LevelImages(*given), np.random.default_rng(0))
    path = tmp_path_factory.mktemp("levels") / "a.ccb"
    made.save(path, coding)
    opened, want = CompressedDataset.open(path), by_definition(*given)
    index = np.arange(len(want))[::-1]
    for one in (made, opened):
        assert np.array_equal(one.payload.levels(index), given[0][index])
        assert np.array_equal(one.decode(index).permute(0, 2, 3, 1).numpy(), want[index])  # of these alone
        assert np.array_equal(one.to_device("cpu")(np_index(index)).permute(0, 2, 3, 1).numpy(), want[index])
    assert opened.content_digest() == made.content_digest()
    assert opened.bits_per_pixel == made.bits_per_pixel == pytest.approx(3 * given[1].mean())


def np_index(index):
    import torch

    return torch.from_numpy(index.copy())


@settings(deadline=None, max_examples=40)
@given(levels())
def test_the_nearest_level_is_nearest(given):
    _, bits, bounds, owners, patch = given
    images = np.random.default_rng(1).integers(0, 256, given[0].shape, dtype=np.uint8)
    made = LevelImages.nearest(images, bits, bounds, owners, patch)
    chosen = np.abs(made.decode(range(len(images))).astype(int) - images)
    for other in (-1, 1):
        most = (1 << bits)[:, None, None, None] - 1
        moved = np.clip(made.levels(np.arange(len(images))).astype(int) + other, 0, most).astype(np.uint8)
        shown = LevelImages(moved, bits, bounds, owners, patch).decode(range(len(images)))
        assert (chosen <= np.abs(shown.astype(int) - images) + 1).all()  # 1: colours are whole numbers


def test_eight_bits_between_black_and_white_are_exact():
    images = RNG.integers(0, 256, (3, 5, 4, 3), dtype=np.uint8)
    made = LevelImages.nearest(images, 8, np.tile(np.array([0, 255], np.uint8), (3, 1, 1)))
    assert np.array_equal(made.decode([2, 0]), images[[2, 0]])
    assert made.bits_per_pixel == 24


def test_bytes_are_what_the_bits_say(tmp_path):
    images = RNG.integers(0, 256, (16, 8, 8, 3), dtype=np.uint8)
    bounds = np.tile(np.array([0, 255], np.uint8), (16, 1, 1))
    bits = np.repeat([1, 3], 8)
    made = dataset(LevelImages.nearest(images, bits, bounds), RNG)
    made.save(tmp_path / "a.ccb")
    sizes = container.sizes(tmp_path / "a.ccb")
    assert (sizes["levels"], sizes["bits"], sizes["bounds"]) == (8 * 192 * 4 // 8, 16, 32)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"levels": np.full((2, 4, 4, 3), 4, np.uint8)}, "must lie in 0..3"),
        ({"levels": np.zeros((2, 4, 4, 1), np.uint8)}, "RGB"),
        ({"bits": np.array([2, 9])}, "1 to 8"),
        ({"bits": np.array([2, 2, 2])}, "1 to 8"),
        ({"bounds": np.array([[[9, 8]]] * 2, np.uint8)}, "lower one first"),
        ({"bounds": np.zeros((2, 2, 2), np.uint8)}, "1 or 3"),
        ({"bounds": np.zeros((3, 1, 2), np.uint8)}, "each of 2 patches"),
        ({"owners": np.array([[[0]], [[2]]])}, "owners must lie in 0..1"),
        ({"owners": np.zeros((2, 2, 2), int)}, "one for each patch"),
        ({"patch": (5, 4)}, "must fit"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, said):
    right = {"levels": np.zeros((2, 4, 4, 3), np.uint8), "bits": 2, "bounds": np.zeros((2, 1, 2), np.uint8)}
    LevelImages(**right)
    with pytest.raises(UserError, match=said):
        LevelImages(**right | wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": [2, 4, 400]},
        {"size": [2, 10**9, 10**9]},
        {"size": [10**12, 4, 4]},
        {"size": [0, 4, 4]},
        {"patch": [0, 4]},
        {"bits": 9},
        {"bits": 3},
        {"bits": 0},
    ],
)
def test_hostile_facts_are_refused_when_a_file_is_opened(tmp_path, wrong):
    made = dataset(LevelImages(np.zeros((2, 4, 4, 3), np.uint8), 2, np.zeros((2, 1, 2), np.uint8)), RNG)
    made.save(tmp_path / "a.ccb")
    facts, arrays, _ = container.read(tmp_path / "a.ccb")
    facts["payload"] |= wrong
    container.write(tmp_path / "b.ccb", facts, dict(arrays))
    with pytest.raises(UserError, match="make no sense"):
        CompressedDataset.open(tmp_path / "b.ccb")
