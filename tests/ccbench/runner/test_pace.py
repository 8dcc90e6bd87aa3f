import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccbench.runner.pace import Pace, clock, told


def follow(*told_at, what="train"):
    pace = Pace()
    for now, done, total in told_at:
        pace.tell(done, total, what, now)
    return pace


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_seconds_as_people_say_them(seconds, text):
    assert clock(seconds) == text


def test_time_left_worked_by_hand():
    # 10 steps in 20 s leaves 90 steps of 2 s, 4 s of which have passed
    assert follow((0, 0, 100), (20, 10, 100)).left(24) == pytest.approx(176)
    assert told([follow((0, 0, 100), (20, 10, 100))], 24, "") == "train 10/100, about 2 min 56 s left"


def test_what_was_there_already_says_nothing_of_the_pace():
    # 500 pictures out of the store at once, then one every 4 s: after two minutes only those count
    told_at = [(0, 0, 1000), (0.5, 500, 1000), *((0.5 + 4 * i, 500 + i, 1000) for i in range(1, 60))]
    assert follow(*told_at).left(236.5) == pytest.approx((1000 - 559) * 4)


def test_slow_steps_are_kept_until_there_are_three():
    told_at = [(300 * i, i, 10) for i in range(5)]
    assert follow(*told_at).left(1200) == pytest.approx(6 * 300)


def test_nothing_is_said_before_there_is_something_to_say():
    assert follow((0, 0, 10)).left(100) is None
    assert follow((0, 0, 10), (1, 5, 10)).left(2) is None  # too early
    assert follow((0, 0, 10), (20, 9, 10)).left(60) is None  # overdue
    assert follow((0, 0, 10), (20, 10, 10)).left(21) is None  # done
    assert told([Pace()], 0, "compressing") == "compressing"
    assert told([follow((0, 3, 5000))], 0, "compressing") == "train 3/5,000"
    assert told([follow((0, 3, 10), what="")], 0, "compressing") == "compressing 3/10"


def test_other_work_starts_anew():
    pace = follow((0, 0, 10), (20, 5, 10))
    pace.tell(1, 50, "score", 21)
    assert pace.left(30) is None
    pace.tell(2, 50, "score", 31)
    assert pace.left(31) == pytest.approx(480)
    pace.tell(0, 50, "score", 40)  # from its beginning
    assert pace.left(100) is None


def test_shares_of_one_work_are_added_up_and_the_slowest_decides():
    fast = follow((0, 0, 10), (10, 5, 10), what="pictures")
    slow = follow((0, 0, 10), (10, 2, 10), what="pictures")
    assert told([fast, Pace(), slow], 10, "") == "pictures 7/20, about 40 s left"


@given(st.lists(st.tuples(st.floats(0.1, 100), st.integers(0, 20)), max_size=30))
def test_no_history_breaks_it(steps):
    pace, now = Pace(), 0.0
    for seconds, done in steps:
        now += seconds
        pace.tell(done, 20, "x", now)
        left = pace.left(now)
        assert left is None or left >= 1
        assert told([pace], now, "y").startswith(f"x {done}/20")
