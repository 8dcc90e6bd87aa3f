"""What the kit needs to run, as a plugin that only the kit loads: a small dataset, a short recipe, a selection."""

from __future__ import annotations

from ccbench.budget import DataShape
from ccbench.offers.hookspecs import hookimpl
from ccbench.offers.specs import DatasetSpec, MethodSpec, ProtocolSpec

DATASET = PROTOCOL = "ccbench-kit"
HALF = "ccbench-kit-half"
SHAPE = DataShape(images=96, height=32, width=32, classes=4)


@hookimpl
def ccbench_datasets() -> list[DatasetSpec]:
    """96 training and 40 test images of 4 classes, made in memory."""
    return [
        DatasetSpec(
            name=DATASET,
            target="ccbench.testing.images:KitImages",
            version="1",
            summary="The conformance kit's coloured stripes; 4 classes of unequal size.",
            shape=SHAPE,
            license="none needed: made by a program",
        )
    ]


@hookimpl
def ccbench_protocols() -> list[ProtocolSpec]:
    """Four passes over the kit's images."""
    return [
        ProtocolSpec(
            name=PROTOCOL,
            target="ccbench.testing.offers:recipe",
            version="1",
            summary="A recipe that trains for a second; its accuracies mean nothing.",
        )
    ]


@hookimpl
def ccbench_methods() -> list[MethodSpec]:
    """The first step of the pipeline in which a method is tried."""
    return [
        MethodSpec(
            name=HALF,
            target="ccbench.testing.images:EveryOther",
            version="1",
            random=False,
            summary="Keeps every other image of each class, for the conformance kit's pipelines.",
        )
    ]


def recipe() -> dict[str, dict[str, object]]:
    """The table of the kit's protocol."""
    short = {"architecture": "quicknet", "iterations": 16, "batch": 24, "lr": 0.05, "nesterov": True}
    return {"train": short, "proxy": short}
