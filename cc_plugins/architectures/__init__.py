"""Networks: two small ones of our own, and any timm network by its name."""

from __future__ import annotations

from ccbench.errors import UserError
from ccbench.hookspecs import hookimpl
from ccbench.specs import ArchitectureSpec, Param

OWN = (
    ArchitectureSpec(
        name="quicknet",
        target="cc_plugins.architectures.quicknet:QuickNet",
        version="1",
        summary="Small residual network for CPUs: half the resolution from the first layer on.",
        params=(Param(name="width", default=32, low=4, high=512, doc="channels of the first stage"),),
    ),
    ArchitectureSpec(
        name="convnet-d3",
        target="cc_plugins.architectures.convnet:ConvNet",
        version="1",
        summary="The distillation literature's ConvNet: 3 blocks of 128 channels with instance normalisation.",
        paper="Gidaris and Komodakis, CVPR 2018; Zhao et al., ICLR 2021",
        params=(
            Param(name="width", default=128, low=1, high=2048, doc="channels of every block"),
            Param(name="depth", default=3, low=1, high=6, doc="blocks"),
        ),
    ),
)


@hookimpl
def ccbench_architectures() -> list[ArchitectureSpec]:
    """The networks that are listed by name."""
    return list(OWN)


@hookimpl
def ccbench_resolve(kind: str, name: str) -> ArchitectureSpec | None:
    """Any timm network; timm itself is imported only when one is built.

    Raises:
        UserError: no network has the name, but one has nearly the same.
    """
    if kind != "architecture":
        return None
    from cc_plugins.architectures.timm_names import near, timm_names

    if name in timm_names():
        return ArchitectureSpec(
            name=name,
            target="cc_plugins.architectures.timm_networks:build",
            version="1",
            summary="timm network; with a CIFAR stem for images up to 64 pixels.",
            params=(Param(name="model", default=name, doc="the timm name", choices=(name,)),),
        )
    suggestion = near(name, [spec.name for spec in OWN])
    if suggestion:
        raise UserError(
            f"no architecture is called {name!r}, did you mean {suggestion!r}?",
            mend="ccbench list architectures shows our own; any timm network goes by its timm name",
        )
    return None
