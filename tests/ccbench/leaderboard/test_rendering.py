import csv
import io
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccbench.errors import UserError
from ccbench.leaderboard import published, read_csv, render, table
from ccbench.leaderboard.escaping import from_spreadsheet, html_text, latex, markdown, spreadsheet

HOSTILE = [
    *[
        "a|b",
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "![x](http://y/z.png)",
        "_a_ *b* `c`",
        "a\nb | c",
    ],
    *[
        "\x1b[31mred",
        "a\\",
        "\\input{/etc/passwd}",
        "100% $x_1^2$ & #3 ~{}",
        "https://example.org",
        "a@b.org",
        "[",
        "*",
    ],
    *["# head", "\u202eabc", "&lt;"],
]


def split_row(line):
    """The cells of a Markdown table's row, as GitHub's rules read them: a backslash takes the meaning from any pipe."""
    return [c.strip() for c in re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1]]


def test_markdown_of_a_table_worked_by_hand(make):
    text = render(table([*make("random", 0.75, [0.4, 0.5]), *make("dcq[bits=2]", 0.75, [0.7])]), "md")
    lines = text.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("| Method"))
    assert "## photodigits, quicknet, protocol quick (version 1)" in lines
    assert split_row(lines[head]) == [
        "Method", "Ratio", "Nominal ratio", "Measured ratio", "Bytes", "Accuracy (%)", "n", "vs random (points)",
        "vs full (points)", "Status",
    ]  # fmt: skip
    assert split_row(lines[head + 2]) == [
        "dcq[bits=2]",
        "0.7500",
        "0.7500",
        "0.7400",
        "1,000",
        "70.00",
        "1",
        "+25.00",
        "",
        "ok",
    ]
    assert split_row(lines[head + 3])[5] == "45.00 ± 7.07"
    assert "nan" not in text.lower().replace("nominal", "")


def test_two_protocols_never_share_a_table(make):
    frame = table([*make("dcq", 0.75, [0.7]), *make("dcq", 0.75, [0.9], protocol="dcq-cifar")])
    for fmt, mark in (("md", "## "), ("html", "<h2>"), ("latex", r"\begin{tabular}")):
        assert render(frame, fmt).count(mark) == 2


def test_csv_keeps_fractions_and_every_column(make):
    frame = table([*make("dcq", 0.75, [0.7, 0.8]), *make('a,b"c', 0.75, ["failed"])])
    back = pd.read_csv(io.StringIO(render(frame, "csv")))
    assert list(back.columns) == list(frame.columns)
    assert back["accuracy_mean"].tolist()[0] == pytest.approx(0.75)
    assert list(back["method"]) == ["dcq", 'a,b"c']
    assert pd.isna(back["accuracy_mean"].iloc[1])


