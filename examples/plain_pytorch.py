"""Compress, then train in a loop of your own: python examples/plain_pytorch.py."""

import sys
import tempfile
from pathlib import Path

import torch

import ccbench
from ccbench.__main__ import main

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "small.ccb"
    if main(["compress", "--method", "mediancut", "--bits", "2", str(file)]):  # as the command does
        sys.exit("nothing to train on")

    data = ccbench.load(file)  # an ordinary torch Dataset: (3, H, W) uint8 image, label
    loader = torch.utils.data.DataLoader(data, batch_size=64, shuffle=True)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 5, stride=4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(len(data.classes))
    )
    optimizer = None
    for epoch in range(3):
        total = 0.0
        for images, labels in loader:
            loss = torch.nn.functional.cross_entropy(network(images / 255), labels)
            optimizer = optimizer or torch.optim.AdamW(network.parameters(), lr=1e-2)  # the first batch sets the sizes
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
        print(f"epoch {epoch}: loss {total / len(data):.3f} over {len(data)} images of {file.stat().st_size:,} bytes")
