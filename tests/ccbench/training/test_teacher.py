"""A teacher answers as its network does in eval mode, on images normalised its own way."""

import torch

from ccbench.training.images import Normalise
from ccbench.training.teacher import Teacher


def make():
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.5),
        torch.nn.Linear(64, 5),
    )
    mean, std = torch.tensor([10.0, 20.0, 30.0]), torch.tensor([2.0, 4.0, 8.0])
    return network, Teacher(network, Normalise(mean, std), "small", 5, 123), (mean, std)


def test_answers():
    network, teacher, (mean, std) = make()
    network.train()
    state = {name: value.clone() for name, value in network.state_dict().items()}
    images = torch.randint(0, 256, (7, 3, 6, 6), dtype=torch.uint8)
    answers = teacher.to("cpu")(images, precision="float32")
    assert (answers.shape, answers.dtype, answers.requires_grad) == ((7, 5), torch.float32, False)
    assert not network.training
    with torch.no_grad():
        expected = network((images.float() - mean.view(3, 1, 1)) / std.view(3, 1, 1))
    torch.testing.assert_close(answers, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(teacher(images.float(), precision="float32"), answers)  # floats in 0 .. 255 are the same
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_one_image_is_labelled_the_same_in_any_batch():
    _, teacher, _ = make()
    images = torch.randint(0, 256, (6, 3, 6, 6), dtype=torch.uint8)
    whole = teacher(images, precision="float32")
    for i in range(6):
        torch.testing.assert_close(teacher(images[i : i + 1], precision="float32")[0], whole[i], rtol=1e-4, atol=1e-5)
