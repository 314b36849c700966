"""Models that share layers and are trained in turn: a GAN as Keras 2's tutorials write it."""

import numpy as np
import pytest

from striate import Input, Model, Sequential, layers, optimizers, seeds
from striate.callbacks import Callback

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


def chain(one, other, optimizer):
    """A model that trains two layers, and one that trains the second of them alone."""
    both = Sequential([Input((5,)), one, other])
    single = Sequential([Input((4,)), other])
    for model in (both, single):
        model.compile(optimizer(), "mse")
    return both, single


class PerVariable(optimizers.SGD):
    """SGD that keeps no flat vectors: nothing moves in memory."""

    whole = False


def alternate(optimizer, inside_fit):
    seeds.set_random_seed(9)
    one, other = layers.Dense(4, name="one"), layers.Dense(3, name="other")
    both, single = chain(one, other, lambda: optimizer(0.05, momentum=0.9))
    x, h, y = (np.random.default_rng(1).random((12, width), np.float32) for width in (5, 4, 3))
    if inside_fit:
        single.train_on_batch(h, y)

        class Between(Callback):
            def on_train_batch_end(self, batch, logs=None):
                single.train_on_batch(h, y)
        both.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=[Between()])
    else:
        for _ in range(3):
            both.train_on_batch(x, y)
            single.train_on_batch(h, y)
    return both.get_weights()


@pytest.mark.parametrize("inside_fit", [False, True])
def test_weights_of_two_optimizers_follow_when_they_move_in_memory(inside_fit):
    for found, expected in zip(alternate(optimizers.SGD, inside_fit), alternate(PerVariable, inside_fit), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_slots_of_variables_with_equal_paths_stay_apart():
    results = []
    for optimizer in (optimizers.SGD, PerVariable):
        seeds.set_random_seed(9)
        one, other = layers.Dense(4, name="same"), layers.Dense(4, name="same")
        first, second = Input((4,)), Input((4,))
        inner = Model(first, one(first)), Model(second, other(second))
        whole = Input((4,))
        both, single = Model(whole, inner[1](inner[0](whole))), inner[1]
        both.compile(optimizer(0.05, momentum=0.9), "mse")
        single.compile(optimizer(0.05, momentum=0.9), "mse")
        x, y = (np.random.default_rng(seed).random((6, 4), np.float32) for seed in (1, 2))
        for _ in range(3):
            both.train_on_batch(x, y)
            single.train_on_batch(x, y)
        results.append(both.get_weights())
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
