"""A recipe: how one network is trained. No torch here."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from ccbench.budget import DataShape
from ccbench.errors import UserError
from ccbench.training.rules import Rule

PRECISIONS = ("float32", "bfloat16")
SIAMESE = ("color", "crop", "cutout", "flip", "scale", "rotate")  # transforms, in the order of the paper
# keys that older results know nothing of, which stay what they are
_LATER = {"siamese": "none", "learned_lr": False, "color_jitter": 0.0, "blur": 0}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one network is trained.

    Attributes:
        architecture: the network's name.
        batch: images per update, >= 1; never changed by micro-batches or by the number of devices.
        optimizer: ``"sgd"`` or ``"adamw"``.
        lr, momentum, weight_decay, nesterov: of the optimiser; momentum is SGD's alone.
        betas: of AdamW.
        decay: weight decay acts on ``"all"`` parameters, or on ``"matrices"``: those called weight of at least
            two dimensions, so neither on biases and normalisation nor on position embeddings.
        schedule: ``"cosine"`` from ``lr`` to ``lr_min``, ``"constant"``, or ``"drop"``: a tenth of ``lr`` from half of
            the training on.
        cosine_length: half a period of the cosine as a multiple of the training, >= 1; 2 ends half way down.
        schedule_step: the rate changes with every ``"iteration"`` or with every ``"epoch"``.
        lr_min, warmup: where the cosine ends; share of the training, in [0, 0.9], in which the rate climbs
            from near 0 to ``lr``.
        iterations: updates; or instead
        epochs, min_iterations: passes over a set of images, and at least so many updates.
        epochs_of: the set of which epochs are: the ``"full"`` training set, or as many images as a selection of the
            ``"budget"`` keeps. Either way the number of updates does not depend on what a method kept.
        normalise: by the training images' ``"own"`` mean and deviation, or by ``"imagenet"``'s.
        crop_padding: pixels added at each side before a crop back to the image's size; 0 is no crop.
        padding_mode: ``"zeros"`` (black) or ``"reflect"``.
        crop_scale: least share of the area that a random resized crop keeps, in [0, 1]; 0 is no such crop.
        shuffle_patches: the image is cut in so many columns and so many rows, each shuffled; 1 is off.
        flip: whether half of the images are mirrored.
        color_jitter: brightness, contrast and saturation of each image change by at most this share, in [0, 1].
        blur: side in pixels of a Gaussian by which each image is blurred, odd; its width is drawn from 0.1 .. 2 pixels;
            0 is no blur. See :mod:`ccbench.training.colors`.
        mix: ``"none"``, ``"cutmix"`` or ``"mixup"``, one box or share and one pairing for a batch.
        siamese: transforms of differentiable siamese augmentation, such as ``"color_crop_flip"``, one of which each
            batch is seen through once it is normalised; ``"none"`` is off. See :mod:`ccbench.training.siamese`.
        mix_alpha: both parameters of the Beta distribution of the share.
        label_smoothing: in [0, 1); for hard labels only.
        labels: ``"hard"``; ``"soft"`` to use a method's soft labels where it stores any; ``"teacher"``: a trained
            network labels each batch as it is seen.
        learned_lr: whether a learning rate that a file was made with takes the place of ``lr``.
        temperature: of both softmaxes under labels ``"teacher"``, > 0.
        batchnorm_updates: how often each batch counts in the running statistics of batch normalisation, >= 1.
        center_crop: test images are enlarged to size // 7 * 8 and cut in the middle.
        evaluate_every: iterations between looks at the test set for ``best_accuracy``; 0 is never.
        evaluate_every_epochs: the same in epochs.
        evaluate_from: share of the training, in [0, 1], after which looks begin.
        precision: number format of the forward and backward pass, ``"float32"`` or ``"bfloat16"`` (autocast; weights
            stay float32). Declared, never measured: it changes results.
        when: rules that change any of this for some cells; :meth:`resolve` applies them.
    """

    architecture: str
    batch: int
    lr: float
    optimizer: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = 0.0
    nesterov: bool = False
    schedule: str = "cosine"
    lr_min: float = 0.0
    warmup: float = 0.0
    iterations: int | None = None
    epochs: float | None = None
    min_iterations: int = 0
    crop_padding: int = 0
    padding_mode: str = "zeros"
    flip: bool = False
    label_smoothing: float = 0.0
    labels: str = "hard"
    evaluate_every: int = 0
    betas: tuple[float, float] = (0.9, 0.999)
    decay: str = "all"
    cosine_length: float = 1.0
    schedule_step: str = "iteration"
    epochs_of: str = "full"
    normalise: str = "own"
    crop_scale: float = 0.0
    shuffle_patches: int = 1
    mix: str = "none"
    mix_alpha: float = 1.0
    temperature: float = 1.0
    batchnorm_updates: int = 1
    center_crop: bool = False
    evaluate_every_epochs: int = 0
    evaluate_from: float = 0.0
    precision: str = "float32"
    siamese: str = "none"
    learned_lr: bool = False
    color_jitter: float = 0.0
    blur: int = 0
    when: tuple[Rule, ...] = ()

    def check(self, owner: str) -> None:
        """Raise UserError, in the name of ``owner``, where keys contradict each other."""
        if (self.iterations is None) == (self.epochs is None):
            raise UserError(
                f"{owner}: give either iterations or epochs (with min_iterations)",
                found="neither" if self.epochs is None else "both",
            )
        for wrong, what in (
            (
                self.iterations is not None and self.min_iterations,
                "min_iterations goes with epochs, not with iterations",
            ),
            (self.nesterov and not self.momentum, "nesterov needs a momentum above 0"),
            (self.nesterov and self.optimizer != "sgd", "nesterov goes with the optimizer sgd"),
            (self.epochs is None and self.epochs_of == "budget", "epochs_of goes with epochs, not with iterations"),
            (self.epochs is None and self.schedule_step == "epoch", "schedule_step = 'epoch' needs epochs"),
            (self.epochs is None and self.evaluate_every_epochs, "evaluate_every_epochs needs epochs"),
            (
                self.evaluate_every and self.evaluate_every_epochs,
                "give evaluate_every or evaluate_every_epochs, not both",
            ),
            (self.crop_padding and self.crop_scale, "give crop_padding or crop_scale, not both"),
            (self.blur and self.blur % 2 == 0, "blur takes an odd number of pixels"),
            (self.labels != "teacher" and self.temperature != 1, "temperature goes with labels = 'teacher'"),
            (self.labels == "teacher" and self.label_smoothing, "label_smoothing goes with hard labels"),
            (self.labels == "teacher" and self.siamese != "none", "siamese goes with hard or soft labels"),
        ):
            if wrong:
                raise UserError(f"{owner}: {what}")

    def resolve(self, architecture: str | None, shape: DataShape, kept_images: int) -> Recipe:
        """The recipe of one cell: rules applied in their order, none left, the batch no larger than an epoch.

        Args:
            architecture: the network; None is the recipe's.
            shape: of the full training set.
            kept_images: as many as a selection of the cell's budget keeps, >= 1.

        Raises:
            UserError: the keys that rules set contradict each other.
        """
        resolved = replace(self.using(architecture), when=())
        for rule in self.when:
            if rule.holds(resolved.architecture, shape, kept_images):
                resolved = replace(resolved, **dict(rule.overrides))
        if resolved.epochs_of == "budget":
            resolved = replace(resolved, batch=min(resolved.batch, kept_images))
        resolved.check(f"the recipe of {resolved.architecture} at {kept_images} images")
        return resolved

    def steps(self, images: int) -> int:
        """Updates of the training; the same for every method.

        Args:
            images: of the set that ``epochs_of`` names: the full training set, or what the budget keeps. An epoch
                of the budget ends with a smaller batch where the images do not divide by it, and is
                ceil(images / batch) updates; epochs of the full set run into each other.

        Examples:
            >>> recipe = Recipe(architecture="quicknet", batch=64, lr=0.1, epochs=3)
            >>> recipe.steps(1000), replace(recipe, epochs_of="budget").steps(1000)
            (47, 48)
        """
        if self.iterations is not None:
            return self.iterations
        if self.epochs_of == "budget":
            updates = (self.epochs or 0) * math.ceil(images / min(self.batch, images))
        else:
            updates = (self.epochs or 0) * images / self.batch
        return max(self.min_iterations, math.ceil(updates), 1)

    def updates(self, kept: int, full: int) -> int:
        """:meth:`steps` of a training on so many images that the budget keeps, of so many in the full training set."""
        return self.steps(kept if self.epochs_of == "budget" else full)

    def epoch(self, iteration: int, iterations: int) -> int:
        """The epoch, from 0, in which an iteration lies, of a training of so many; needs ``epochs``."""
        return int(iteration * (self.epochs or 0) // iterations)

    def axes(self) -> dict[str, Any]:
        """Everything that can change what the recipe gives, for cache keys."""
        return {key: value for key, value in asdict(self).items() if key not in _LATER or value != _LATER[key]}

    def using(self, architecture: str | None) -> Recipe:
        """The same recipe with another network; None changes nothing."""
        return self if architecture is None else replace(self, architecture=architecture)
