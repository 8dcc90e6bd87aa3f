"""What a process says of the memory that it took."""

import torch

from ccbench.runner.device import peak_memory


def test_work_that_left_the_gpu_alone_has_the_memory_of_its_process(monkeypatch):
    own = peak_memory()
    assert own > 1 << 24
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # there is one, and nothing was put there
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 0)
    assert peak_memory() >= own
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 12345)
    assert peak_memory() == 12345
