"""The protocols of this project: recipes in TOML files beside this module."""

from __future__ import annotations

from ccbench.plugin import ProtocolSpec, hookimpl


@hookimpl
def ccbench_protocols() -> list[ProtocolSpec]:
    """``quick``, ``standard``, ``distilled`` and DCQ's; with a teacher ``quick-soft``, ``rded`` and ``dc3``."""
    return [
        ProtocolSpec(
            name="quick",
            card="ccbench.registry:protocols/quick.toml",
            recipe="cc_plugins.protocols:quick.toml",
            version="2",
            summary="quicknet, any set up to 64 pixels; about a minute for CIFAR-10 on two CPU cores.",
        ),
        ProtocolSpec(
            name="standard",
            card="ccbench.registry:protocols/standard.toml",
            recipe="cc_plugins.protocols:standard.toml",
            version="1",
            summary="quick with 20 epochs; about ten minutes for CIFAR-10 on two CPU cores.",
        ),
        ProtocolSpec(
            name="quick-soft",
            card="ccbench.registry:protocols/quick-soft.toml",
            recipe="cc_plugins.protocols:quick-soft.toml",
            version="2",
            summary="quick's updates with labels from a quicknet teacher, CutMix and AdamW.",
        ),
        ProtocolSpec(
            name="dcq-cifar",
            card="ccbench.registry:protocols/dcq-cifar.toml",
            recipe="cc_plugins.protocols:dcq-cifar.toml",
            version="2",
            summary="DCQ's CIFAR recipe: ResNet-18, 40,000 iterations of batch 256, SGD, cosine.",
        ),
        ProtocolSpec(
            name="dcq-cifar-50",
            card="ccbench.registry:protocols/dcq-cifar-50.toml",
            recipe="cc_plugins.protocols:dcq-cifar-50.toml",
            version="1",
            summary="dcq-cifar with 9,750 iterations (50 epochs), the first row of DCQ's Table 20.",
        ),
        *(
            ProtocolSpec(
                name=f"dcq-cifar-{epochs}-epochs",
                card=f"ccbench.registry:protocols/dcq-cifar-{epochs}-epochs.toml",
                recipe=f"cc_plugins.protocols:dcq-cifar-{epochs}-epochs.toml",
                version="1",
                summary=f"dcq-cifar with {195 * epochs:,} iterations ({epochs} epochs), a row of DCQ's Table 20.",
            )
            for epochs in (100, 125, 150)
        ),
        *(
            ProtocolSpec(
                name=f"dcq-cifar-{name}",
                card=f"ccbench.registry:protocols/dcq-cifar-{name}.toml",
                recipe=f"cc_plugins.protocols:dcq-cifar-{name}.toml",
                version="1",
                summary=f"dcq-cifar with {what} in training, a row of DCQ's Table 17.",
            )
            for name, what in (("color-jitter", "other colours"), ("gaussian-blur", "blur"))
        ),
        ProtocolSpec(
            name="dcq-tiny-imagenet",
            card="ccbench.registry:protocols/dcq-tiny-imagenet.toml",
            recipe="cc_plugins.protocols:dcq-tiny-imagenet.toml",
            version="1",
            summary="DCQ's Tiny-ImageNet recipe: ResNet-18, 60 epochs of batch 128, SGD, cosine.",
        ),
        ProtocolSpec(
            name="dcq-imagenet",
            card="ccbench.registry:protocols/dcq-imagenet.toml",
            recipe="cc_plugins.protocols:dcq-imagenet.toml",
            version="1",
            summary="DCQ's ImageNet-1K recipe: ResNet-34, 300,000 iterations of batch 256, SGD, cosine.",
        ),
        ProtocolSpec(
            name="rded",
            hard="rded-hard",
            card="ccbench.registry:protocols/rded.toml",
            recipe="cc_plugins.protocols:rded.toml",
            version="2",
            summary="RDED's evaluation: ResNet-18, 300 epochs of what is kept, labels by an online teacher, CutMix.",
        ),
        ProtocolSpec(
            name="rded-hard",
            card="ccbench.registry:protocols/rded-hard.toml",
            recipe="cc_plugins.protocols:rded-hard.toml",
            version="2",
            summary="rded with the images' own labels, unmixed.",
        ),
        ProtocolSpec(
            name="dc3",
            hard="dc3-hard",
            card="ccbench.registry:protocols/dc3.toml",
            recipe="cc_plugins.protocols:dc3.toml",
            version="2",
            summary="DC3's evaluation: RDED's with larger batches, shuffled patches at every size, longer on CIFAR-10.",
        ),
        ProtocolSpec(
            name="dc3-hard",
            card="ccbench.registry:protocols/dc3-hard.toml",
            recipe="cc_plugins.protocols:dc3-hard.toml",
            version="2",
            summary="dc3 with the images' own labels, unmixed.",
        ),
        ProtocolSpec(
            name="distilled",
            plain="distilled-plain",
            card="ccbench.registry:protocols/distilled.toml",
            recipe="cc_plugins.protocols:distilled.toml",
            version="1",
            summary="DSA's and DM's evaluation: ConvNet-3, 1,000 epochs of what is kept, siamese augmentation.",
        ),
        ProtocolSpec(
            name="distilled-dc",
            card="ccbench.registry:protocols/distilled-dc.toml",
            recipe="cc_plugins.protocols:distilled-dc.toml",
            version="1",
            summary="DC's evaluation: distilled with 300 epochs and no augmentation.",
        ),
        ProtocolSpec(
            name="distilled-plain",
            card="ccbench.registry:protocols/distilled-plain.toml",
            recipe="cc_plugins.protocols:distilled-plain.toml",
            version="1",
            summary="distilled without its augmentation, which augmentation-robust scores compare with.",
        ),
        ProtocolSpec(
            name="distilled-soft",
            hard="distilled",
            card="ccbench.registry:protocols/distilled-soft.toml",
            recipe="cc_plugins.protocols:distilled-soft.toml",
            version="1",
            summary="distilled with a file's learned soft labels and learning rate, where it has them.",
        ),
    ]
