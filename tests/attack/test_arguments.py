"""Command lines that nobody should write."""

import random

import click
import pytest

from ccbench.commands._root import cli
from tests.attack.conftest import cases, fault_of

VALUES = (
    "", " ", "0", "-1", "1", "0.92", "0.5", "1e999", "1e999999999", "-1e999999999", "nan", "inf", "1/0", "1/3", "0x10",
    "9" * 400, "1e-400", "½", "٣", "1,2,3", ",", ",,", "all", "all-codecs", "all-nobody", "dcq", "dcq[", "dcq]",
    "dcq[]", "dcq[clusters=1e9]", "dcq[bits=1e99999999]", "dcq+dcq", "+", "random+", "ccs[fraction=0.5]+dcq[bits=2]",
    "random[random[random[]]]", "[" * 3000, "a" * 300, "a" * 70_000, "../..", "/", "/dev/null", "/dev/zero",
    "/proc/self/mem", "folder:", "folder:/", "folder:.", "folder:nowhere", "photodigits", "cifar10", "quick",
    "./quick.toml", "quicknet", "quicknet[width=0]", "quicknet[width=99999999999]", "resnet18", "8GB", "1.2.3GB",
    "99999999999999999999TB", "-5MB",
    "\ud800", "\x00", "\n", "\x1b[2J", "‮", "🐈", "--", "--help", "-",
    "=cmd()", "$HOME", "`id`", "%s%n", "None", "true",
)  # fmt: skip
COMMANDS = ("plan", "list", "describe", "inspect", "leaderboard", "export", "evaluate", "compress", "plugins", "doctor")


def _options(name):
    command = cli.get_command(click.Context(cli), name)
    return [p for p in command.params if isinstance(p, click.Option)], [
        p for p in command.params if isinstance(p, click.Argument)
    ]


def draw(rng):
    """A command with up to five options and arguments."""
    name = rng.choice(COMMANDS)
    options, arguments = _options(name)
    words = [rng.choice(VALUES) for _ in arguments if rng.random() < 0.7]
    for option in rng.sample(options, min(len(options), rng.randrange(5))):
        words.append(rng.choice(option.opts))
        if not option.is_flag and rng.random() < 0.95:
            words.append(rng.choice(VALUES))
    rng.shuffle(words) if rng.random() < 0.2 else None
    if rng.random() < 0.3:
        words += ["-m", rng.choice(["random", "dcq", "ccs"]), "--ratio", rng.choice(VALUES)]
    return [name, *(w for w in words if "\x00" not in w)]


@pytest.mark.parametrize("seed", [0])
@cases(30, 3000)
def test_command_lines(call, tally, tmp_path, many, seed):
    rng = random.Random(seed)
    place = tmp_path / "here"
    place.mkdir()
    for _ in range(many):
        words = draw(rng)
        words = [w.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if "\ud800" in w else w for w in words]
        done = call(*words, folder=place, seconds=60)
        fault = fault_of(done, *words)
        left = [p.name for p in place.rglob("*.part")]
        tally.count(fault or (f"left {left}: {words}" if left else ""))