@pytest.mark.parametrize("fmt", ["csv", "md", "html", "latex"])
def test_half_a_surrogate_can_be_written(make, fmt):
    render(table(make("folder-\udcff", 0.75, [0.5])), fmt).encode()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(make, name):
    frame = table([*make(name, 0.75, [0.5]), *make("dcq", 0.75, ["failed"], reason=name)])
    text = render(frame, "md")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 4  # head, rule and two rows: no name has broken a line
    assert {len(split_row(line)) for line in rows} == {10}
    assert "\x1b" not in text
    for line in rows:
        assert not re.search(r"(?<!\\)<[a-z/!]", line)
        assert not re.search(r"(?<!\\)\]\(", line)
        assert not re.search(r"(?<!\\)://", line)

    class Reader(HTMLParser):
        tags: set[str] = set()  # noqa: RUF012
        cells: list[str] = []  # noqa: RUF012
        inside = False

        def handle_starttag(self, tag, attrs):
            self.tags.add(tag)
            self.inside = tag == "td"
            if self.inside:
                self.cells.append("")

        def handle_endtag(self, tag):
            self.inside = False

        def handle_data(self, data):
            if self.inside:
                self.cells[-1] += data

    reader = Reader()
    reader.tags, reader.cells = set(), []
    reader.feed(render(frame, "html"))
    known = {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "p",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert reader.tags <= known
    assert len(reader.cells) == 20
    shown = re.sub(r"[\x00-\x1f\x7f-\x9f\u202e]+", " ", name).strip()
    assert reader.cells[0] == shown  # and nothing of the name is lost

    tex = render(frame, "latex")
    body = [line for line in tex.splitlines() if line.endswith(r"\\")]
    assert len(body) == 3
    for line in body:
        assert len(re.findall(r"(?<!\\)&", line)) == 9
        assert not re.search(r"(?<!\\)[#%$_](?!\\pm|\\cdot)", line.replace(r"$\pm$", ""))
        assert r"\input" not in line
        assert not line.startswith(("[", "*"))


@settings(max_examples=200)
@given(st.text())
def test_markdown_escaping_can_be_undone(text):
    line = markdown(text)
    assert "\n" not in line
    assert not re.search(r"(?<!\\)(?:\\\\)*\|", line)
    plain = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", line)  # what CommonMark makes of backslashes
    assert html_text(plain) == html_text(text)


@settings(max_examples=200)
@given(st.text(alphabet=st.characters(max_codepoint=0x2FF)))
def test_latex_has_no_live_character(text):
    line = re.sub(r"\\(?:text[a-z]+|ldots)\{\}|\\[{}$&#%_]|\$\\[a-z]+\$", "", latex(text).removeprefix("{}"))
    assert not set(line) & set("\\{}$&#%_^~\n")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(st.text(min_size=1, max_size=40), st.text(max_size=40))
def test_any_name_renders_in_every_format(make, name, reason):
    frame = table([*make(name, 0.75, [0.5, "failed"], reason=reason), *make("random", 0.75, [0.5])])
    for fmt in ("csv", "md", "html", "latex"):
        assert render(frame, fmt)


def test_unknown_format(make):
    with pytest.raises(UserError, match="csv, md, html, latex"):
        render(table(make("dcq", 0.75, [0.5])), "pdf")


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''x", '=HYPERLINK("http://a","b")', "-2+3,x"]


@pytest.mark.parametrize("name", FORMULAS)
def test_no_spreadsheet_runs_a_name_and_it_reads_back_the_same(make, name, tmp_path):
    frame = table([*make(name, 0.75, [0.5], dataset=name), *make("random", 0.75, [0.7, "failed"], dataset=name)])
    text = render(frame, "csv")
    file = tmp_path / "board.csv"
    file.write_bytes(text.encode())
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    numbers = {c for c in header if pd.api.types.is_numeric_dtype(frame[c].dtype)}
    for row in rows:
        for column, cell in zip(header, row, strict=True):
            assert column in numbers or not cell.startswith(("=", "+", "-", "@", "\t", "\r")), (column, cell)
    assert any(cell.startswith("-") for row in rows for cell in row)  # a number below 0 stays one
    back = read_csv(file)
    for column in ("method", "dataset", "status", "architecture"):
        assert back[column].tolist() == frame[column].tolist()
    assert back["diff_random"].tolist() == pytest.approx(frame["diff_random"].tolist(), nan_ok=True)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_from_a_spreadsheet(text):
    cell = spreadsheet(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert from_spreadsheet(cell) == text


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b'"'])
def test_what_is_no_board_is_named(tmp_path, content):
    file = tmp_path / "board.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"board\.csv is not a leaderboard"):
        read_csv(file)


def test_published_names_are_read_as_they_were(tmp_path, monkeypatch):
    (tmp_path / "published").mkdir()
    head = "method,label,dataset,architecture,ratio,ratio_printed,bits,accuracy,accuracy_std,source,note"
    (tmp_path / "published" / "x.csv").write_text(f"{head}\n,'=X,cifar10,resnet18,0.9,,,0.5,,a paper,\n")
    monkeypatch.setattr("ccbench.leaderboard.numbers.registry", lambda: tmp_path)
    assert published()["method"].tolist() == ["=X"]
