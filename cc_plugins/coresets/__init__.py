"""Coreset selection: methods that keep whole images, and the training-dynamics scores they rank by.

Specs only: nothing heavy is imported until a method or score runs.
"""

from __future__ import annotations

from ccbench import MethodSpec, Param, ScoreSpec, hookimpl

_RAW = "the kept images, 24 bits per pixel, and their labels"
_PROXY = Param(
    name="proxy",
    default=None,
    type=str,
    choices="architecture",
    doc="architecture whose training gives the score; auto: the protocol's proxy",
)
_PER_CLASS = "keep equally many images of every class, as far as it has them, instead of ranking over the whole set"
_BALANCED = Param(name="balanced", default=False, doc=_PER_CLASS)
_EL2N = "Paul, Ganguli and Dziugaite, Deep Learning on a Data Diet, NeurIPS 2021"
_FORGETTING = "Toneva et al., An Empirical Study of Example Forgetting, ICLR 2019"
_ENTROPY = "Coleman et al., Selection via Proxy, ICLR 2020"
_AUM = "Pleiss et al., Identifying Mislabeled Data using the Area Under the Margin Ranking, NeurIPS 2020"
_DYNAMICS = "one proxy training, shared by every score"


def _ranked(name: str, attribute: str, summary: str) -> MethodSpec:
    return MethodSpec(
        name=name,
        target=f"cc_plugins.coresets.ranked:{attribute}",
        version="2",
        summary=summary,
        params=(_BALANCED, _PROXY),
        random=False,
        needs=("proxy", f"score[score={name}]"),
        stores=_RAW,
        cost=_DYNAMICS,
    )


@hookimpl
def ccbench_methods() -> list[MethodSpec]:
    """The selection methods of DCQ's tables, and the reference row."""
    return [
        MethodSpec(
            name="full",
            target="cc_plugins.coresets.plain:Full",
            version="1",
            budgets="none",
            random=False,
            summary="the whole training set, for reference",
            stores="every image, 24 bits per pixel, and the labels",
        ),
        MethodSpec(
            name="random",
            target="cc_plugins.coresets.plain:Random",
            version="2",
            stores=_RAW,
            params=(
                Param(
                    name="balanced",
                    default=True,
                    doc="draw equally many images of every class, as far as it has them; false: from the whole set",
                ),
            ),
            summary="images drawn at random without replacement",
        ),
        _ranked("entropy", "Entropy", "keeps the images whose final prediction is least certain"),
        _ranked("forgetting", "Forgetting", "keeps the images that training forgets most often"),
        _ranked("el2n", "EL2N", "keeps the images with the largest early prediction error"),
        _ranked("aum", "AUM", "keeps the images with the smallest area under the margin"),
        MethodSpec(
            name="ccs",
            target="cc_plugins.coresets.ccs:CCS",
            version="1",
            summary="drops the hardest images, then samples evenly over strata of a score",
            params=(
                Param(name="score", default="aum", choices="score", doc="the score that is cut into strata"),
                Param(
                    name="beta",
                    default=None,
                    type=float,
                    low=0,
                    high=0.99,
                    doc="fraction of all images dropped as hardest by AUM; auto: the published values, interpolated",
                ),
                Param(name="strata", default=50, low=1, high=100_000, doc="number of equal-width strata"),
                _PROXY,
            ),
            needs=("proxy", "score", "score[score=aum]"),  # whatever the strata are cut by, AUM says what is hard
            stores=_RAW,
            cost=_DYNAMICS,
        ),
    ]


@hookimpl
def ccbench_scores() -> list[ScoreSpec]:
    """Scores that one proxy training feeds."""
    return [
        ScoreSpec(
            name="aum",
            target="cc_plugins.coresets.scores:AUM",
            version="1",
            paper=_AUM,
            summary="mean over epochs of the true class's probability less the largest other",
        ),
        ScoreSpec(
            name="el2n",
            target="cc_plugins.coresets.scores:EL2N",
            version="1",
            paper=_EL2N,
            summary="mean over the first 10 epochs of the length of the probability error",
        ),
        ScoreSpec(
            name="forgetting",
            target="cc_plugins.coresets.scores:Forgetting",
            version="1",
            paper=_FORGETTING,
            summary="number of changes from a right prediction to a wrong one",
        ),
        ScoreSpec(
            name="entropy",
            target="cc_plugins.coresets.scores:Entropy",
            version="1",
            paper=_ENTROPY,
            summary="entropy in nats of the trained proxy's prediction for the plain image",
        ),
        ScoreSpec(
            name="correctness",
            target="cc_plugins.coresets.scores:Correctness",
            version="1",
            paper="Swayamdipta et al., Dataset Cartography, EMNLP 2020",
            summary="fraction of epochs in which the prediction is right",
        ),
    ]
