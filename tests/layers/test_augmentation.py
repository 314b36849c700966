"""Augmentations: what prediction sees, what training changes, labels that follow, the same numbers at every run."""

import numpy as np
import pytest

from striate import layers, random, seeds
from striate.errors import ArgumentError
from striate.models import Sequential

IMAGES = (np.random.RandomState(0).rand(4, 6, 7, 3) * 255).astype("float32")
KINDS = [layers.RandomHue(0.5, seed=1), layers.RandomSaturation(0.9, seed=1), layers.Solarization(0.2, 0.3, seed=1),
         layers.RandomColorDegeneration((0.5, 1.0), seed=1), layers.RandomPosterization(4, seed=1),
         layers.RandomColorJitter(brightness_factor=0.2, hue_factor=0.2, seed=1), layers.MixUp(seed=1),
         layers.RandomGaussianBlur((1.0, 1.0), seed=1), layers.CutMix(seed=1),
         layers.RandomShear(0.3, (0.1, 0.2), seed=1), layers.RandomPerspective((1.0, 1.0), 0.5, seed=1),
         layers.RandomElasticTransform((1.0, 1.0), seed=1), layers.RandAugment(num_ops=1, seed=1),
         layers.AugMix(chain_depth=1, seed=1), layers.Equalization()]
"""With seeds of their own: a stream that a layer is given here depends on what else was made before."""


@pytest.mark.parametrize("layer", KINDS, ids=[type(layer).__name__ for layer in KINDS])
def test_training_changes_images_and_prediction_does_not(layer):
    model = Sequential([layers.Input((6, 7, 3)), layer])
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), IMAGES)

    def drawn(seed):
        seeds.set_random_seed(seed)
        return np.asarray(layer(IMAGES, training=True))
    first = drawn(3)
    np.testing.assert_array_equal(drawn(3), first)
    assert first.shape == IMAGES.shape and np.isfinite(first).all() and np.abs(first - IMAGES).mean() > 1
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("layer", [layer for layer in KINDS if not isinstance(layer, (layers.CutMix,
                                                                                      layers.Equalization))],
                         ids=lambda layer: type(layer).__name__)
def test_channels_first_is_the_same_change(layer):
    kind, config = type(layer), layer.get_config() | {"seed": 5}
    seeds.set_random_seed(1)
    last = kind.from_config(config)(IMAGES, training=True)
    seeds.set_random_seed(1)
    first = kind.from_config(config | {"data_format": "channels_first"})(IMAGES.transpose(0, 3, 1, 2), training=True)
    np.testing.assert_allclose(np.asarray(first).transpose(0, 2, 3, 1), last, atol=2e-3)


@pytest.mark.parametrize("layer", [layers.MixUp(0.8), layers.CutMix()], ids=["MixUp", "CutMix"])
def test_labels_are_mixed_as_the_images_are(layer):
    constant = np.broadcast_to(np.arange(4.0).reshape(4, 1, 1, 1), (4, 32, 32, 1)).astype("float32")
    found = layer({"images": constant, "labels": np.eye(4)}, training=True)
    labels = np.asarray(found["labels"])
    np.testing.assert_allclose(labels.sum(1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(labels @ np.arange(4.0), np.asarray(found["images"]).mean((1, 2, 3)), atol=0.2)


def test_auto_contrast_reaches_both_ends_and_leaves_flat_channels():
    dull = np.stack([IMAGES[0, ..., 0] * 0.2 + 90, np.full((6, 7), 40.0)], -1).astype("float32")
    bright = np.asarray(layers.AutoContrast()(dull[None]))[0]
    assert (bright[..., 0].min(), bright[..., 0].max()) == (0, 255) and (bright[..., 1] == 40).all()


def test_a_pipeline_applies_its_layers_in_order_and_comes_back():
    pipeline = layers.Pipeline([layers.Rescaling(2.0), layers.RandomInvert(1.0)])
    again = layers.Pipeline.from_config(pipeline.get_config())
    np.testing.assert_array_equal(again(IMAGES, training=False), IMAGES * 2)
    assert [type(layer).__name__ for layer in again.layers] == ["Rescaling", "RandomInvert"]


def test_wrong_arguments_are_refused():
    for make in (lambda: layers.RandomGaussianBlur(kernel_size=4), lambda: layers.RandomPosterization(9),
                 lambda: layers.RandomPerspective(scale=2.0), lambda: layers.Pipeline([3])):
        with pytest.raises(ArgumentError, match="Received"):
            make()


def test_moments_of_gamma_beta_and_binomial():
    shape = (50_000,)
    for alpha in (0.3, 2.5):
        numbers = random.gamma(shape, alpha, seed=1)
        assert abs(numbers.mean() - alpha) < 0.05 * alpha + 0.01 and abs(numbers.var() - alpha) < 0.1 * alpha
    shares = random.beta(shape, 0.2, 0.6, seed=2)
    assert abs(shares.mean() - 0.25) < 0.01 and 0 <= shares.min() and shares.max() <= 1
    assert abs(random.binomial(shape, 10, 0.3, seed=3).mean() - 3.0) < 0.05
