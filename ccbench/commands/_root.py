"""The command line's root: subcommands are listed from specs and imported only when they are called."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccbench.commands import ccbench_commands
from ccbench.errors import UserError
from ccbench.offers.specs import CommandSpec, did_you_mean

if TYPE_CHECKING:
    from ccbench.offers.discovery import Plugins

VARIABLE = "CCBENCH_PLUGINS"  # workers inherit the environment, so that they see the same plugins
FORGIVING = {"plugins", "doctor"}  # they show what is broken, so a broken plugin must not stop them
GOES_ON = {"run", "compress"}  # what they did before they were interrupted is found by the same command


class LazyGroup(click.Group):
    """A click group whose subcommands are specs until one of them is called."""

    def own(self) -> dict[str, CommandSpec]:
        """The harness's commands by name; reads no entry points."""
        return {spec.name: spec for spec in ccbench_commands()}

    def foreign(self) -> dict[str, CommandSpec]:
        """Commands of other distributions' plugins; imports plugins only where there are any."""
        if not os.environ.get(VARIABLE) and not _others_installed():
            return {}
        own = self.own()
        return {name: spec for name, spec in _plugins().all("command").items() if name not in own}  # type: ignore[misc]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names: ours in their own order, then the plugins'."""
        return [*self.own(), *self.foreign()]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one subcommand, or None where no one offers it."""
        spec = self.own().get(name)
        if spec is not None:
            return spec.load()
        if name not in self.foreign():
            return None
        spec = _plugins().get("command", name)
        try:
            command = spec.load()
        except Exception as error:
            raise UserError(
                f"the command {name!r} of {_owner(name)} cannot be loaded",
                found=f"{type(error).__name__}: {error}",
                mend="mend or uninstall that plugin",
            ) from error
        if not isinstance(command, click.Command):
            raise UserError(
                f"the command {name!r} of {_owner(name)} is not a click.Command",
                found=repr(command),
                mend="mend or uninstall that plugin",
            )
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; an unknown name gets a suggestion."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            ctx.fail(f"No such command {name!r}{did_you_mean(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the subcommand; Ctrl-C is said here, since click prints an empty line for it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            more = "; the same command goes on where it stopped" * (ctx.invoked_subcommand in GOES_ON)
            click.echo(f"interrupted{more}", err=True)
            return 130

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write names and summaries for ``--help`` without importing a subcommand."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, spec.summary) for name, spec in self.own().items()])
        foreign = self.foreign()
        if foreign:
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, f"{spec.summary} ({_owner(name)})") for name, spec in foreign.items()])


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        import ccbench

        click.echo(f"ccbench {ccbench.__version__}")
        ctx.exit()


def _add_plugins(ctx: click.Context, _: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Runs before --help is answered, so that a plugin's commands are listed too."""
    names = tuple(_module(name.strip()) for text in given for name in text.split(",") if name.strip())
    if names:
        here = [name for name in os.environ.get(VARIABLE, "").split(",") if name]
        os.environ[VARIABLE] = ",".join(dict.fromkeys([*here, *names]))
        folder = str(Path.cwd())
        if not {"", folder} & set(sys.path):  # a module in this folder; last, so that it hides nothing
            sys.path.append(folder)
        from ccbench.offers.discovery import plugins

        plugins.cache_clear()
    return names


def _module(text: str) -> str:
    """The module that was meant: a name stays, ``./folder/file.py`` becomes importable as ``file``."""
    path = Path(text)
    if path.suffix == ".toml":
        raise UserError(
            "-p before the command names a plugin, and a recipe file is none",
            found=text,
            mend=f"ccbench run --protocol {text}",
        )
    if path.suffix != ".py":
        return text
    if not path.is_file():
        raise UserError(f"there is no plugin file {text}", mend="name a Python file, or a module without .py")
    place = path.resolve()
    other = find_spec(path.stem) if path.stem.isidentifier() else None
    if not path.stem.isidentifier() or (other and other.origin != str(place)):
        found = f"{path.stem} is {other.origin}" if other else f"{path.stem!r} is no name of a module"
        raise UserError(f"{text} cannot be imported by its name", found=found, mend="give the file another name")
    sys.path.append(str(place.parent))  # last, so that it hides nothing; workers get the same path
    return path.stem


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "-p",
    "--plugin",
    "named",
    multiple=True,
    metavar="MODULE|FILE.py",
    is_eager=True,
    callback=_add_plugins,
    help="Also load this module's plugins; may be repeated. A module of the current folder will do.",
)
@click.option("--strict-plugins", is_flag=True, help="Stop when any plugin is broken.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def cli(ctx: click.Context, named: tuple[str, ...], strict_plugins: bool) -> None:
    """Compress image datasets at one matched budget, train on what is left, compare.

    A ratio is the fraction of a dataset's raw 24-bit bytes that is removed: --ratio 0.92 keeps 8 %.
    """
    if not strict_plugins and (not named or ctx.invoked_subcommand in FORGIVING):
        return
    # whoever names a module wants it to work; other broken plugins stop only a strict run
    broken = [p for p in _plugins().broken() if strict_plugins or p.name in named]
    if broken:
        raise UserError(
            f"{len(broken)} broken plugin{'s' * (len(broken) > 1)}",
            found="; ".join(f"{p.name} of {p.distribution}: {' / '.join(p.errors)}" for p in broken),
            mend="ccbench plugins --verbose shows where",
        )


def _plugins() -> Plugins:
    from ccbench.offers.discovery import plugins

    return plugins()


def _owner(name: str) -> str:
    found = _plugins().owner("command", name)
    return found.distribution if found else "an unknown plugin"


def _others_installed() -> bool:
    """Whether any other distribution has an entry point of ours."""
    from importlib.metadata import entry_points

    distributions: dict[int, Any] = {id(point.dist): point.dist for point in entry_points(group="ccbench")}
    return any(dist is None or dist.name != "ccbench" for dist in distributions.values())
