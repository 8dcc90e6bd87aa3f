import io
import re
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console

from ccbench.errors import UserError
from ccbench.leaderboard import render, table
from ccbench.leaderboard.columns import CHOSEN
from ccbench.leaderboard.figure import draw, front
from ccbench.leaderboard.terminal import show

TAUGHT = {"teacher": "resnet18", "teacher_accuracy": 0.9, "teacher_bytes": 44_000_000}
LAST = ["colorfulness", "color_distance", "teacher", "teacher_accuracy", "teacher_bytes", "images", "ipc",
        "bits_per_pixel", "compress_seconds", "construction_seconds"]  # fmt: skip


def row(frame, method, **where):
    found = frame[frame["method"] == method]
    for name, value in where.items():
        found = found[found[name] == value]
    assert len(found) == 1
    return found.iloc[0]


def head(frame, fmt="md", chosen=()):
    text = render(frame, fmt, chosen)
    return next(line for line in text.splitlines() if line.startswith("| Method")).strip("| ").split(" | ")


def test_new_columns_come_last_and_are_means_over_seeds(make):
    one = make("dcq", 0.75, [0.6], images=100, colorfulness=30.0, color_distance=0.1, **TAUGHT)
    two = make("dcq", 0.75, [0.8], images=103, colorfulness=32.0, color_distance=0.3, **TAUGHT | {"teacher_bytes": 2})
    frame = table([*one, replace(two[0], seed=1)])
    assert set(LAST) < set(frame.columns[17:])
    found = row(frame, "dcq")
    assert found["n_seeds"] == 2
    assert (found["colorfulness"], found["color_distance"]) == (pytest.approx(31), pytest.approx(0.2))
    assert (found["images"], found["ipc"]) == (pytest.approx(101.5), pytest.approx(10.15))  # photodigits: 10 classes
    assert (found["teacher"], found["teacher_accuracy"], found["teacher_bytes"]) == ("resnet18", 0.9, 22_000_001)


def test_classes_come_from_the_record_first_and_may_be_unknown(make):
    four = make("dcq", 0.75, [0.6], images=40, classes=4)
    frame = table([*four, *make("ccs", 0.75, [0.6], images=40, dataset="folder:pictures")])
    assert row(frame, "dcq")["ipc"] == 10
    assert pd.isna(row(frame, "ccs")["ipc"])
    assert row(frame, "ccs")["images"] == 40


def test_teachers_are_never_averaged_together(make):
    frame = table([
        *make("rded", 0.75, [0.5, 0.6], **TAUGHT),
        *make("rded", 0.75, [0.8, 0.9], **TAUGHT | {"teacher": "resnet50@0a1b"}),
        *make("rded", 0.75, [0.2]),
    ])  # fmt: skip
    means = dict(zip(frame["teacher"], frame["accuracy_mean"], strict=True))
    assert means == {
        "resnet18": pytest.approx(0.55), "resnet50@0a1b": pytest.approx(0.85), "": pytest.approx(0.2),
    }  # fmt: skip
    assert set(frame["status"]) == {"ok"}


def test_differences_are_taken_to_the_same_teacher_or_to_none(make):
    frame = table([
        *make("random", 0.75, [0.4], **TAUGHT),
        *make("random", 0.75, [0.3]),
        *make("full", 0.0, [0.9], **TAUGHT),
        *make("rded", 0.75, [0.6], **TAUGHT),
        *make("dc3", 0.75, [0.6], teacher="vit"),
    ])  # fmt: skip
    rded, dc3 = row(frame, "rded"), row(frame, "dc3")
    assert rded["diff_random"] == pytest.approx(0.2)
    assert rded["diff_full"] == pytest.approx(-0.3)
    assert dc3["diff_random"] == pytest.approx(0.3)  # random without a teacher; the other one's is no yardstick
    assert pd.isna(dc3["diff_full"])


def test_tables_show_further_columns_only_when_asked_and_where_there_is_a_value(make):
    frame = table(make("dcq", 0.75, [0.6], colorfulness=31.256, images=1297))
    assert "Colourfulness" not in head(frame)
    shown = head(frame, chosen=("ipc", "colorfulness", "color_distance"))
    assert shown[9:] == ["IPC", "Colourfulness", "Status"]  # no value, no column
    text = render(frame, "md", ("ipc", "colorfulness"))
    assert "| 129.7 | 31.26 | ok |" in text
    assert "DC3" in text  # what is meant by colourfulness
    assert "DC3" not in render(frame, "md")
    assert '<th class="n">Colourfulness</th>' in render(frame, "html", ("colorfulness",))
    assert r"{lrrrrrrrrrl}" in render(frame, "latex", ("colorfulness",))
    console = Console(file=(told := io.StringIO()), width=200)
    show(frame, console, ("colorfulness",))
    assert "31.26" in told.getvalue()


