"""Masks: who makes them, who hands them on, and what they leave out. The numbers are those of Keras 3.15."""

import numpy as np
import pytest

import striate as keras
from striate import layers, ops

WORDS = np.array([[1, 2, 0, 0], [3, 3, 3, 0]])
TABLE = np.arange(10.0).reshape(5, 2)


class Numbers(layers.Layer):
    """Says itself where its output counts."""

    def call(self, inputs):
        return ops.cast(inputs[..., None], "float32")

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0)


def averaged(*make):
    """The mean over all places that count behind these layers, for WORDS."""
    model = keras.Sequential([keras.Input((4,)), *make, layers.GlobalAveragePooling1D()])
    return model.predict(WORDS, verbose=0)


def words(**kwargs):
    return layers.Embedding(5, 2, mask_zero=True, embeddings_initializer=lambda shape, dtype: TABLE, **kwargs)


def test_padding_of_an_embedding_does_not_count():
    assert averaged(words()).tolist() == [[3, 4], [6, 7]]


def test_a_layer_may_make_a_mask():
    assert averaged(Numbers()).tolist() == [[1.5], [3]]


def test_a_model_in_a_model_hands_its_mask_on():
    inner = keras.Sequential([keras.Input((4,)), words(), layers.Dropout(0.5)])
    assert averaged(inner).tolist() == [[3, 4], [6, 7]]


def test_a_layer_without_masks_ends_them_and_says_so():
    with pytest.warns(UserWarning, match=r"Layer 'conv' \(of type Conv1D\) was passed an input with a mask"):
        result = averaged(words(), layers.Conv1D(1, 1, kernel_initializer="ones", name="conv"))
    assert result.tolist() == [[(5 + 9 + 1 + 1) / 4], [(13 * 3 + 1) / 4]]


def test_masks_are_there_while_a_model_is_put_together(recwarn):
    class Shares(layers.Layer):
        """Softmax along the words; written for words that always have a mask, as in Keras' guide on masking."""

        supports_masking = True

        def call(self, inputs, mask=None):
            parts = ops.exp(inputs) * ops.expand_dims(ops.cast(mask, "float32"), -1)
            return parts / ops.sum(parts, axis=1, keepdims=True)
    words = keras.Input((None,), dtype="int32")
    embedded = layers.Embedding(9, 1, embeddings_initializer="zeros", mask_zero=True)(words)
    assert embedded._keras_mask.shape == (None, None) and embedded._keras_mask.dtype == "bool"
    model = keras.Model(words, Shares()(embedded))
    assert model.predict(np.array([[1, 2, 0], [3, 0, 0]]), verbose=0)[..., 0].tolist() == [[0.5, 0.5, 0], [1, 0, 0]]
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Embedding", "Shares"]
    assert not [str(warning.message) for warning in recwarn if "mask" in str(warning.message)]


def test_attention_takes_masks_without_a_warning(recwarn):
    inputs = keras.Input((4,))
    embedded = words()(inputs)
    model = keras.Model(inputs, layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(1, 2)(embedded, embedded)))
    model.predict(WORDS, verbose=0)
    assert not [str(warning.message) for warning in recwarn if "mask" in str(warning.message)]


def test_sums_count_where_any_part_does():
    one, other = np.array([[True, False]]), np.array([[True, True]])
    tensors = [np.ones((1, 2, 3))] * 2
    assert layers.Add().compute_mask(tensors, [one, other]).tolist() == [[True, True]]
    assert layers.Add().compute_mask(tensors, [one, None]) is None
    assert layers.Add().compute_mask(tensors) is None
    with pytest.raises(ValueError, match=r"one mask, or None, for each of the 2 inputs\. Received: layer='plus'"):
        layers.Add(name="plus").compute_mask(tensors, one)


@pytest.mark.parametrize("axis, places", [(1, [True, False, True, True]), (-1, [True, True])])
def test_concatenated_places_count_as_in_their_inputs(axis, places):
    tensors = [np.ones((1, 2, 3))] * 2
    found = layers.Concatenate(axis).compute_mask(tensors, [np.array([[True, False]]), None])
    assert np.asarray(found).tolist() == [places]


STEPS = np.array([[[1.0, 1], [2, 2], [0, 0], [0, 0]], [[1, 0], [0, 0], [0, 0], [0, 1]]])
LABELS = np.array([[0, 1, 0, 0], [0, 2, 0, 0]])


def own_error(y_true, y_pred):
    return ops.abs(ops.cast(y_true, "float32") - y_pred[..., 0])


@pytest.fixture(name="classifier")
def fixture_classifier():
    """Gives each of three classes a third at every step."""
    dense = layers.Dense(3, activation="softmax", kernel_initializer="ones")
    return keras.Sequential([keras.Input((4, 2)), layers.Masking(), layers.TimeDistributed(dense)])


@pytest.mark.parametrize("shards", [1, 2])
def test_metrics_leave_masked_places_out(classifier, shards, monkeypatch):
    monkeypatch.setenv("STRIATE_SHARDS", str(shards))
    classifier.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy", metrics=["accuracy", own_error])
    history = classifier.fit(STEPS, LABELS, verbose=0).history
    trained = {name: values[0] for name, values in history.items()}
    for logs in trained, classifier.evaluate(STEPS, LABELS, verbose=0, return_dict=True):
        assert logs["accuracy"] == pytest.approx(0.75)
        assert logs["own_error"] == pytest.approx(0.4166667)


def test_weights_of_metrics_count_where_the_mask_does(classifier):
    classifier.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    weights = np.array([[1.0, 3, 1, 1], [1, 1, 1, 5]])
    logs = classifier.evaluate(STEPS, LABELS, sample_weight=weights, verbose=0, return_dict=True)
    assert logs == pytest.approx({"accuracy": 0.7, "loss": 10 * 2 / 8 * np.log(3)})
    by_sample = classifier.evaluate(STEPS, LABELS, sample_weight=np.array([1.0, 3]), verbose=0, return_dict=True)
    assert by_sample["accuracy"] == pytest.approx(7 / 8)
