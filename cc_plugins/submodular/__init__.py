"""Set functions of last-layer gradients, their greedy maximisers and other choices: what coresets and DC3 share."""
