"""Attention layers: written out with NumPy, masks, files, gradients; spectral normalisation."""

import numpy as np
import pytest

from striate import Input, Model, Sequential, layers, saving, seeds
from striate.errors import ArgumentError, ShapeError

RANDOM = np.random.RandomState(0)
QUERY, VALUE = RANDOM.randn(2, 5, 4).astype("float32"), RANDOM.randn(2, 6, 4).astype("float32")


def softmax(scores):
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def test_dot_and_additive_attention():
    expected = softmax(QUERY @ VALUE.transpose(0, 2, 1)) @ VALUE
    np.testing.assert_allclose(layers.Attention()([QUERY, VALUE]), expected, rtol=1e-5, atol=1e-6)
    layer = layers.AdditiveAttention()
    outputs, weights = layer([QUERY, VALUE], return_attention_scores=True)
    sums = np.tanh(QUERY[:, :, None] + VALUE[:, None]) @ layer.scale.numpy()
    np.testing.assert_allclose(weights, softmax(sums), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs, softmax(sums) @ VALUE, rtol=1e-5, atol=1e-6)


def test_masks_and_causality():
    mask = np.array([[True] * 4 + [False] * 2] * 2)
    _, weights = layers.Attention()([QUERY, VALUE], mask=[None, mask], return_attention_scores=True)
    assert (np.asarray(weights)[:, :, 4:] == 0).all()
    _, weights = layers.MultiHeadAttention(2, 3)(QUERY, QUERY, return_attention_scores=True, use_causal_mask=True)
    assert weights.shape == (2, 2, 5, 5) and (np.triu(np.asarray(weights), 1) == 0).all()
    _, weights = layers.MultiHeadAttention(2, 3, sliding_window=2)(QUERY, QUERY, return_attention_scores=True)
    assert ((np.asarray(weights)[0, 0] > 0) == (np.abs(np.subtract.outer(np.arange(5), np.arange(5))) < 2)).all()


def test_many_heads_are_heads_side_by_side():
    layer = layers.MultiHeadAttention(2, 3, value_dim=5)
    found = np.asarray(layer(QUERY, VALUE))
    (q, qb), (k, kb), (v, vb), (out, outb) = zip(*[iter(layer.get_weights())] * 2, strict=True)
    expected = outb
    for head in range(2):
        scores = (QUERY @ q[:, head] + qb[head]) @ (VALUE @ k[:, head] + kb[head]).transpose(0, 2, 1) / np.sqrt(3)
        expected = expected + softmax(scores) @ (VALUE @ v[:, head] + vb[head]) @ out[head]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_grouped_queries_with_equal_heads_are_many_heads():
    many, grouped = layers.MultiHeadAttention(2, 3), layers.GroupQueryAttention(3, 2, 2)
    for layer in (many, grouped):
        layer.build(QUERY.shape, VALUE.shape)
    grouped.set_weights(many.get_weights())
    np.testing.assert_array_equal(grouped(QUERY, VALUE), many(QUERY, VALUE))
    assert layers.GroupQueryAttention(3, 4, 2)(QUERY, VALUE).shape == (2, 5, 4)


@pytest.mark.slow
def test_attention_over_the_places_of_a_feature_map_trains_and_comes_back(tmp_path):
    seeds.set_random_seed(2)
    inputs = Input((6, 6, 1))
    maps = layers.Reshape((36, 8))(layers.Conv2D(8, 3, padding="same")(inputs))
    seen = layers.MultiHeadAttention(2, 4, dropout=0.1, use_gate=True)(maps, maps)
    model = Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling1D()(seen)))
    model.compile("adam", "mse")
    x = RANDOM.randn(16, 6, 6, 1).astype("float32")
    losses = model.fit(x, x[:, 2, 3], epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    again = saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_wrong_heads_and_shapes_are_refused():
    with pytest.raises(ArgumentError, match="num_heads"):
        layers.MultiHeadAttention(0, 3)
    with pytest.raises(ArgumentError, match="divisible"):
        layers.GroupQueryAttention(3, 3, 2)
    with pytest.raises(ArgumentError, match="score_mode"):
        layers.Attention(score_mode="cosine")
    with pytest.raises(ArgumentError, match=r"\[query, value\]"):
        layers.Attention()(QUERY)
    with pytest.raises(ShapeError, match="must be equal"):
        layers.MultiHeadAttention(1, 3)(QUERY, VALUE, QUERY)


@pytest.mark.slow
def test_spectral_normalisation_divides_by_the_largest_singular_value():
    seeds.set_random_seed(1)
    layer = layers.SpectralNormalization(layers.Conv2D(4, 3), power_iterations=40)
    model = Sequential([Input((7, 7, 2)), layer, layers.Flatten(), layers.Dense(1)])
    x = RANDOM.randn(8, 7, 7, 2).astype("float32")
    kernel, bias = layer.layer.get_weights()
    plain = layers.Conv2D(4, 3)
    plain.build((None, 7, 7, 2))
    plain.set_weights([kernel / np.linalg.svd(kernel.reshape(-1, 4))[1][0], bias])
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-4, atol=1e-5)
    model.compile("adam", "mse")
    before = layer.vector_u.numpy()
    losses = model.fit(x, x[:, 0, 0, :1], epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and (layer.vector_u.numpy() != before).any()
    assert (layer.layer.kernel.numpy() != kernel).any() and len(model.weights) == 5
    with pytest.raises(ArgumentError, match="`kernel` or `embeddings`"):
        layers.SpectralNormalization(layers.Flatten())(x)
