"""Networks: small ones of our own, those of the papers under the papers' names, and any timm network by its name."""

from __future__ import annotations

from ccbench.plugin import Alias, ArchitectureSpec, Param, UserError, hookimpl

_SMALL = "with a stem for small images up to 64 pixels"


def _timm(name: str, model: str, summary: str, paper: str = "") -> ArchitectureSpec:
    """A timm network; the parameter keeps timm's own name, which its weights' shapes follow."""
    return ArchitectureSpec(
        name=name,
        target="cc_plugins.architectures.timm_networks:build",
        version="1",
        summary=summary,
        paper=paper,
        params=(Param(name="model", default=model, doc="the timm name", choices=(model,)),),
    )


def _patches(name: str, build: str, model: str, summary: str, paper: str) -> ArchitectureSpec:
    """A transformer whose patches and windows follow the image size."""
    return ArchitectureSpec(
        name=name,
        target=f"cc_plugins.architectures.transformers:{build}",
        version="1",
        summary=summary,
        paper=paper,
        params=(Param(name="model", default=model, doc="the timm name", choices=(model,)),),
    )


def _shufflenet(name: str, width: str) -> ArchitectureSpec:
    return ArchitectureSpec(
        name=name,
        target="cc_plugins.architectures.shufflenet:build",
        version="1",
        summary=f"ShuffleNet V2 {width}x (torchvision's); {_SMALL}.",
        paper="Ma et al., ECCV 2018",
        params=(Param(name="width", default=width, choices=("0.5", "1.0", "1.5", "2.0"), doc="channels, in 1.0x"),),
    )


_RESNET, _SWIN = "He et al., CVPR 2016", "Liu et al., ICCV 2021"

CONVNET = ArchitectureSpec(
    name="convnet",
    target="cc_plugins.architectures.convnet:ConvNet",
    version="1",
    summary="The distillation literature's ConvNet: blocks of 3x3 convolution, normalisation, ReLU and pooling.",
    paper="Gidaris and Komodakis, CVPR 2018; Zhao et al., ICLR 2021",
    params=(
        Param(name="width", default=128, low=1, high=2048, doc="channels of every block"),
        Param(name="depth", default=3, low=1, high=6, doc="blocks"),
        Param(
            name="norm",
            default="instance",
            choices=("instance", "batch"),
            doc="normalisation of every block; batch as RDED trains it",
        ),
    ),
    aliases=(
        *(Alias(f"convnet-d{depth}", depth=depth) for depth in (3, 4, 5, 6)),
        *(Alias(f"convnet-d{depth}-bn", depth=depth, norm="batch") for depth in (3, 4, 5, 6)),
    ),
)

OWN = (
    ArchitectureSpec(
        name="quicknet",
        target="cc_plugins.architectures.quicknet:QuickNet",
        version="1",
        summary="Small residual network for CPUs: half the resolution from the first layer on.",
        params=(Param(name="width", default=32, low=4, high=512, doc="channels of the first stage"),),
    ),
    CONVNET,
    *(
        _timm(f"resnet{n}", f"resnet{n}", f"ResNet-{n}; with the CIFAR {_SMALL[7:]}.", _RESNET)
        for n in (18, 34, 50, 101)
    ),
    _timm("mobilenet_v2", "mobilenetv2_100", f"MobileNetV2 1.0x; {_SMALL}.", "Sandler et al., CVPR 2018"),
    _timm("efficientnet_b0", "efficientnet_b0", f"EfficientNet-B0; {_SMALL}.", "Tan and Le, ICML 2019"),
    _shufflenet("shufflenet_v2", "1.0"),
    _shufflenet("shufflenet_v2_x0_5", "0.5"),
    _patches(
        "swin_tiny", "swin", "swin_tiny_patch4_window7_224", "Swin-T; patches of 2 pixels up to 64 pixels.", _SWIN
    ),
    _patches(
        "swinv2_tiny",
        "swin",
        "swinv2_tiny_window8_256",
        "Swin-V2-T; patches of 2 pixels up to 64 pixels.",
        "Liu et al., CVPR 2022",
    ),
    _patches(
        "vit_small",
        "vit",
        "vit_small_patch16_224",
        "ViT-S/16; patches of 8 pixels up to 64 pixels and of 4 up to 32.",
        "Dosovitskiy et al., ICLR 2021; Touvron et al., ICML 2021",
    ),
)


@hookimpl
def ccbench_architectures() -> list[ArchitectureSpec]:
    """The networks that are listed by name."""
    return list(OWN)


@hookimpl
def ccbench_resolve(kind: str, name: str) -> ArchitectureSpec | None:
    """Any timm network, with a pretrained tag or without; timm itself is imported only when one is built.

    A tag (``resnet18.a1_in1k``) names the configuration that timm builds the network by. Weights are never loaded:
    every network starts from the run's seed, so most tags of a network build the same one, as a row of its own.

    Raises:
        UserError: no network has the name, but one has nearly the same.
    """
    if kind != "architecture":
        return None
    from cc_plugins.architectures.timm_names import is_timm, near

    if is_timm(name):
        tag = " The tag names its configuration; no weights are loaded." if "." in name else ""
        return _timm(name, name, f"timm network; with a CIFAR stem for images up to 64 pixels.{tag}")
    own = [name for spec in OWN for name in (spec.name, *(a.name for a in spec.aliases))]
    suggestion = near(name, own)
    if suggestion:
        raise UserError(
            f"no architecture is called {name!r}, did you mean {suggestion!r}?",
            mend="ccbench list architectures shows our own; any timm network goes by its timm name",
        )
    return None
