import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ccbench.commands import ccbench_commands

GREETING = """
import click
from ccbench import CommandSpec, hookimpl

@hookimpl
def ccbench_commands():
    return [CommandSpec(name="greet", target="greeting:greet", summary="Says hello."),
            CommandSpec(name="broken", target="greeting:nothing", summary="Cannot be loaded."),
            CommandSpec(name="odd", target="greeting:ccbench_commands", summary="Is no command.")]

@click.command()
@click.option("--code", type=int, default=0)
@click.option("--fault", type=click.Choice(["user", "interrupt", "bug"]))
def greet(code, fault):
    if fault == "user":
        from ccbench import UserError
        raise UserError("it is raining", found="no umbrella", mend="take one")
    if fault == "interrupt":
        raise KeyboardInterrupt
    if fault == "bug":
        raise ZeroDivisionError("a defect")
    click.echo("hello")
    return code
"""


def python(*args, **kwargs):
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, timeout=120, check=False, **kwargs)


def imported(*args):
    """The modules that a command line imports, in a fresh process."""
    code = f"import sys\nfrom ccbench.__main__ import main\nmain({list(args)!r})\nprint(*sys.modules, file=sys.stderr)"
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stderr.split()}, done.stdout


def test_help_imports_no_subcommand_and_nothing_heavy():
    code = "import sys\nfrom ccbench.__main__ import main\nmain(['--help'])\nprint(*sys.modules, file=sys.stderr)"
    done = python("-c", code)
    modules = set(done.stderr.split())
    for spec in ccbench_commands():
        assert spec.name in done.stdout
        assert f"ccbench.commands.{spec.name}" not in modules
    assert not {name.split(".")[0] for name in modules} & {
        "numpy",
        "torch",
        "pandas",
        "rich",
        "matplotlib",
        "cc_plugins",
    }


@pytest.mark.parametrize("args", [["list"], ["describe", "dcq"], ["plugins"]], ids=" ".join)
def test_listing_and_describing_import_nothing_heavy(args):
    modules, out = imported(*args)
    assert "dcq" in out
    assert not modules & {"torch", "torchvision", "timm", "pandas", "sklearn", "matplotlib"}


@pytest.mark.parametrize("name", [spec.name for spec in ccbench_commands()])
def test_every_subcommand_loads_and_has_help(ccbench, name):
    done = ccbench(name, "--help")
    assert done.code == 0
    assert done.out.startswith(f"Usage: ccbench {name}")


def test_unknown_command(ccbench):
    done = ccbench("leaderbord")
    assert done.code == 2
    assert "did you mean 'leaderboard'?" in done.err
    assert done.out == ""
    assert ccbench("list", "--jsn").code == 2
    assert ccbench("--nonsense").code == 2


def test_version(ccbench):
    done = ccbench("--version")
    assert done.code == 0
    assert done.out.startswith("ccbench ")


def test_a_plugins_command(ccbench, module):
    module("greeting", GREETING)
    shown = ccbench("-p", "greeting", "--help")
    assert "Says hello." in shown.out
    assert ccbench("-p", "greeting", "greet").out == "hello\n"
    assert os.environ["CCBENCH_PLUGINS"] == "greeting"  # once, and for workers to see
    assert ccbench("greet", "--code", "7").code == 7


def test_exit_codes(ccbench, module):
    module("greeting", GREETING)
    fault = ccbench("-p", "greeting", "greet", "--fault", "user")
    assert (fault.code, fault.out) == (2, "")
    assert fault.err == "error: it is raining\n  found: no umbrella\n  mend:  take one\n"
    stopped = ccbench("greet", "--fault", "interrupt")
    assert stopped.code == 130
    assert stopped.err == "interrupted\n"
    with pytest.raises(ZeroDivisionError):  # a defect keeps its traceback
        ccbench("greet", "--fault", "bug")


def test_a_plugins_command_that_cannot_be_loaded(ccbench, module):
    module("greeting", GREETING)
    for name, reason in (("broken", "cannot be loaded"), ("odd", "is not a click.Command")):
        done = ccbench("-p", "greeting", name)
        assert done.code == 2
        assert reason in done.err
        assert "Traceback" not in done.err


