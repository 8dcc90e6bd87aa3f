"""docs/distillation.md: its commands are understood, and its lines of Python run."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

from ccbench.archive import Channels, CompressedDataset, FloatImages
from ccbench.commands.run import run
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import parse, split
from ccbench.training import load_protocol

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "distillation.md").read_text()
COMMANDS = re.findall(r"^(ccbench run .*)$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_names_methods_and_protocols_that_exist(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in re.findall(r"(?:file|zca)=([^,\]']+)", command):
        Path(name).touch()
    plugins = Plugins()
    given, left, _ = run.make_parser(run.context_class(run)).parse_args(shlex.split(command, comments=True)[2:])
    assert not left
    assert [parse(text, plugins).label for text in split(given["methods"])]
    assert all(load_protocol(name, plugins).train.architecture for name in split(given["protocol"]))


def test_its_python_puts_pictures_and_test_images_into_one_space(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    space = Channels((0.5, 0.4, 0.3), (0.2, 0.2, 0.2))
    images = torch.randint(0, 256, (3, 3, 4, 4), dtype=torch.uint8)
    values = space.values(images).permute(0, 2, 3, 1).contiguous().numpy()
    made = CompressedDataset(FloatImages(values, space), np.full(3, -1), [0, 1, 1], classes=("a", "b"))
    made.save(tmp_path / "pictures.ccb")
    monkeypatch.chdir(tmp_path)
    names = {"test_images": images}
    exec(code, names)
    assert torch.equal(names["tested"], torch.stack(names["pictures"]))
    assert names["labels"] == (0, 1, 1)
