"""`predict_step` of the user's class; models that train the same layers in turn."""

import numpy as np

import striate as keras
from striate import engine, layers, ops


class Classes(keras.Model):
    """Predicts class numbers and how sure it is."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(x)

    def predict_step(self, data):
        probabilities = ops.softmax(self(data, training=False))
        return {"class": ops.argmax(probabilities, axis=-1), "share": ops.max(probabilities, axis=-1)}


def test_predict_gives_what_the_own_step_gives():
    x = np.random.default_rng(0).normal(size=(70, 4)).astype("f")
    model = Classes()
    found = model.predict(x, batch_size=32, verbose=0)
    scores = np.asarray(model(x))
    assert found["class"].tolist() == scores.argmax(-1).tolist() and found["share"].shape == (70,)
    assert model.predict_on_batch(x)["class"].tolist() == found["class"].tolist()
    model.compile("sgd", "mse")
    model.fit(x, np.ones((70, 3), "f"), verbose=0)
    assert model.predict(x, verbose=0)["class"].tolist() == np.asarray(model(x)).argmax(-1).tolist()


def test_prediction_follows_layers_that_were_added():
    model = keras.Sequential([layers.Input((2,)), layers.Dense(2, kernel_initializer="ones")])
    assert model.predict(np.ones((1, 2)), verbose=0).tolist() == [[2, 2]]
    model.add(layers.Dense(1, kernel_initializer="ones"))
    assert model.predict(np.ones((1, 2)), verbose=0).tolist() == [[4]]


def pair(eagerly):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    shared = layers.Dense(3, activation="tanh")(inputs)
    models = [keras.Model(inputs, layers.Dense(units)(shared)) for units in (1, 2)]
    for model in models:
        model.compile(keras.optimizers.Adam(0.05), "mse", run_eagerly=eagerly)
    return models


def test_models_that_train_the_same_layer_in_turn_are_compiled_once(monkeypatch):
    compiled = []
    original = engine.compile_graph
    monkeypatch.setattr(engine, "compile_graph", lambda *given: compiled.append(1) or original(*given))
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("f")
    targets = [np.ones((8, 1), "f"), np.zeros((8, 2), "f")]
    losses = {}
    for eagerly in (False, True):
        models = pair(eagerly)
        losses[eagerly] = [[model.train_on_batch(x, y) for model, y in zip(models, targets, strict=True)]
                           for _ in range(5)]
        if not eagerly:
            assert len(compiled) == 2
            assert np.allclose(models[0].layers[1].get_weights()[0], models[1].layers[1].get_weights()[0])
    assert np.allclose(losses[False], losses[True], rtol=1e-4, atol=1e-6)
    assert losses[False][-1][0] < losses[False][0][0]
