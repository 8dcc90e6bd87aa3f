"""The proxy's last layer as selections read it."""

from __future__ import annotations

import numpy as np

from ccbench.plugin import Task, UserError


def last_layer(task: Task, proxy: str | None) -> tuple[np.ndarray, np.ndarray]:
    """The classifier's input (n, D) and the logits (n, C) of the task's images, float32, in their order.

    Raises:
        UserError: the proxy's training ended in numbers that are not finite.
    """
    arrays = task.stage("last-layer", proxy=proxy)
    features, logits = (np.array(arrays[name], np.float32) for name in ("features", "logits"))
    wrong = int(np.count_nonzero(~(np.isfinite(features).all(1) & np.isfinite(logits).all(1))))
    if wrong:
        raise UserError(
            f"the proxy gives no finite outputs for {wrong} of {len(logits)} images",
            mend="train the proxy at a learning rate it survives",
        )
    return features, logits
