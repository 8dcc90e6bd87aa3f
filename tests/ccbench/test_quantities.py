"""Numbers and sizes as people write them."""

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccbench.errors import UserError
from ccbench.quantities import number, plain, size

HUGE = ["1e999999999", "1E+99999", "1e-999999999", "9" * 50, "0." + "1" * 50, "1/" + "9" * 50, "9" * 50 + "/1"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.92", "23/25"), (".5", "1/2"), ("5.", "5"), ("1e-3", "1/1000"), ("2/24", "1/12"), (" 7 ", "7"), ("-1", "-1")],
)
def test_numbers(text, value):
    assert number(text, "ratio") == Fraction(value)


@pytest.mark.parametrize("text", ["", ".", "1.2.3", "1/0", "nan", "inf", "-", "e5", "1e", "abc", "0x10", *HUGE])
def test_what_is_no_number_is_refused_at_once(text):
    started = time.process_time()
    with pytest.raises(UserError, match="ratio must be a number") as caught:
        number(text, "ratio")
    assert time.process_time() - started < 1  # as an exact fraction it would take for ever
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(("text", "meant"), [("92%", "0.92"), ("92 %", "0.92"), ("8.5%", "0.085"), ("100%", "1")])
def test_per_cent_is_led_to_the_share(text, meant):
    for name in ("ratio", "fraction"):
        with pytest.raises(UserError, match=f"did you mean {meant}\\?"):
            number(text, name)
    with pytest.raises(UserError) as caught:
        number(text, "ipc")
    assert caught.value.mend is None


@given(st.fractions(max_denominator=10**6))
def test_the_plain_text_reads_back(value):
    assert number(plain(value), "x") == value


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=0, max_value=10**9))
def test_one_text_for_one_number(value):
    text = plain(number(format(value, "f"), "x"))
    assert text == plain(number(f"{value:f}0", "x"))
    assert "e" not in text.lower()
    assert not (("." in text) and text.endswith("0"))


SIZES = {
    "300": 300, "300KB": 300_000, "300kb": 300_000, "300 KB": 300_000, "300k": 300_000, "1.5MB": 1_500_000,
    "1KiB": 1024, "2MiB": 2 * 2**20, "3GB": 3 * 10**9, "1gib": 2**30, "1TB": 10**12, "1PiB": 2**50, "300B": 300,
    "0.1kB": 100, "0.5KiB": 512,
}  # fmt: skip


@pytest.mark.parametrize("text", SIZES)
def test_sizes(text):
    assert size(text) == SIZES[text]


@pytest.mark.parametrize("text", ["", ".", "GB", "1.2.3GB", "3XB", "3 G B", "nan", "-", "1e999999999GB", "1,5GB"])
def test_what_is_no_size(text):
    with pytest.raises(UserError, match="--memory-limit reads like"):
        size(text, "--memory-limit")


@pytest.mark.parametrize("text", ["0", "0GB", "-1", "-3GB", "99999999999999999999TB", "9223372036854775808"])
def test_sizes_out_of_bounds(text):
    with pytest.raises(UserError, match="must be above 0 and below 8 EiB"):
        size(text)
