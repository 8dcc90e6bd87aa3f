"""The numbered tables of the papers that this project reproduces: one TOML file each beside this module."""

from __future__ import annotations

from ccbench.plugin import SuiteSpec, hookimpl

_TABLES = {
    "dcq-table1": "Pruning against DCQ: CIFAR-10, CIFAR-100, ImageNet-1K at five ratios",
    "dcq-table2": "Ablations of DCQ on CIFAR-10: clustering features, clusters, attention maps",
    "dcq-table3": "Pruning against DCQ on CIFAR-10 with ResNet-34 and ResNet-50",
    "dcq-table4": "CCS and DCQ together at 98 to 99.2 % on CIFAR-10 and CIFAR-100",
    "dcq-table5": "Dataset distillation against CCS with DCQ at few images per class",
    "dcq-table6": "Colour quantisation against DCQ at 1 to 6 bits on CIFAR-10, CIFAR-100 and Tiny-ImageNet",
    "dcq-table7": "DCQ on CIFAR-10 with and without refining palettes for edges",
    "dcq-table8": "Pruning against DCQ on CIFAR-10 with ShuffleNet and MobileNet-v2",
    "dcq-table9": "Pruning against DCQ with transformers: Swin on CIFAR-10, ViT-Small on CIFAR-100",
    "dcq-table10": "What DCQ clusters by, on CIFAR-10: PCA, GLCM, CCV, histograms, features",
    "dcq-table11": "Which layer DCQ clusters by, on CIFAR-10",
    "dcq-table12": "How many pixels Grad-CAM++ keeps in DCQ, on CIFAR-10",
    "dcq-table13": "Pruning against DCQ for segmentation and detection on MS COCO",
    "dcq-table14": "Pruning against DCQ for a generative task (PSLD, FID)",
    "dcq-table15": "ADQ, DQAS, DQ and DUAL against DCQ on CIFAR-10 and ImageNet-1K",
    "dcq-table16": "AutoPalette against DCQ with ConvNet-3",
    "dcq-table17": "DCQ trained with further augmentations, on CIFAR-10",
    "dcq-table18": "Pruning against DCQ on Stanford Cars (API-Net)",
    "dcq-table19": "Pruning against DCQ on CIFAR-10 with wrong labels",
    "dcq-table20": "DCQ at 1 bit on CIFAR-10, trained for 50 to 200 epochs",
    "dcq-table22": "Seconds that DCQ's stages take on ImageNet-1K and CIFAR",
    "dc3-table1": "DC3 and others on ImageNet-1K at 1, 10 and 50 images per class",
    "dc3-table2": "DC3 and others on ImageWoof, ImageNette and Tiny-ImageNet",
    "dc3-table3": "DC3 and others on CIFAR-10 and CIFAR-100",
    "dc3-table4": "Networks of the kind that pictures were made with, and others",
    "dc3-table5": "DC3's ImageNette pictures tested with six networks",
    "dc3-table6": "What prompts do in DC3, on CIFAR-10 and CIFAR-100",
    "dc3-table7": "Augmentations in place of DC3's colour compensation, and AutoPalette",
    "dc3-table8": "DC3's sampling against DQ's, with and without colour compensation",
    "dc3-table9": "Other selections than DC3's at 50 images per class",
    "dc3-table10": "DC3 without its sampling (S), its colour compensation (C), or both",
    "dc3-table11": "Settings of DC3's evaluation: no numbers",
    "dc3-table12": "Prompts for cool and warm hues: no numbers",
    "dc3-table13": "Ways to stitch DC3's pictures",
    "dc3-table14": "Seconds and GPU memory of DC3 and others",
    "label-regimes": "Few images with hard labels, stored soft labels, an online teacher, side by side",
}


@hookimpl
def ccbench_suites() -> list[SuiteSpec]:
    """DCQ's tables and DC3's."""
    return [
        SuiteSpec(name=name, table=f"cc_plugins.suites:{name}.toml", summary=summary)
        for name, summary in _TABLES.items()
    ]
