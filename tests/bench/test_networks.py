"""The described networks: shapes, weights, and that striate builds every one of them."""

from itertools import islice

import numpy as np
import pytest

import striate
from benchmarks import keras_model
from benchmarks.networks import (
    Network,
    conv,
    data,
    dense,
    every_layer,
    flatten,
    flops,
    initial_weights,
    merge,
    pool,
    resolve,
    window,
)
from benchmarks.random_networks import BATCHES, FEWEST_FLOPS, MOST_FLOPS, networks
from benchmarks.sets import LECTURES, NETWORKS


@pytest.mark.parametrize("length, size, stride, padding, expected", [
    (28, 5, 1, "same", (28, 2, 2)), (28, 5, 1, "valid", (24, 0, 0)), (32, 3, 2, "same", (16, 0, 1)),
    (33, 3, 2, "same", (17, 1, 1)), (7, 2, 2, "valid", (3, 0, 0)), (10, 1, 3, "same", (4, 0, 0))])
def test_window(length, size, stride, padding, expected):
    assert window(length, size, stride, padding) == expected


@pytest.mark.parametrize("name, parameters", [("yale", 62338), ("uva", 1413834)])
def test_lecture_networks_have_the_parameters_of_their_slides(name, parameters):
    weights = initial_weights(resolve(LECTURES[name]))
    assert sum(array.size for arrays in weights.values() for array in arrays) == parameters


@pytest.mark.parametrize("name, mega", [("yale", 24.7), ("uva", 178.9), ("nova", 39.8), ("tue", 12.3)])
def test_operations_of_a_forward_pass(name, mega):
    assert flops(resolve(LECTURES[name])) / 1e6 == pytest.approx(mega, rel=0.01)


def test_branches_are_resolved_and_named_once():
    layers = resolve(Network((8, 8, 2), (merge("concatenate", [conv(3, 1)], [conv(4, 3), conv(5, 3)], []), flatten(),
                                         dense(2))))
    names = [layer.name for layer in every_layer(layers)]
    assert layers[0].output_shape == (8, 8, 10)
    assert len(names) == len(set(names)) == 6


def test_branches_that_cannot_be_added_are_refused():
    with pytest.raises(ValueError, match="different shapes"):
        resolve(Network((8, 8, 2), (merge("add", [conv(3, 1)], []),)))


def test_a_map_that_vanishes_is_refused():
    with pytest.raises(ValueError, match="Nothing is left"):
        resolve(Network((3, 3, 1), (pool(4), flatten(), dense(2))))


@pytest.mark.parametrize("name", NETWORKS)
def test_striding_pads_both_sides_alike(name):
    """Otherwise PyTorch would have to pad in a step of its own."""
    for layer in every_layer(resolve(NETWORKS[name])):
        if layer.kind in ("conv", "depthwise"):
            for side in layer.input_shape[:-1]:
                _, before, after = window(side, layer.options["size"], layer.options["strides"],
                                          layer.options["padding"])
                assert before == after


@pytest.mark.parametrize("name", NETWORKS)
def test_striate_builds_the_network_with_the_common_weights(name):
    network = NETWORKS[name]
    model, layers = keras_model.build(striate, network, with_dropout=True), resolve(network)
    assert model.output_shape == (None, network.classes)
    for layer, arrays in initial_weights(layers).items():
        for actual, expected in zip(model.get_layer(layer).get_weights(), arrays, strict=True):
            assert np.array_equal(actual, expected)


def test_data_fit_the_network():
    x, y = data(NETWORKS["tue"], 3)
    assert x.shape == (3, 64, 64, 1) and x.dtype == np.float32
    assert set(y) <= {0, 1}
    assert keras_model.targets(NETWORKS["tue"], y).shape == (3, 1)


def test_random_networks_are_the_same_again_and_of_bearable_size():
    found = list(islice(networks(3), 8))
    assert found == list(islice(networks(3), 8))
    assert found != list(islice(networks(4), 8))
    for network, batch in found:
        assert batch in BATCHES
        assert FEWEST_FLOPS <= flops(resolve(network)) * batch <= MOST_FLOPS


def test_a_network_survives_being_written_to_json():
    import json

    network = NETWORKS["residual"]
    again = Network(**json.loads(json.dumps(network.described())))
    assert resolve(again)[-1].output_shape == (10,)
    assert list(initial_weights(resolve(again))) == list(initial_weights(resolve(network)))
