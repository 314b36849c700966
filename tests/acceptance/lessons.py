"""Twenty training steps of each lecture network, described so that striate and real Keras can both take them.

Weights and images come from PCG64's raw words, whose stream NumPy promises to keep, so that the recorded results of
`keras_steps.json` stay comparable.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import sqrt

import numpy as np

STEPS = 20


@dataclass(frozen=True)
class Lesson:
    """A network of the zoo, the images of one step, and the optimizer as a Keras configuration."""

    network: str
    batch: int
    optimizer: dict

    def model(self):
        """The network as the zoo builds it, but without dropout, with the lesson's weights, compiled."""
        import striate as keras
        from striate import zoo

        recipe = zoo.recipe(self.network)
        model = keras.models.model_from_json(json.dumps(without_dropout(json.loads(zoo.build(self.network).to_json()))))
        model.set_weights(weights_like(model.get_weights()))
        model.compile(optimizer=keras.optimizers.deserialize(self.optimizer), loss=recipe.make_loss(),
                      metrics=["accuracy"])
        return model

    def data(self):
        """Images (batch, height, width, channels) in [0, 1) and labels in the form that the loss wants."""
        from striate import datasets, zoo

        model, recipe = zoo.build(self.network), zoo.recipe(self.network)
        count, shape = self.batch, tuple(model.input_shape[1:])
        classes = max(2, model.output_shape[-1])
        if shape == (28, 28, 1):
            images, labels = (array[:count] for array in datasets.fashion_mnist.load_data(subset=True)[0])
            images = (images[..., None] / 255).astype(np.float32)
        else:
            labels = (draw(1, count) * classes).astype(np.int64)
            images = draw(2, count * int(np.prod(shape))).reshape(count, *shape) * np.float32(0.7)
            images[np.arange(count), labels * shape[0] // classes] += np.float32(0.3)
        if recipe.one_hot_labels:
            labels = np.eye(classes, dtype=np.float32)[labels]
        return images, labels


LESSONS = {lesson.network: lesson for lesson in (
    Lesson("yale", 4, {"class_name": "Adam", "config": {"learning_rate": 0.001}}),
    Lesson("uva", 16, {"class_name": "Adam", "config": {"learning_rate": 0.0001}}),
    Lesson("nova", 16, {"class_name": "SGD", "config": {"learning_rate": 0.0001, "momentum": 0.9}}),
    Lesson("tue", 8, {"class_name": "SGD", "config": {"learning_rate": 0.01, "momentum": 0.9}}),
)}


def draw(seed: int, count: int) -> np.ndarray:
    """float32 numbers in [0, 1), the same in every version of NumPy."""
    return ((np.random.PCG64(seed).random_raw(count) >> np.uint64(40)) * 2.0 ** -24).astype(np.float32)


def weights_like(arrays: list) -> list:
    """Glorot's uniform numbers in place of every kernel; biases and statistics stay as they are made."""
    found = []
    for index, array in enumerate(arrays):
        if array.ndim >= 2:
            field = int(np.prod(array.shape[:-2]))
            limit = sqrt(6 / (field * (array.shape[-2] + array.shape[-1])))
            array = ((draw(100 + index, array.size) * 2 - 1) * limit).astype(np.float32).reshape(array.shape)
        found.append(array)
    return found


def without_dropout(config):
    """The configuration of a model with every dropout rate 0."""
    for layer in config["config"]["layers"]:
        if layer["class_name"] == "Dropout":
            layer["config"]["rate"] = 0.0
    return config


def train(model, images, labels) -> dict:
    """Twenty steps on one batch, by `train_on_batch` of striate or Keras: what the run came to."""
    losses = []
    for _ in range(STEPS):
        model.reset_metrics()
        losses.append(float(np.asarray(model.train_on_batch(images, labels)[0])))
    return {"losses": losses, "weights": [summary(array) for array in model.get_weights()]}


def summary(array) -> list:
    """The sum of an array and of its absolute values, added in float64."""
    array = np.asarray(array, np.float64)
    return [float(array.sum()), float(np.abs(array).sum())]
