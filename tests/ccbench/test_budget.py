import math
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ccbench.budget import GRID, Budget, DataShape
from ccbench.errors import UserError

CIFAR = DataShape(50_000, 32, 32, 10)
shapes = st.integers(1, 200).flatmap(
    lambda classes: st.builds(
        DataShape,
        images=st.integers(classes, 10**7),
        height=st.integers(1, 512),
        width=st.integers(1, 512),
        classes=st.just(classes),
    )
)
kept = st.fractions(Fraction(1, 10**6), Fraction(1)).map(Budget)


def test_the_papers_table_of_bits_and_ratios():
    """DCQ, Table 1: 5, 4, 3, 2, 1 bits are printed as 80, 83, 87.5, 92 and 96 per cent."""
    exact = {q: Budget.from_bits(q).ratio for q in (5, 4, 3, 2, 1)}
    assert exact == {5: 1 - 5 / 24, 4: 1 - 4 / 24, 3: 0.875, 2: 1 - 2 / 24, 1: 1 - 1 / 24}
    printed = {5: "0.80", 4: "0.83", 3: "0.875", 2: "0.92", 1: "0.96"}
    assert {q: Budget.from_ratio(r).snap().palette_bits for q, r in printed.items()} == {q: q for q in printed}


def test_units_worked_by_hand():
    budget = Budget.from_ratio("0.92")
    assert budget.kept == Fraction(8, 100)
    assert budget.images(CIFAR) == 4000
    assert budget.ipc(CIFAR) == 400
    assert budget.bytes(CIFAR) == 12_288_000  # 8 % of 153,600,000
    assert budget.bits == pytest.approx(1.92)
    assert CIFAR.raw_bytes == 153_600_000
    assert Budget.from_bits(2).images(CIFAR) == 4167  # 50,000 / 12 = 4166.67
    assert Budget.from_ipc(50, CIFAR).ratio == pytest.approx(0.99)


def test_decimals_are_exact():
    assert Budget.from_ratio(0.9).kept == Fraction(1, 10)  # not 0.09999999999999998
    assert Budget.from_ratio("0.3").images(DataShape(10, 1, 1, 1)) == 7
    assert Budget.from_fraction(0.1).images(CIFAR) == 5000


@given(shapes, kept)
def test_every_unit_comes_back(shape, budget):
    assert Budget.from_fraction(budget.kept) == budget
    assert Budget.from_bits(budget.kept * 24) == budget
    if budget.kept < 1:
        assert Budget.from_ratio(1 - budget.kept) == budget
    assert budget.ratio == pytest.approx(1 - budget.fraction, abs=1e-12)
    assert budget.bits == pytest.approx(24 * budget.fraction)
    assert budget.ipc(shape) * shape.classes == pytest.approx(budget.fraction * shape.images)
    size = budget.bytes(shape)
    assert size <= budget.kept * shape.raw_bytes < size + 1
    if size:
        assert Budget.from_bytes(size, shape).bytes(shape) == size


@given(shapes, kept)
def test_images_are_the_nearest_count(shape, budget):
    count = budget.images(shape)
    assert 0 <= count <= shape.images
    assert abs(count - budget.kept * shape.images) <= Fraction(1, 2)
    assert Budget.from_fraction(Fraction(shape.images - count, shape.images) or 1).images(shape) in {
        shape.images - count,
        shape.images,
    }


@given(shapes, st.data())
def test_images_per_class_come_back(shape, data):
    ipc = data.draw(st.integers(1, shape.images // shape.classes))
    budget = Budget.from_ipc(ipc, shape)
    assert budget.images(shape) == ipc * shape.classes
    assert budget.ipc(shape) == pytest.approx(ipc)


@given(shapes, kept, kept)
def test_more_budget_never_keeps_less(shape, one, two):
    low, high = sorted([one, two], key=lambda b: b.kept)
    assert low.images(shape) <= high.images(shape)
    assert low.bytes(shape) <= high.bytes(shape)
    assert low.snap().kept <= high.snap().kept


@given(kept)
def test_snap_is_the_nearest_level(budget):
    snapped = budget.snap()
    assert snapped.palette_bits in GRID
    distance = abs(snapped.kept - budget.kept)
    assert all(distance <= abs(Fraction(q, 24) - budget.kept) for q in GRID)
    assert snapped.snap() == snapped


@given(st.sampled_from(GRID[:-1]))
def test_a_tie_goes_to_more_bits(q):
    assert Budget.from_bits(Fraction(2 * q + 1, 2)).snap().palette_bits == q + 1


@given(kept)
def test_palette_bits_only_on_the_grid(budget):
    assert (budget.palette_bits is not None) == (budget.kept in {Fraction(q, 24) for q in GRID})


@given(kept, kept)
def test_two_steps(one, two):
    assert (one * two) / two == one
    assert one / one == Budget(Fraction(1))
    assert (one / two).kept <= 1
    assert (one * two).kept <= min(one.kept, two.kept)


def test_the_papers_pipeline():
    """DCQ, Table 4: 10 % of the images at 2 bits is a total ratio of 99.2 %."""
    total = Budget.from_fraction("0.1") * Budget.from_bits(2)
    assert total.ratio == pytest.approx(1 - 0.1 * 2 / 24)


@pytest.mark.parametrize("ratio", [0, 1, 1.5, -0.1, 92, "abc", "", "nan", "inf", "1/0", True, [0.5]])
def test_bad_ratios(ratio):
    with pytest.raises(UserError) as caught:
        Budget.from_ratio(ratio)
    assert caught.value.found is not None


def test_a_percentage_gets_the_right_hint():
    with pytest.raises(UserError, match=r"--ratio 0\.08"):
        Budget.from_ratio(92)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Budget.from_bits(0),
        lambda: Budget.from_bits(25),
        lambda: Budget.from_bits("x"),
        lambda: Budget.from_fraction(0),
        lambda: Budget.from_fraction(1.0001),
        lambda: Budget.from_fraction("nan"),
        lambda: Budget.from_ipc(0, CIFAR),
        lambda: Budget.from_ipc(1.5, CIFAR),
        lambda: Budget.from_ipc(5001, CIFAR),
        lambda: Budget.from_bytes(0, CIFAR),
        lambda: Budget.from_bytes(153_600_001, CIFAR),
        lambda: Budget.from_bytes(math.inf, CIFAR),
    ],
)
def test_bad_budgets(build):
    with pytest.raises(UserError):
        build()


@given(st.floats(0.001, 0.999), shapes)
def test_a_float_means_the_decimal_it_is_printed_as(ratio, shape):
    assume(0 < ratio < 1)
    assert Budget.from_ratio(ratio) == Budget.from_ratio(str(ratio))
    assert Budget.from_ratio(ratio).ratio == pytest.approx(ratio)
