"""A process that sees what it needs and nothing else: no network, and of the disk what a seal names (bubblewrap)."""

from __future__ import annotations

import getpass
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import connection
from pathlib import Path
from typing import Any

from ccbench.errors import UserError, few

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/nix/store")
_FENCE = ("--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev")
_LIBRARIES = ("libcuda.so*", "libnvidia-*.so*")  # a driver's own; all others come with torch
_KILLED = 128 + 9  # what bubblewrap ends with where its child was killed


@dataclass(frozen=True, kw_only=True)
class Seal:
    """What a process sees beside the system's programs, Python and what is installed for it; applied in this order.

    Attributes:
        writes: folders that it may write; made where they are missing.
        hides: folders that are empty for it, also within what it could read.
        reads: files and folders that it may read, also within what is hidden.
        modules: packages that it imports, wherever they lie.
    """

    writes: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    modules: tuple[str, ...] = ("ccbench",)


def check() -> None:
    """Whether processes can be sealed here.

    Raises:
        UserError: bubblewrap is not installed, or the system lets it make no namespaces.
    """
    if sys.platform != "linux":
        raise UserError("sealing needs Linux's namespaces", found=sys.platform, mend="leave --sealed out")
    if not shutil.which("bwrap"):
        raise UserError(
            "sealing needs bubblewrap", found="no program bwrap", mend="apt install bubblewrap, or leave --sealed out"
        )
    tried = subprocess.run(
        ["bwrap", *_FENCE, "--ro-bind", "/", "/", "true"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        raise UserError(
            "bubblewrap cannot make a sealed process here",
            found=" ".join(tried.stderr.split())[:300] or f"exit code {tried.returncode}",
            mend="allow user namespaces (sysctl kernel.unprivileged_userns_clone=1), or leave --sealed out",
        )


class SealedProcess:
    """A sealed process that calls :func:`ccbench.executors.local.live`, with the interface of multiprocessing's.

    Args:
        seal: what it sees.
        pipe: its end; what it is to do goes through the other one, as :func:`told` puts it.
    """

    def __init__(self, seal: Seal, pipe: connection.Connection) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ccbench-sealed-")
        try:
            command = [*_command(seal, Path(self._folder.name)), sys.executable, "-B", "-c", _MAIN, str(pipe.fileno())]
            self._process = subprocess.Popen(
                command, pass_fds=(pipe.fileno(),), stdin=subprocess.DEVNULL, start_new_session=True
            )
        except BaseException:
            self._folder.cleanup()
            raise
        self.pid = self._process.pid

    @property
    def exitcode(self) -> int | None:
        """As :attr:`multiprocessing.Process.exitcode`."""
        code = self._process.poll()
        return -9 if code == _KILLED else code

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, ``timeout`` seconds at most."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return
        self._folder.cleanup()

    def kill(self) -> None:
        """End it, and with it all that it started."""
        self._process.kill()


_MAIN = "import sys; from ccbench.executors import local; local.sealed(int(sys.argv[1]))"


def told(worker: Any, function: str, payload: dict[str, Any]) -> bytes:
    """What a sealed process reads first."""
    return json.dumps([asdict(worker), function, payload]).encode()


def _command(seal: Seal, temporary: Path) -> list[str]:
    """The command line before that of the process."""
    words = ["bwrap", *_FENCE, "--bind", str(temporary), tempfile.gettempdir()]
    if tempfile.gettempdir() != "/tmp":  # noqa: S108 - some libraries know no other place
        words += ["--tmpfs", "/tmp"]  # noqa: S108
    for place in (*_SYSTEM, *installed(seal.modules)):
        words += _shown(place)
    words += _gpus()
    for folder in seal.writes:
        Path(folder).mkdir(parents=True, exist_ok=True)
        words += ["--bind", folder, folder]
    words += [word for folder in seal.hides for word in ("--tmpfs", folder)]
    words += [word for place in seal.reads for word in ("--ro-bind", place, place)]
    here = str(Path.cwd())
    return [*words, "--dir", here, "--chdir", here, "--"]


def _shown(place: str) -> list[str]:
    path = Path(place)
    if path.is_symlink() and place in _SYSTEM:
        return ["--symlink", str(path.readlink()), place]
    return ["--ro-bind-try", place, place]


@cache
def installed(modules: tuple[str, ...]) -> tuple[str, ...]:
    """The folders and files that Python and some modules are made of, outermost first.

    Raises:
        UserError: there is no such module.
    """
    found = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()}
    here = Path.cwd()
    found |= {entry for entry in sys.path if entry and Path(entry).exists() and Path(entry).absolute() != here}
    for name in modules:
        found |= set(_places(name.partition(".")[0]))
    real = {str(Path(place).resolve()) for place in found} | {str(Path(place).absolute()) for place in found}
    kept: list[str] = []
    for place in sorted(real):
        if not any(Path(place).is_relative_to(other) for other in (*_SYSTEM, *kept)):
            kept.append(place)
    return tuple(kept)


def _places(module: str) -> Iterator[str]:
    """A package's folder or a module's file, and what links in it lead to."""
    spec = importlib.util.find_spec(module)
    places = list(spec.submodule_search_locations or [spec.origin or ""]) if spec else []
    if not any(places):
        raise UserError("a sealed process cannot see a module's files", found=few([module]))
    for place in filter(None, places):
        yield place
        yield from (str(entry.resolve()) for entry in _entries(Path(place)) if entry.is_symlink())


def _entries(folder: Path) -> Iterable[Path]:
    return folder.iterdir() if folder.is_dir() else ()


def _gpus(root: Path = Path("/")) -> list[str]:
    """What shows GPUs to a process: devices, their driver, and the files by which processes share them out.

    The driver's libraries mostly lie under ``/usr``, which every sealed process sees; elsewhere they are shown one by
    one, since a folder of libraries may lie above anything.

    Args:
        root: the folder that has the system's ``dev``, ``sys`` and ``run``.
    """
    devices = [path for kind in ("nvidia*", "dxg", "kfd") for path in sorted((root / "dev").glob(kind))]
    if not devices:
        return []
    renderers = sorted((root / "dev" / "dri").glob("renderD*"))
    if any(path.name == "kfd" for path in devices):
        devices.append(root / "dev" / "dri")
    numbered = [path for path in devices if path.name.removeprefix("nvidia").isdigit()]
    words = [word for path in devices for word in ("--dev-bind-try", str(path), f"/dev/{path.name}")]
    words += ["--ro-bind-try", str(root / "sys"), "/sys"]
    words += [word for file in _driver(root) for word in ("--ro-bind", file, file)]
    for index in range(max(1, len(numbered), len(renderers))):
        lock = lock_of(index)
        lock.touch()
        words += ["--bind", str(lock), str(lock)]
    return words


def _driver(root: Path) -> list[str]:
    """Libraries of an NVIDIA driver outside the system's folders, with what their links lead to."""
    named = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    folders = [Path(name) for name in named if Path(name).is_absolute()] + [root / "run" / "opengl-driver" / "lib"]
    found = {file for folder in folders for kind in _LIBRARIES for file in folder.glob(kind) if file.exists()}
    files = {str(place) for file in found for place in (file, file.resolve())}
    return sorted(file for file in files if not any(Path(file).is_relative_to(place) for place in _SYSTEM))


def lock_of(index: int) -> Path:
    """The file whose lock says that a process of this user holds a GPU."""
    return Path(tempfile.gettempdir()) / f"ccbench-{getpass.getuser()}-gpu-{index}.lock"
