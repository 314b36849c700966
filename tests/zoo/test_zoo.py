"""The networks of the zoo have the sizes of their sources and recipes that compile."""

import numpy as np
import pytest

from striate import zoo
from striate.errors import ArgumentError

PARAMETERS = {"yale": 62_338, "uva": 1_413_834, "nova": 1_679_082, "tue": 824_201, "lenet5": 61_706,
              "small": 225_034}


@pytest.mark.parametrize("name", zoo.names())
def test_sizes_and_recipes(name):
    model = zoo.build(name)
    assert model.count_params() == PARAMETERS[name] and model.name == name
    recipe = zoo.recipe(name)
    assert recipe.compile(model) is model and model.optimizer.name
    assert recipe.epochs and recipe.batch_size and recipe.source and recipe.inputs


def test_layers_of_the_yale_baseline():
    model = zoo.yale()
    assert [layer.output.shape for layer in model.layers] == [
        (None, 124, 124, 32), (None, 31, 31, 32), (None, 30752), (None, 2)]
    assert [layer.count_params() for layer in model.layers] == [832, 0, 0, 61_506]


@pytest.mark.parametrize("name", zoo.names())
def test_other_pictures_and_classes(name):
    model = zoo.build(name, input_shape=(32, 28, 3), classes=3)
    assert model.output_shape == (None, 3)
    assert np.isfinite(model.predict(np.ones((1, 32, 28, 3), np.float32), verbose=0)).all()


def test_nova_is_trained_as_the_slides_say():
    optimizer = zoo.recipe("nova").make_optimizer()
    assert float(optimizer.learning_rate) == pytest.approx(0.01) and optimizer.momentum == 0.9
    assert optimizer.decay == pytest.approx(0.01 / 25)
    assert zoo.recipe("nova").one_hot_labels and zoo.recipe("yale").make_loss().get_config()["from_logits"] is True


def test_unknown_names():
    with pytest.raises(ArgumentError, match="yale, uva, nova, tue, lenet5, small"):
        zoo.build("vgg")
