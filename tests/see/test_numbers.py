"""Every explained number is the engine's; every sum is the one that NumPy makes by hand."""

import json

import numpy as np
import pytest
from see_networks import fill, sample

import striate as keras
from striate import engine, errors, layers, see
from striate.see import probe

PLACES = 4


def cases(made):
    for name, model in made.items():
        for layer in model.layers:
            yield name, layer


def mover():
    """A network of what moves, repeats and weighs single numbers."""
    inputs = keras.Input((6, 5, 2))
    x = layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 0.25])(inputs)
    x = layers.ZeroPadding2D(((2, 1), (0, 3)))(x)
    x = layers.Cropping2D(((1, 2), (1, 0)))(x)
    x = layers.UpSampling2D((2, 3))(x)
    x = layers.PReLU(alpha_initializer="random_normal", shared_axes=[1])(x)
    y = layers.GlobalMaxPooling2D(keepdims=True)(x)
    x = layers.Multiply()([x, y])
    x = layers.Permute((3, 1, 2))(x)
    return keras.Model(inputs, layers.Normalization(axis=None, mean=1.0, variance=9.0, invert=True)(x), name="mover")


def normed():
    return fill(keras.Sequential([
        keras.Input((5, 4, 6)), layers.LayerNormalization(), layers.GroupNormalization(3),
        layers.LayerNormalization(axis=[1, 3], center=False), layers.GroupNormalization(5, axis=1, scale=False),
        layers.UnitNormalization(), layers.UnitNormalization(axis=[1, 2]), layers.RMSNormalization(),
        layers.SeparableConv2D(3, 2, depth_multiplier=2, activation="relu"), layers.GroupNormalization(-1)]))


def multiplied():
    inputs = keras.Input((6, 4))
    x, y = layers.Conv1D(5, 2)(inputs), layers.Conv1D(5, 3)(inputs)
    square = layers.Dot(axes=2)([x, y])
    cosines = layers.Dot(axes=(2, 2), normalize=True)([x, y])
    turned = layers.Dot(axes=(1, 2))([cosines, layers.Permute((2, 1))(x)])
    one = layers.Dot(axes=1)([layers.Flatten()(cosines), layers.Flatten()(layers.UnitNormalization()(square))])
    return fill(keras.Model(inputs, layers.Dense(2)(layers.Concatenate()([one, layers.Flatten()(turned)]))))


def words():
    return fill(keras.Sequential([keras.Input((5,)), layers.Embedding(7, 3, name="table"), layers.Dense(2)]))


def attentive():
    inputs = keras.Input((6, 4))
    x = layers.MultiHeadAttention(2, 3, value_dim=5, use_gate=True, name="heads")(inputs, inputs)
    x, shares = layers.MultiHeadAttention(1, 3, sliding_window=2)(x, inputs, x, use_causal_mask=True,
                                                                  return_attention_scores=True)
    y = layers.GroupQueryAttention(2, 4, 2)(x, inputs)
    y = layers.Attention(use_scale=True)([y, x])
    y = layers.Attention(score_mode="concat", use_scale=True)([y, x, inputs], use_causal_mask=True)
    y = layers.AdditiveAttention()([y, x])
    return fill(keras.Model(inputs, layers.Concatenate()([y, layers.Reshape((6, 6))(shares)])))


def wrapped():
    return fill(keras.Sequential([
        keras.Input((3, 8, 7, 2)), layers.TimeDistributed(layers.Conv2D(4, 3, activation="relu")),
        layers.TimeDistributed(layers.MaxPooling2D(2)), layers.TimeDistributed(layers.Flatten()),
        layers.TimeDistributed(layers.SpectralNormalization(layers.Dense(4, activation="softmax"))),
        layers.SpectralNormalization(layers.Conv1D(5, 2)), layers.EinsumDense("...x,xy->...y", 3, "softmax", "y"),
        layers.EinsumDense("abc,cbd->ad", 4)]))


