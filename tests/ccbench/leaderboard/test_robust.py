"""DD-Ranking's two scores, worked out by hand from rows, and what is said where a row is missing."""

import io
import math

import pandas as pd
import pytest
from rich.console import Console

from ccbench.leaderboard import render, table
from ccbench.leaderboard.robust import AUGMENTATION, LABEL
from ccbench.leaderboard.terminal import show

SOFT = {"protocol": "rded", "protocol_version": "2", "teacher": "resnet18", "labels": "teacher", "trained": "s"}
HARD = {"protocol": "rded-hard", "protocol_version": "2", "labels": "hard", "trained": "h"}
AUG = {"protocol": "distilled", "labels": "hard", "trained": "a"}
PLAIN = {"protocol": "distilled-plain", "labels": "hard", "trained": "p"}


def value(frame, method, protocol, name):
    return frame[(frame["method"] == method) & (frame["protocol"] == protocol)][name].item()


def two_protocols(make):
    return [
        *make("random", 0.75, [0.40], **SOFT),
        *make("dm", 0.75, [0.58, 0.62], **SOFT),
        *make("dm", 0.75, [0.50], **HARD),
        *make("full", 0.0, [0.90], **HARD),
    ]


def test_the_label_robust_score(make):
    frame = table(two_protocols(make))
    weighed = 0.5 * (0.60 - 0.40) - 0.5 * (0.90 - 0.50)
    assert value(frame, "dm", "rded", LABEL) == pytest.approx(
        (math.exp(weighed) - math.exp(-1)) / (math.exp(1) - math.exp(-1))
    )
    assert value(frame, "dm", "rded", LABEL) == pytest.approx(0.228454, abs=1e-6)  # -0.1, as fractions and not per cent
    assert pd.isna(value(frame, "dm", "rded-hard", LABEL))  # no random with hard labels
    assert pd.isna(value(frame, "random", "rded", LABEL))  # random has no row with hard labels


def test_with_hard_labels_a_row_is_its_own_hard_one(make):
    frame = table([
        *make("random", 0.75, [0.3], **HARD), *make("dm", 0.75, [0.5], **HARD), *make("full", 0.0, [0.9], **HARD)
    ])  # fmt: skip
    weighed = 0.5 * 0.2 - 0.5 * 0.4
    assert value(frame, "dm", "rded-hard", LABEL) == pytest.approx((math.exp(weighed) - 1 / math.e) / 2.3504024)


def test_the_augmentation_robust_score(make):
    frame = table([
        *make("random", 0.75, [0.30], **AUG), *make("dm", 0.75, [0.50], **AUG),
        *make("random", 0.75, [0.25], **PLAIN), *make("dm", 0.75, [0.29], **PLAIN),
    ])  # fmt: skip
    weighed = 0.5 * 0.20 + 0.5 * 0.04
    assert value(frame, "dm", "distilled", AUGMENTATION) == pytest.approx((math.exp(weighed) - 1 / math.e) / 2.3504024)
    assert value(frame, "random", "distilled", AUGMENTATION) == pytest.approx((1 - 1 / math.e) / 2.3504024)
    assert pd.isna(value(frame, "dm", "distilled-plain", AUGMENTATION))


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"made": "another file"}, "which have no row under rded-hard"),
        ({"dataset_digest": "other images"}, "which have no row under rded-hard"),
        ({"architecture": "resnet18"}, "which have no row under rded-hard"),
        ({"protocol_version": "1"}, "which have no row under rded-hard"),
        ({"threads": 2}, "which have no row under rded-hard"),
    ],
)
def test_another_set_or_another_training_is_not_compared(make, changes, wrong):
    records = two_protocols(make)[:-2]
    frame = table([*records, *make("dm", 0.75, [0.5], **HARD | changes), *make("full", 0.0, [0.9], **HARD | changes)])
    soft = frame[(frame["method"] == "dm") & (frame["protocol"] == "rded")]
    assert soft[LABEL].isna().all()
    assert wrong in render(frame, "md", (LABEL,))


def test_a_missing_row_is_named_under_the_table_and_on_a_terminal(make):
    frame = table([*two_protocols(make), *make("ccs", 0.75, [0.4], protocol="mine.toml", labels="hard")])
    text = render(frame, "md", (LABEL, AUGMENTATION))
    assert "| Label-robust |" in text
    assert "0.228" in text
    label = "Label-robust score on photodigits under"
    assert f"{label} rded-hard: missing for dm, full, beside which there is no row random under rded-hard." in text
    assert f"{label} rded: missing for random, which have no row under rded-hard." in text
    assert f"{label} mine.toml: missing for ccs, beside which there is no row full under mine.toml." in text
    assert "Augmentation-robust score on photodigits under rded: missing for dm, random, whose protocol names" in text
    assert "missing" not in render(frame, "md")
    printed = io.StringIO()
    show(frame, Console(file=printed, width=400), (LABEL,))
    assert f"{label} rded: missing for random, which have no row under rded-hard" in printed.getvalue()


def test_records_that_say_no_labels_count_where_the_protocol_has_hard_ones_only(make):
    silent = {**AUG, "labels": ""}
    frame = table([
        *make("random", 0.75, [0.3], **silent), *make("dm", 0.75, [0.5], **silent), *make("full", 0.0, [0.9], **silent)
    ])  # fmt: skip
    assert value(frame, "dm", "distilled", LABEL) == pytest.approx((math.exp(-0.1) - 1 / math.e) / 2.3504024)
    frame = table([*make("random", 0.75, [0.3]), *make("dm", 0.75, [0.5]), *make("full", 0.0, [0.9])])
    assert frame[LABEL].isna().all()
    assert "whose records do not say by which labels they were trained" in render(frame, "md", (LABEL,))


def test_what_came_with_the_images_is_shown_unasked(make):
    frame = table(make("mtt", 0.75, [0.5, 0.6], labels="soft", learned_lr=0.02))
    text = render(frame, "md")
    assert "| Labels | Learned rate |" in text
    assert "| soft | 0.02 |" in text
    assert "learning rate that came with the images" in text
    assert "Learned rate" not in render(table(make("dm", 0.75, [0.5], labels="hard")), "md")
