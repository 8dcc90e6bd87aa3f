"""Bits in, bits out, against Python's own big integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccbench.archive import packing


def by_hand(values: list[int], bits: int) -> bytes:
    stream = sum(value << i * bits for i, value in enumerate(values))
    return stream.to_bytes(-(-len(values) * bits // 8), "little")


@given(st.integers(1, 8).flatmap(lambda q: st.tuples(st.just(q), st.lists(st.integers(0, 2**q - 1), max_size=70))))
def test_the_stream_is_one_big_little_endian_number(case):
    bits, values = case
    packed = packing.pack(np.array(values, np.int64), bits)
    assert packed.tobytes() == by_hand(values, bits)
    assert packing.unpack(packed, bits, len(values)).tolist() == values


@given(st.integers(1, 8), st.integers(0, 60), st.integers(0, 60))
def test_any_stretch_can_be_read_alone(bits, start, count):
    values = np.random.default_rng(bits).integers(0, 1 << bits, 120)
    packed = packing.pack(values, bits)
    assert packing.unpack(packed, bits, count, start).tolist() == values[start : start + count].tolist()


@pytest.mark.parametrize("bits", range(1, 9))
def test_arrays_longer_than_one_piece(bits, monkeypatch):
    monkeypatch.setattr(packing, "_CHUNK", 41)
    values = np.random.default_rng(0).integers(0, 1 << bits, 1003)
    packed = packing.pack(values, bits)
    assert packed.tobytes() == by_hand(values.tolist(), bits)
    assert (packing.unpack(packed, bits, 1003) == values).all()


def test_two_bits_by_hand():
    assert packing.pack(np.array([1, 2, 3, 0, 2]), 2).tolist() == [0b00_11_10_01, 0b10]


def test_three_bits_by_hand():  # 8 values in 3 bytes: 7 is 111, 0 is 000, ...
    assert packing.pack(np.array([7, 0, 7, 0, 0, 0, 0, 1]), 3).tolist() == [0b11_000_111, 0b0000000_1, 0b001_00000]