def test_a_named_plugin_must_work(ccbench, module):
    module("raining", "raise RuntimeError('wet')")
    done = ccbench("-p", "raining", "list")
    assert done.code == 2
    assert "RuntimeError: wet" in done.err
    missing = ccbench("-p", "no_such_module", "list")
    assert missing.code == 2
    assert "no_such_module" in missing.err
    assert ccbench("-p", "raining", "plugins").code == 0


def test_strict_plugins(ccbench, module, monkeypatch):
    module("raining", "raise RuntimeError('wet')")
    monkeypatch.syspath_prepend(Path.cwd())
    monkeypatch.setenv("CCBENCH_PLUGINS", "raining")
    lenient = ccbench("list", "methods")
    assert lenient.code == 0
    assert "dcq" in lenient.out
    assert "raining" in lenient.err
    strict = ccbench("--strict-plugins", "list", "methods")
    assert strict.code == 2
    assert "RuntimeError: wet" in strict.err
    assert ccbench("--help").code == 0


def test_our_command_wins_over_a_plugins(ccbench, module):
    module("thief", GREETING.replace("greet", "list").replace("greeting:", "thief:"))
    assert "methods" in ccbench("list").out
    done = ccbench("-p", "thief", "list")
    assert done.code == 2  # named, and it clashes
    assert "offered by both" in done.err


def test_a_reader_that_leaves_early():
    done = python("-c", (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-m', 'ccbench', 'list', '--json'], stdout=-1, stderr=-1)\n"
        "p.stdout.close()\n"
        "print(p.stderr.read().decode(), p.wait())"
    ))  # fmt: skip
    assert "Traceback" not in done.stdout
    assert "BrokenPipe" not in done.stdout


def test_interrupting_a_real_process(tmp_path):
    (tmp_path / "sleeping.py").write_text(
        "import click, time\nfrom ccbench import CommandSpec, hookimpl\n\n"
        "@hookimpl\ndef ccbench_commands():\n"
        "    return [CommandSpec(name='sleep', target='sleeping:sleep', summary='Sleeps.')]\n\n"
        "@click.command()\ndef sleep():\n    print('asleep', flush=True)\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-m", "ccbench", "-p", "sleeping", "sleep"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that runs the tests in its background has them ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout.readline() == "asleep\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "interrupted\n"


@pytest.mark.parametrize(
    ("command", "goes_on"),
    [
        (("run", "-m", "random", "--ratio", "0.5", "-d", "stopped", "-q"), True),
        (("compress", "-m", "random", "--ratio", "0.5", "-d", "stopped", "a.ccb"), True),
        (("teacher", "-d", "stopped"), False),
        (("check", "stopped"), False),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_interrupted_while_a_dataset_is_opened(ccbench, module, command, goes_on):
    module(
        "stopping",
        "from ccbench import DatasetSpec, hookimpl\n\ndef stopped():\n    raise KeyboardInterrupt\n\n"
        "@hookimpl\ndef ccbench_datasets():\n"
        "    return [DatasetSpec(name='stopped', target='stopping:stopped', version='1', summary='for tests')]\n",
    )
    done = ccbench("-p", "stopping", *command)
    assert done.code == 130
    said = "interrupted; the same command goes on where it stopped" if goes_on else "interrupted"
    assert done.err == f"{said}\n"


def test_every_spec_points_at_a_command():
    for spec in ccbench_commands():
        spec.check()
        assert isinstance(spec.load(), click.Command)
        assert spec.summary.endswith(".")


def test_a_plugin_is_named_by_its_file(ccbench, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere" / "greeting.py"
    file.write_text(GREETING)
    done = ccbench("-p", file, "greet")
    assert (done.code, done.out) == (0, "hello\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.py", "there is no plugin file"),
        ("random.py", "cannot be imported by its name"),
        ("my-plugin.py", "'my-plugin' is no name of a module"),
        ("recipe.toml", "ccbench run --protocol"),
    ],
)
def test_files_that_are_no_plugin(ccbench, tmp_path, name, said):
    if name != "gone.py":
        (tmp_path / name).write_text("")
    done = ccbench("-p", tmp_path / name, "list", "methods")
    assert done.code == 2
    assert said in done.err