@pytest.mark.parametrize("network", ["plain", "residual", "line", "painter", mover, normed, multiplied, words,
                                     attentive, wrapped])
def test_number_is_the_models_own(made, network):
    model = made[network] if isinstance(network, str) else network()
    x = np.arange(10).reshape(2, 5) % 7 if network is words else sample(model, 2)
    random = np.random.default_rng(3)
    for tap in probe.taps(model, x):
        output = np.asarray(tap.output)
        for _ in range(PLACES):
            place = tuple(int(random.integers(n)) for n in output.shape[1:])
            found = see.number(model, x, tap.name, place, sample=1)
            # Another program may fuse other steps, and round the last bit otherwise.
            assert found.engine == pytest.approx(float(output[(1, *place)]), rel=1e-6)
            assert abs(found.value - found.engine) <= found.bound < 1e-3


def test_numbers_of_lines_are_moved_and_repeated():
    model = keras.Sequential([keras.Input((7, 2)), layers.ZeroPadding1D((2, 1)), layers.Cropping1D((1, 3)),
                              layers.UpSampling1D(3)])
    x = sample(model)
    for tap in probe.taps(model, x):
        for place in np.ndindex(*tap.output.shape[1:]):
            assert see.number(model, x, tap.layer, place).value == tap.output[(0, *place)]
    between = keras.Sequential([keras.Input((4, 4, 2)), layers.UpSampling2D(2, interpolation="bilinear")])
    with pytest.raises(errors.ArgumentError, match="no plain sum"):
        see.number(between, sample(between), 0, (1, 1, 1))


def test_number_by_hand():
    model = keras.Sequential([keras.Input((3, 3, 1)), layers.Conv2D(1, 2, activation="relu")])
    model.layers[0].kernel.assign(np.array([[1, 2], [3, 4]], np.float32).reshape(2, 2, 1, 1))
    model.layers[0].bias.assign(np.array([-30], np.float32))
    found = see.number(model, np.arange(9.0).reshape(3, 3), 0, (1, 1, 0))
    assert [term.product for term in found.terms] == [4, 10, 21, 32]
    assert found.partial_sums == [4, 14, 35, 67]
    assert found.total == 37 and found.value == 37 == found.engine
    assert json.loads(found.json())["terms"][2]["place"] == [2, 1, 0]
    assert "3" in found.latex() and "\\operatorname{relu}" in found.latex()
    assert "sum of 4 products" in str(found)


def test_padding_is_named():
    model = keras.Sequential([keras.Input((3, 3, 1)), layers.Conv2D(1, 3, padding="same")])
    found = see.number(model, np.ones((3, 3)), 0, (0, 0, 0))
    assert sum(term.place is None for term in found.terms) == 5
    assert "padding" in str(found)


@pytest.mark.parametrize("network,layer,weight", [
    ("plain", "grouped", (2, 1, 0, 3)), ("plain", "second", (1, 0, 2, 1)), ("plain", "scores", (7, 2)),
    ("residual", "stem", (0, 2, 1, 3)), ("line", "first", (0, 2, 1)), ("line", "score", (5, 0)),
    ("residual", "depth", (1, 2, 3, 0)), ("painter", "up", (2, 0, 1, 1)), ("painter", "more", (1, 3, 0, 2))])
def test_gradient_is_the_models_own(made, network, layer, weight):
    model = made[network]
    x = sample(model, 3)
    y = np.array([[0.0], [1.0], [1.0]], np.float32) if network == "line" else np.array([0, 2, 1])
    y = np.zeros((3, *model.output_shape[1:]), np.float32) if network == "painter" else y
    plain = {"line": "binary_crossentropy", "painter": "mean_squared_error"}.get(network)
    loss = plain or keras.losses.SparseCategoricalCrossentropy(from_logits=network == "residual")
    found = see.gradient_number(model, x, y, layer, weight, loss=loss)
    kernel = model.get_layer(layer).kernel

    def step(x, y):
        return engine.gradients(keras.ops.mean(keras.losses.get(loss)(y, model(x, training=False))), [kernel])
    expected = engine.Function(step, "gradient", mode="float64")(x, y)[0][weight]
    assert found.total == pytest.approx(float(expected), rel=1e-3, abs=1e-6)
    assert found.engine == pytest.approx(float(expected), rel=1e-3, abs=1e-6)
    assert str(found).startswith("d loss")


