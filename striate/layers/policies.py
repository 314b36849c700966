"""Layers that choose among other augmentations: RandAugment and AugMix."""

from __future__ import annotations

from striate import ops, random
from striate.layers.arguments import positive
from striate.layers.augmentation import (
    ImagesInRange,
    RandomBrightness,
    RandomContrast,
    RandomRotation,
    RandomSharpness,
    RandomTranslation,
    factor_range,
)
from striate.layers.colour import AutoContrast, RandomColorDegeneration, RandomPosterization, Solarization
from striate.layers.histograms import Equalization
from striate.layers.warping import RandomShear
from striate.serialization import export


class _Policy(ImagesInRange):
    """A list of augmentations of one strength, of which each image draws some."""

    def _begin_policy(self, value_range, factor, interpolation, seed, data_format) -> None:
        self.factor, self.interpolation = factor_range(factor, "factor", 0, 1), interpolation
        self._begin_range(value_range, seed, data_format)

    def _moving(self) -> list:
        how = {"interpolation": self.interpolation, "seed": self.seed, "data_format": self.data_format}
        return [RandomShear(self.factor, self.factor, **how), RandomTranslation(self.factor, self.factor, **how),
                RandomRotation(self.factor, **how)]

    def _spreading(self) -> list:
        how = {"value_range": self.value_range, "seed": self.seed, "data_format": self.data_format}
        return [RandomPosterization(max(1, int(8 * self.factor[1])), **how),
                Solarization(self.factor, self.factor, **how),
                *(kind(value_range=self.value_range, data_format=self.data_format)
                  for kind in (AutoContrast, Equalization))]

    def _shading(self) -> list:
        how = {"value_range": self.value_range, "seed": self.seed, "data_format": self.data_format}
        return [kind(self.factor, **how)
                for kind in (RandomBrightness, RandomColorDegeneration, RandomContrast, RandomSharpness)]

    def _one_of(self, layers: list, images, idle: int = 0):
        """Each image under one of the layers, or left alone as if `idle` more layers did nothing."""
        choice = ops.floor(self._draw(images, 0.0, float(len(layers) + idle)))
        changed = images
        for number, layer in enumerate(layers):
            changed = ops.where(ops.equal(choice, float(number)), layer.change(images), changed)
        return changed


@export("keras.layers.RandAugment")
class RandAugment(_Policy):
    """Images under a few augmentations, one behind the other, each drawn among eleven.

    Every image draws its own, where Keras draws the same for a batch.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Source: Cubuk and others (2019), arXiv:1909.13719.

    Args:
        value_range: the smallest and the largest number of the images.
        num_ops: how many.
        factor: how strong they are, drawn between (lower, upper) in [0, 1]; a single number is `upper`.
        interpolation: "nearest" or "bilinear".
        seed: fixes the layers' streams of random numbers.
        data_format: "channels_last" (default) or "channels_first".
    """

    def __init__(self, value_range=(0, 255), num_ops=2, factor=0.5, interpolation="bilinear", seed=None,
                 data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.num_ops = positive(num_ops, "num_ops")
        self._begin_policy(value_range, factor, interpolation, seed, data_format)
        self._choices = [*self._moving(), *self._shading(), *self._spreading()]

    def change(self, images):
        for _ in range(self.num_ops):
            images = self._one_of(self._choices, images)
        return images


@export("keras.layers.AugMix")
class AugMix(_Policy):
    """Images mixed with means of chains of augmentations of themselves.

    Every image draws its own chains and shares, where Keras draws the same for a batch.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Source: Hendrycks and others (2020), arXiv:1912.02781.

    Args:
        value_range: the smallest and the largest number of the images.
        num_chains: how many chains are averaged, with random shares.
        chain_depth: the most augmentations of a chain; each may be left out.
        factor: how strong they are, drawn between (lower, upper) in [0, 1]; a single number is `upper`.
        alpha: of the distributions of the shares.
        all_ops: whether changes of brightness, contrast, colour and sharpness are among them.
        interpolation: "nearest" or "bilinear".
        seed: fixes the layers' streams of random numbers.
        data_format: "channels_last" (default) or "channels_first".
    """

    def __init__(self, value_range=(0, 255), num_chains=3, chain_depth=3, factor=0.3, alpha=1.0,  # noqa: PLR0913
                 all_ops=True, interpolation="bilinear", seed=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.num_chains = positive(num_chains, "num_chains")
        self.chain_depth = positive(chain_depth, "chain_depth")
        self.alpha, self.all_ops = alpha, all_ops
        self._begin_policy(value_range, factor, interpolation, seed, data_format)
        self._choices = [*self._moving(), *self._spreading(), *(self._shading() if all_ops else [])]

    def change(self, images):
        count, chains = images.shape[0], self.num_chains
        copies = ops.concatenate([images] * chains, axis=0)
        for _ in range(self.chain_depth):
            copies = self._one_of(self._choices, copies, idle=1)
        shares = random.gamma_from(*self._random(), (chains, count, 1, 1, 1), self.alpha)
        shares = shares / ops.maximum(ops.sum(shares, axis=0, keepdims=True), 1e-37)
        mixed = ops.sum(ops.reshape(copies, (chains, *images.shape)) * shares, axis=0)
        kept = random.beta_from(*self._random(), (count, 1, 1, 1), self.alpha, self.alpha)
        return self._cut(images * kept + mixed * (1.0 - kept))
