"""One training-dynamics score, from the proxy run or from its log."""

from __future__ import annotations

import numpy as np

from ccbench.errors import UserError
from ccbench.methods.task import StageContext
from ccbench.offers.expressions import read_call
from ccbench.stages.dynamics import Scores, replay
from ccbench.stages.proxy import facts_of


def run(context: StageContext, score: str, proxy: str | None) -> dict[str, np.ndarray]:
    """A score of every image of the whole training split: a name, or ``name[param=value]``.

    A score that the run already had is read; one that was registered or changed
    since, or has other parameters, is replayed from the run's log, and no network is trained again.

    Returns:
        ``score`` (N,) float32.

    Raises:
        UserError: the score is unknown or fails, or the run kept no log to replay.
    """
    call = read_call("score", score, context.plugins)
    entry = context.stage("proxy", proxy=proxy)
    facts = facts_of(entry)
    known = facts["scores"].get(call.label)
    if known and known["version"] == call.version and not known["error"]:
        return {"score": np.array(entry[f"score-{call.label}"])}
    if not facts["log"]:
        raise UserError(
            f"the proxy run did not make score {score!r}, and its log was too large to keep",
            found=known["error"] if known else None,
            mend=f"delete {entry.path} and run again: the proxy is then trained with this score",
        )
    scores = Scores([call], len(context.root.labels), len(context.root.classes))
    replay(entry, context.root.labels, scores)
    results = scores.results()
    if call.label in scores.failed:
        raise UserError(f"score {score!r} failed on the proxy run", found=scores.failed[call.label])
    return {"score": results[call.label]}