def test_errors_help(made):
    model = made["plain"]
    x = sample(model)
    with pytest.raises(errors.ArgumentError, match="has no such layer. It has: 0 grouped, 1 largest"):
        see.number(model, x, "nonsense", (0, 0, 0))
    with pytest.raises(errors.ArgumentError, match=r"\(row, column, channel\)"):
        see.number(model, x, "grouped", (99, 0, 0))
    with pytest.raises(errors.ShapeError, match=r"takes inputs of shape \(12, 10, 2\)"):
        see.number(model, np.ones((5, 5)), "grouped", (0, 0, 0))
    with pytest.raises(errors.TypeMismatchError, match="must be a model"):
        see.arithmetic("uva")
    with pytest.raises(errors.ArgumentError, match="Make an Input the first layer"):
        see.arithmetic(keras.Sequential([layers.Dense(3)]))
    with pytest.raises(errors.ArgumentError, match="needs a loss"):
        see.gradient_number(model, x, [0], "scores", (0, 0))
    with pytest.raises(errors.ArgumentError, match="is no plain sum"):
        odd = keras.Sequential([keras.Input((3, 4)), layers.TimeDistributed(keras.Sequential([layers.Dense(2)]))])
        see.number(odd, np.ones((3, 4)), 0, (1, 1))


def test_weights_that_are_not_learnt_are_explained():
    x = np.array([1.0, 2.0, 6.0])
    model = keras.Sequential([keras.Input((3,)), layers.LayerNormalization(epsilon=0)])
    found = see.number(model, x, 0, 2)
    assert [term.place for term in found.terms] == [(0,), (1,), (2,)]
    assert [term.weight for term in found.terms] == pytest.approx(np.array([-1, -1, 2]) / 3 / x.std())
    assert found.note.startswith(f"{1 / x.std():.4g} is gamma by the deviation of these 3 numbers") \
        and found.note in str(found)
    assert "deviation" in found.figure().svg() and found.data()["note"] == found.note
    one = see.number(keras.Sequential([keras.Input((3,)), layers.UnitNormalization()]), x, 0, 1)
    assert one.terms[0].weight == pytest.approx(1 / np.sqrt(41)) and "length of the vector, 6.403" in one.note
    model = words()
    row = see.number(model, np.array([4, 4, 2, 0, 6]), "table", (2, 1))
    assert row.terms[0].tap == (2, 1) and row.value == model.layers[0].embeddings.numpy()[2, 1]
    assert row.note == "Row 2 of the table counts once, because the input says 2."


def test_channels_first():
    first = keras.Sequential([keras.Input((2, 6, 6)), layers.Conv2D(3, 3, data_format="channels_first")])
    found = see.number(first, sample(first), 0, (2, 1, 3))
    assert found.index == (1, 3, 2) and len(found.terms) == 18
    order = {"data_format": "channels_first"}
    for behind in (layers.Flatten(**order), layers.GlobalMaxPooling2D(**order), layers.UpSampling2D((2, 1), **order),
                   layers.ZeroPadding2D(((1, 0), (2, 0)), **order), layers.Cropping2D(1, **order)):
        model = keras.Sequential([keras.Input((2, 6, 5)), layers.Conv2D(3, 3, **order), behind])
        output = model.predict(sample(model), verbose=0)[0]
        for place in np.ndindex(*output.shape):
            assert see.number(model, sample(model), 1, place).engine == pytest.approx(float(output[place]), rel=1e-6)
