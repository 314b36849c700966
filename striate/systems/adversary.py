"""Two networks trained against each other: a generator makes pictures out of noise, a discriminator tells them apart.

In each step the discriminator sees real and made pictures in one batch and learns which is which; the generator learns
from the same answers how its pictures would have been taken for real ones. Both steps are one compiled program.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from striate import engine, ops, random, zoo
from striate.models import Model

REAL, LEAST_REAL = 1.0, 0.9
"""What the discriminator is to say about a real picture. In its own lesson a little less, so that it never becomes so
sure that nothing is left for the generator to learn from."""


class Adversary(Model):
    """A generator and a discriminator as one model: `fit` trains both on real pictures alone, without labels.

    Args:
        generator: a model from noise (batch, noise) to pictures (batch, height, width, channels) from -1 to 1.
        discriminator: a model from such pictures to one score a picture; positive means real.

    Example:
        >>> pair = Adversary(zoo.build("dcgan_generator", output_shape=(16, 16, 1), filters=(8, 4)),
        ...                  zoo.build("dcgan_discriminator", input_shape=(16, 16, 1), filters=(4, 8)))
        >>> pair.compile()
        >>> real = np.zeros((8, 16, 16, 1), np.float32)
        >>> sorted(pair.fit(real, batch_size=4, verbose=0).history)
        ['discriminator_loss', 'fakes_found', 'generator_loss', 'reals_found']
        >>> pair.pictures(3).shape
        (3, 16, 16, 1)
    """

    def __init__(self, generator, discriminator, **keywords):
        from striate import losses, metrics

        super().__init__(**keywords)
        self.generator, self.discriminator = generator, discriminator
        self.noise = int(generator.input_shape[-1])
        self.error = losses.BinaryCrossentropy(from_logits=True)
        self.draws = random.SeedGenerator()
        self.trackers = {name: metrics.Mean(name=name) for name in
                         ("discriminator_loss", "generator_loss", "reals_found", "fakes_found")}

    def compile(self, discriminator_optimizer=None, generator_optimizer=None) -> None:  # type: ignore[override]
        """Sets the two optimizers; those of the zoo's recipes unless given."""
        self.generator_optimizer = generator_optimizer or zoo.recipe("dcgan_generator").make_optimizer()
        super().compile(optimizer=discriminator_optimizer or zoo.recipe("dcgan_discriminator").make_optimizer())

    @property
    def metrics(self) -> list:
        """Means over an epoch: both losses, and the shares of real and of made pictures that were recognised."""
        return list(self.trackers.values())

    def call(self, inputs):
        """Scores of pictures: positive means real."""
        return self.discriminator(inputs)

    def train_step(self, data) -> dict[str, Any]:
        """One step of both networks on a batch of real pictures (batch, height, width, channels)."""
        count = data.shape[0]
        made = self.generator(random.normal((count, self.noise), seed=self.draws), training=True)
        scores = self.discriminator(ops.concatenate([data, made], axis=0), training=True)
        of_real, of_made = scores[:count], scores[count:]
        losses = {
            "discriminator_loss": (self.error(ops.full_like(of_real, LEAST_REAL), of_real)
                                   + self.error(ops.zeros_like(of_made), of_made)) * 0.5,
            "generator_loss": self.error(ops.full_like(of_made, REAL), of_made)}
        for name, part, optimizer in (("discriminator_loss", self.discriminator, self.optimizer),
                                      ("generator_loss", self.generator, self.generator_optimizer)):
            weights = part.trainable_variables
            optimizer.apply(engine.gradients(losses[name], weights), weights)
        found = losses | {"reals_found": ops.mean(ops.cast(of_real > 0, "float32")),
                          "fakes_found": ops.mean(ops.cast(of_made < 0, "float32"))}
        for name, value in found.items():
            self.trackers[name].update_state(value)
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    def pictures(self, count: int, seed: int = 0) -> np.ndarray:
        """New pictures (count, height, width, channels) from -1 to 1; the same for the same seed."""
        noise = np.random.Generator(np.random.PCG64(seed)).standard_normal((count, self.noise), np.float32)
        return self.generator.predict(noise, batch_size=64, verbose=0)
