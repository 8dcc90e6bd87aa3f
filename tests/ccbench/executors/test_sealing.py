"""What of GPUs a sealed process sees, by a folder that looks like a system's."""

import shutil
import subprocess

import pytest

from ccbench.executors import sealing


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A function that makes device files, and the words of bubblewrap's command line for them."""
    monkeypatch.setattr(sealing.tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "sys").mkdir()

    def words(*devices):
        for name in devices:
            file = tmp_path / "dev" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)
        return sealing._gpus(tmp_path)

    return words


def bound(words):
    """(how, as what) by what is shown."""
    return {source: (how, there) for how, source, there in zip(*[iter(words)] * 3, strict=True)}


def test_without_a_gpu_nothing_is_shown(system, tmp_path):
    assert system("null", "tty") == []
    assert not [*(tmp_path / "tmp").iterdir()]


def test_every_device_of_nvidias_driver_is_shown_and_a_lock_for_each_gpu(system, tmp_path):
    names = ["nvidia0", "nvidia1", "nvidia-caps/nvidia-cap1", "nvidia-uvm", "nvidia-uvm-tools", "nvidiactl"]
    found = bound(system(*names, "sda", "dri/card0"))
    devices = {source: how for source, how in found.items() if how[1].startswith("/dev")}
    assert devices == {
        f"{tmp_path}/dev/{name.partition('/')[0]}": ("--dev-bind-try", f"/dev/{name.partition('/')[0]}")
        for name in names
    }
    assert found[f"{tmp_path}/sys"] == ("--ro-bind-try", "/sys")
    locks = [str(sealing.lock_of(index)) for index in (0, 1)]
    assert {source: how for source, how in found.items() if "lock" in source} == {
        lock: ("--bind", lock) for lock in locks
    }
    assert all((tmp_path / "tmp" / lock).exists() for lock in locks)


@pytest.mark.parametrize(("devices", "shown", "locks"), [
    (["dxg"], ["dxg"], 1), (["kfd", "dri/renderD128", "dri/renderD129"], ["kfd", "dri"], 2),
])  # fmt: skip
def test_gpus_of_others(system, tmp_path, devices, shown, locks):
    found = bound(system(*devices))
    assert [source for source in found if "/dev/" in source] == [f"{tmp_path}/dev/{name}" for name in shown]
    assert sum("lock" in source for source in found) == locks


def test_a_driver_outside_the_system_is_shown_file_by_file(system, tmp_path, monkeypatch):
    named, nix = tmp_path / "driver", tmp_path / "run" / "opengl-driver" / "lib"
    for folder in (named, nix):
        folder.mkdir(parents=True)
    for name in ("libcuda.so.580", "libnvidia-ml.so.1", "secret.npy", "libother.so"):
        (named / name).touch()
    (named / "libcuda.so.1").symlink_to("libcuda.so.580")
    (nix / "libcuda.so.1").symlink_to(named / "libcuda.so.580")
    (nix / "libcuda.so").symlink_to("nowhere")
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{named}::relative:/usr/lib:/nowhere")
    found = bound(system("nvidia0"))
    shown = [
        *(f"{named}/{name}" for name in ("libcuda.so.1", "libcuda.so.580", "libnvidia-ml.so.1")),
        f"{nix}/libcuda.so.1",
    ]
    assert sorted(source for source, how in found.items() if how[0] == "--ro-bind") == sorted(shown)
    assert all(how == ("--ro-bind", source) for source, how in found.items() if source in shown)


@pytest.mark.skipif(not shutil.which("bwrap"), reason="no bubblewrap")
def test_a_sealed_process_sees_them_and_writes_nothing_of_the_system(system, tmp_path, monkeypatch):
    system("nvidia0", "nvidiactl")
    own = sealing._gpus
    monkeypatch.setattr(sealing, "_gpus", lambda: own(tmp_path))
    (tmp_path / "inside").mkdir()
    (tmp_path / "sys" / "module").write_text("nvidia")
    look = "cat /dev/nvidia0 /dev/nvidiactl /sys/module; echo x > /sys/module; echo y > $0 && cat $0"
    command = [*sealing._command(sealing.Seal(), tmp_path / "inside"), "sh", "-c", look, str(sealing.lock_of(0))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "nvidia0nvidiactlnvidiay\n", done.stderr
    assert "Read-only file system" in done.stderr
    assert (tmp_path / "sys" / "module").read_text() == "nvidia"
