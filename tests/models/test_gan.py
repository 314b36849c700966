"""Models that share layers and are trained in turn: a GAN as Keras 2's tutorials write it."""

import numpy as np
import pytest

from striate import Input, Model, Sequential, layers, losses, metrics, ops, optimizers, seeds

GENERATOR = np.random.default_rng(11)


def make(optimizer):
    seeds.set_random_seed(4)
    discriminator = Sequential([Input((6, 6, 1)), layers.Conv2D(4, 3, strides=2, activation="leaky_relu"),
                                layers.Flatten(), layers.Dropout(0.2), layers.Dense(1, activation="sigmoid")])
    discriminator.compile(optimizer(), "binary_crossentropy", metrics=["accuracy"])
    generator = Sequential([Input((5,)), layers.Dense(36, activation="relu"), layers.BatchNormalization(),
                            layers.Reshape((6, 6, 1)), layers.Conv2D(1, 3, padding="same", activation="tanh")])
    discriminator.trainable = False
    noise = Input((5,))
    combined = Model(noise, discriminator(generator(noise)))
    combined.compile(optimizer(), "binary_crossentropy")
    return generator, discriminator, combined


def weights(model):
    return np.concatenate([array.ravel() for array in model.get_weights()])


@pytest.mark.parametrize("optimizer", [lambda: optimizers.Adam(0.01), lambda: optimizers.SGD(0.1, momentum=0.5),
                                       lambda: optimizers.RMSprop(0.01), lambda: optimizers.Adam(0.01, clipnorm=1.0)])
def test_generator_and_discriminator_move_in_turn(optimizer):
    generator, discriminator, combined = make(optimizer)
    real, noise = GENERATOR.random((8, 6, 6, 1), np.float32), GENERATOR.standard_normal((8, 5)).astype(np.float32)
    ones, zeros = np.ones((8, 1), np.float32), np.zeros((8, 1), np.float32)
    for _ in range(4):
        before = weights(generator), weights(discriminator)
        discriminator.train_on_batch(real, ones)
        discriminator.train_on_batch(generator.predict(noise, verbose=0), zeros)
        middle = weights(generator), weights(discriminator)
        combined.train_on_batch(noise, ones)
        after = weights(generator), weights(discriminator)
        assert (before[0] == middle[0]).all() and (before[1] != middle[1]).any()
        assert (middle[1] == after[1]).all() and (middle[0] != after[0]).sum() > 30
        expected = discriminator.predict(generator.predict(noise, verbose=0), verbose=0)
        np.testing.assert_array_equal(combined.predict(noise, verbose=0), expected)