def test_a_teacher_is_shown_unasked(make):
    frame = table([*make("rded", 0.75, [0.6], **TAUGHT), *make("random", 0.75, [0.4])])
    assert head(frame)[9:] == ["Teacher", "Teacher accuracy (%)", "Teacher bytes", "Status"]
    assert "| resnet18 | 90.00 | 44,000,000 | ok |" in render(frame, "md")
    assert "counts" in render(frame, "md")
    assert head(frame, chosen=("teacher_bytes",))[9:] == ["Teacher bytes", "Teacher", "Teacher accuracy (%)", "Status"]
    plain = table(make("random", 0.75, [0.4]))
    assert "Teacher" not in render(plain, "md")


def test_csv_has_every_column_whatever_is_chosen(make):
    frame = table(make("dcq", 0.75, [0.6], colorfulness=31.0))
    assert render(frame, "csv", ("colorfulness",)) == render(frame, "csv")
    assert pd.read_csv(io.StringIO(render(frame, "csv")))["colorfulness"].tolist() == [31.0]


@pytest.mark.parametrize("fmt", ["csv", "md", "html", "latex"])
def test_an_unknown_column_is_an_error_that_names_the_known_ones(make, fmt):
    frame = table(make("dcq", 0.75, [0.6]))
    with pytest.raises(UserError, match="colourfulness") as error:
        render(frame, fmt, ("colourfulness",))
    assert "did you mean 'colorfulness'" in str(error.value)
    assert ", ".join(CHOSEN) in str(error.value)


def test_the_figure_has_a_line_for_each_teacher(make):
    frame = table([
        *make("rded", 0.75, [0.5], **TAUGHT), *make("rded", 0.5, [0.6], **TAUGHT),
        *make("rded", 0.75, [0.7], teacher="vit"), *make("full", 0.0, [0.9], **TAUGHT),
    ])  # fmt: skip
    labels = draw(frame).axes[0].get_legend_handles_labels()[1]
    assert sorted(labels) == ["full, teacher resnet18", "rded, teacher resnet18", "rded, teacher vit"]
    one = table([*make("rded", 0.75, [0.5], **TAUGHT), *make("full", 0.0, [0.9], **TAUGHT)])
    assert sorted(draw(one).axes[0].get_legend_handles_labels()[1]) == ["full", "rded"]


def test_names_of_teachers_stay_text(make):
    frame = table(make("rded", 0.75, [0.6], teacher="a|<b>_c_"))
    line = next(line for line in render(frame, "md").splitlines() if "rded" in line)
    assert len(re.split(r"(?<!\\)\|", line)) == 13
    assert "<b>" not in render(frame, "html")


def test_the_front_by_hand(make):
    frame = table([
        *make("a", 0.9, [0.5], measured_ratio=0.9),
        *make("b", 0.9, [0.6], measured_ratio=0.9),  # as many bytes as a, and better
        *make("a", 0.8, [0.55], measured_ratio=0.8),  # more bytes than b, and worse
        *make("c", 0.7, [0.6], measured_ratio=0.7),  # no better than b
        *make("a", 0.5, [0.9], measured_ratio=0.5),
        *make("c", 0.99, ["failed"]),
    ])  # fmt: skip
    found = front(frame[frame["accuracy_mean"].notna()])
    assert list(zip(found["method"], found["kept"].round(6), strict=True)) == [("b", 10.0), ("a", 50.0)]
    figure = draw(frame)
    (line,) = [x for x in figure.axes[0].get_lines() if x.get_label() == "Pareto front"]
    assert line.get_xydata().ravel().tolist() == pytest.approx([10, 60, 50, 90])


def test_one_row_is_no_front(make):
    figure = draw(table(make("a", 0.9, [0.5])))
    assert "Pareto front" not in figure.axes[0].get_legend_handles_labels()[1]


def test_a_legend_of_many_methods_is_whole(make):
    figure = draw(table([r for i in range(30) for r in make(f"method-{i:02}", 0.9, [0.5])]))
    figure.canvas.draw()
    box = figure.axes[0].get_legend().get_window_extent()
    assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1


def test_bits_and_seconds_can_be_shown(make):
    times = {"compress_seconds": 2.0, "construction_seconds": 1234.5}
    frame = table([*make("dcq", 0.75, [0.6], measured_ratio=0.875, **times), *make("ccs", 0.75, [0.6])])
    assert row(frame, "dcq")["bits_per_pixel"] == 3
    assert pd.isna(row(frame, "ccs")["construction_seconds"])
    chosen = ["bits_per_pixel", "compress_seconds", "construction_seconds"]
    lines = render(frame, "md", chosen).splitlines()
    assert "| 3.000 | 2.0 | 1,234.5 |" in next(line for line in lines if line.startswith("| dcq"))
