"""The command on a row's page makes that very row: held against our published rows."""

import shlex
from pathlib import Path

import pytest

from ccbench.commands import _options
from ccbench.commands.run import run
from ccbench.offers.discovery import plugins
from ccbench.publishing.again import command
from ccbench.publishing.board import gather
from ccbench.records.cells import ROW
from ccbench.runner.plan import Data, make_plan

BOARDS = sorted(path.parent for path in (Path(__file__).parents[3] / "leaderboards").glob("*/results"))


def cells(values):
    """The cells that the command of a row plans, on the data that its records name."""
    program, subcommand, *arguments = shlex.split(command(values))
    assert (program, subcommand) == ("ccbench", "run")
    given = run.make_context("run", arguments).params
    shape = plugins().get("dataset", values["dataset"]).shape
    data = Data(shape, values["dataset_digest"], values["test_digest"])
    return make_plan(_options.request(given), plugins(), lambda _: data, device="cpu").cells


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_the_command_plans_the_rows_own_cells(board, tmp_path):
    since = {"made"} if board.name == "cifar10" else set()  # its dcq and ccs are of an earlier stage's version
    lines = gather([board], tmp_path).lines
    assert len(lines) >= 2
    for line in lines:
        planned = cells(line.values)
        assert [cell.row for cell in planned] == [planned[0].row] * line.values["planned_seeds"]
        names = [name for name in ROW if name not in since]
        found, wanted = planned[0].row, line.values
        assert {name: found[name] for name in names} == {name: wanted[name] for name in names}, command(wanted)


@pytest.mark.parametrize("teacher", ["quicknet", "resnet18"])
def test_the_command_names_the_teachers_network(teacher):
    arguments = ["-m", "random", "-p", "rded", "-a", "quicknet", "--ratio", "0.9", "--seeds", "1", "--no-snap"]
    request = _options.request(run.make_context("run", [*arguments, "--teacher-arch", teacher]).params)
    data = Data(plugins().get("dataset", "photodigits").shape, "d1", "d2")
    (cell,) = make_plan(request, plugins(), lambda _: data, device="cpu").cells
    assert cell.teacher == teacher
    assert [other.row for other in cells({**cell.row, "planned_seeds": 1})] == [cell.row]
