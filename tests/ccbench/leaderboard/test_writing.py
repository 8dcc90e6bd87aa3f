import io
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ccbench.errors import UserError
from ccbench.leaderboard import render, table, write
from ccbench.leaderboard.figure import _marks, draw, png
from ccbench.records.record import write_record


@pytest.fixture
def out(tmp_path, make):
    records = [
        *make("full", 0.0, [0.9]),
        *make("random", 0.75, [0.4, 0.5]),
        *make("dcq", 0.75, [0.7, 0.8]),
        *make("dcq", 0.5, [0.85]),
    ]
    for record in records:
        write_record(record, tmp_path)
    return tmp_path


def test_the_three_files(out):
    frame = write(out)
    names = sorted(p.name for p in out.iterdir() if p.is_file())
    assert names == ["leaderboard.csv", "leaderboard.md", "leaderboard.png"]
    assert (out / "leaderboard.csv").read_text() == render(frame, "csv")
    assert "![" in (out / "leaderboard.md").read_text()
    image = np.asarray(Image.open(out / "leaderboard.png").convert("RGB"))
    assert image.min() < 50 < 200 < image.max()
    assert min(image.shape[:2]) > 300


def test_the_same_records_give_the_same_bytes(out):
    write(out)
    before = {p.name: p.read_bytes() for p in out.glob("leaderboard.*")}
    write(out)
    assert {p.name: p.read_bytes() for p in out.glob("leaderboard.*")} == before


def test_damaged_records_are_named_in_the_table(out):
    next(out.rglob("*.1.json")).write_text("{")
    frame = write(out)
    assert "left out" in frame.attrs["notes"][-1]
    assert "left out" in (out / "leaderboard.md").read_text()


def test_no_records(tmp_path):
    with pytest.raises(UserError, match="no result records"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_figure_shows_the_numbers(make):
    records = [
        *make("full", 0.0, [0.9]),
        *make("dcq", 0.75, [0.7, 0.8]),
        *make("dcq", 0.5, [0.85]),
        *make("_x$y$", 0.75, ["failed"]),
    ]
    axis = draw(table(records)).axes[0]
    assert "%" in axis.get_xlabel()
    assert "%" in axis.get_ylabel()
    line = next(c for c in axis.containers if c.get_label() == "dcq")
    x, y = line.lines[0].get_data()  # type: ignore[attr-defined]
    assert sorted(zip(x.round(6), y.round(6), strict=True)) == [
        (26.0, 75.0),
        (51.0, 85.0),
    ]  # measured: 1 - 0.74, 1 - 0.49
    dashed = next(item for item in axis.lines if item.get_label() == "full")
    assert set(dashed.get_ydata()) == {90.0}
    assert dashed.get_linestyle() == "--"


def test_bytes_are_shown_beside_the_raw_images(make):
    """Where files are held to bytes: 1,000,000 bytes that are a hundredth of the raw ones, half of which full takes."""
    held = {"match": "bytes", "measured_ratio": 0.99}
    records = [
        *make("jpeg", 0.99, [0.7], bytes=1_000_000, **held),
        *make("full", 0.0, [0.9], bytes=50_000_000, match="bytes", measured_ratio=0.5),
    ]
    axes = draw(table(records)).axes[0]
    assert "bytes of the file" in axes.get_xlabel()
    (line,) = [c for c in axes.containers if c.get_label() == "jpeg"]
    x, y = line.lines[0].get_data()  # type: ignore[attr-defined]
    assert (x.tolist(), y.tolist()) == ([1_000_000], pytest.approx([70]))
    places = {item.get_label(): item.get_xdata()[0] for item in axes.lines if item.get_linestyle() in {"-.", ":"}}
    assert places == pytest.approx({"24-bit pixels": 1e8, "file of full": 5e7}, rel=1e-6)
    mixed = draw(table([*records, *make("dcq", 0.75, [0.7])])).axes[0]
    assert "%" in mixed.get_xlabel()
    assert "24-bit pixels" not in mixed.get_legend_handles_labels()[1]


@pytest.mark.parametrize("span", [1.5, 10, 40, 300, 1e4, 1e6])
def test_marks_of_an_axis_can_be_read(span):
    assert 1 <= len(_marks(span)) * math.log10(span) + 1 < 9


def test_the_figure_takes_odd_tables(make):
    odd = [
        [],
        make("dcq", 0.75, ["failed"]),
        make("full", 0.0, [0.5]),
        make("a$b_$\\frac{", 0.75, [0.5]),
        [r for i in range(13) for r in make(f"m{i}", 0.75, [0.5], dataset=f"d{i}")],
        make("big", 0.0, [0.5], measured_ratio=-0.5),
    ]
    for records in odd:
        assert png(table(records)).startswith(b"\x89PNG")


def test_drawing_leaves_no_global_figure(make):
    code = (
        "import sys\nfrom ccbench.leaderboard import table\nfrom ccbench.leaderboard.figure import png\n"
        "png(table([]))\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_csv_alone_gives_the_table_back(out):
    frame = write(out)
    back = pd.read_csv(io.BytesIO((out / "leaderboard.csv").read_bytes()), dtype={"protocol_version": str})
    for name in ("accuracy_mean", "accuracy_std", "diff_random", "ratio"):
        np.testing.assert_allclose(back[name], frame[name], rtol=1e-7)
