"""What the last layer's gradients are made of, against automatic differentiation."""

import numpy as np
import torch
from stage_bench import Bench

from ccbench.methods.task import StageContext, Workbench
from ccbench.stages.layers import last_linear
from ccbench.stages.proxy import load_network, normalisation
from ccbench.training import DeviceData


def test_factored_gradients_equal_those_of_autograd(bench: Bench):
    entry = bench.stage("last-layer")
    h, z = torch.tensor(np.array(entry["features"])), torch.tensor(np.array(entry["logits"]))
    context = StageContext(
        Workbench(bench.root, bench.store, bench.plugins, bench.recipe, 0),
        bench.root,
        bench.plugins.get("stage", "features"),
        {},
        bench.store.root,
    )
    network, normalise = load_network(context), normalisation(context)
    head, data = last_linear(network), DeviceData.from_dataset(bench.root)
    e = z.softmax(1) - torch.nn.functional.one_hot(data.labels, 4)
    plain = []
    for i in (0, 5, 17):
        loss = torch.nn.functional.cross_entropy(network(normalise(data.decode(torch.tensor([i])))), data.labels[[i]])
        grads = torch.autograd.grad(loss, [head.weight, head.bias])
        plain.append(torch.cat([grads[0].flatten(), grads[1]]))
        torch.testing.assert_close(torch.outer(e[i], h[i]), grads[0], rtol=1e-3, atol=1e-5)
    inner = (e[5] @ e[17]) * (1 + h[5] @ h[17])
    torch.testing.assert_close(inner, plain[1] @ plain[2], rtol=1e-3, atol=1e-6)
