"""Set functions of last-layer gradients and their greedy maximisers: what coresets and DC3's sampling share."""
