"""The decks' arithmetic."""

import numpy as np
import pytest

import striate as keras
from striate import errors, layers, see, zoo


def test_deck_y():
    found = see.arithmetic(zoo.build("yale"))
    assert [layer.parameters for layer in found.layers] == [832, 0, 0, 61506]
    assert found.parameters == 62338
    assert found.layers[0].size_formulas[0] == "height: floor((128 + 0 + 0 - 5) / 1) + 1 = 124"
    assert found.layers[0].parameter_formula.startswith("(5 * 5 * 1 + 1) * 32 = 832")
    assert "61,504 weights + 2 biases" in found.layers[3].parameter_formula
    assert "98.7% of the parameters are in" in str(found)
    assert found.layers[0].flops >= 2 * 25 * 124 * 124 * 32


def test_floor_and_padding_side_are_told():
    model = keras.Sequential([keras.Input((7, 8, 1)), layers.Conv2D(1, 2, padding="same"), layers.MaxPooling2D(2)])
    text = str(see.arithmetic(model))
    assert "the floor leaves 1 at the end out" in text
    assert 'padding "same": 0 before and 1 after' in text


@pytest.mark.parametrize("name", ["uva", "nova", "tue", "lenet5"])
def test_parameters_are_the_models(name):
    model = zoo.build(name)
    found = see.arithmetic(model)
    assert found.parameters == model.count_params()
    assert [layer.output_shape for layer in found.layers] == [layer.output.shape[1:] for layer in model.layers
                                                            if type(layer).__name__ != "InputLayer"]


def test_connections():
    found = see.connectivity()
    assert (found.full, found.sparse, found.shared) == (15, 9, 3)
    with pytest.raises(errors.ArgumentError, match="at most pixels - taps"):
        see.connectivity(3, 3, 3)


def test_edge_detection():
    found = see.edge_detection()
    assert found.convolution == 267_960
    assert found.matrix == 319 * 280 * 320 * 280 == 8_003_072_000
    image = np.arange(12.0).reshape(3, 4)
    assert (see.edge_detection(image).edges == 1).all()


def test_three_forms_and_toeplitz():
    random = np.random.default_rng(0)
    image, kernel = random.integers(-3, 4, (5, 6)), random.integers(-3, 4, (2, 3))
    forms = see.convolution_forms(image, kernel)
    assert (forms.convolution == forms.commuted).all()
    assert (forms.convolution == see.convolution_forms(image, np.flip(kernel)).correlation).all()
    for flip, expected in ((False, forms.correlation), (True, forms.convolution)):
        matrix = see.toeplitz(kernel, image.shape, flip=flip).matrix
        assert (matrix @ image.ravel() == expected.ravel()).all()
    assert (see.convolve(image[0], kernel[0], "full") == np.convolve(image[0], kernel[0])).all()
    assert (see.convolve(image[0], kernel[0], "valid") == np.convolve(image[0], kernel[0], "valid")).all()
    assert (see.toeplitz([1, 2, 3], 5, flip=True).matrix[0] == [3, 2, 1, 0, 0]).all()


def test_signals():
    assert see.matched_filter(place=77, noise=0.1).facts["found at"] == 77
    assert see.impulse_response().facts["largest difference"] < 1e-12
    with pytest.raises(errors.ArgumentError, match="not linear"):
        see.impulse_response(lambda line: line ** 2)
    noisy = see.noisy_sensor()
    assert np.mean((noisy["smoothed"] - noisy["truth"]) ** 2) < np.mean((noisy["measured"] - noisy["truth"]) ** 2)
    smooth = see.smoothing()
    assert np.abs(np.diff(smooth["smoothed"])).mean() < 0.2 * np.abs(np.diff(smooth["signal"])).mean()


def test_x_or_o_has_the_decks_numbers():
    from striate.datasets import x_or_o
    from striate.see.letters import cut

    found = see.x_or_o()
    assert cut(found.maps[0, :4, 0]).tolist() == [0.77, -0.11, 0.11, 0.33]
    assert cut(found.pooled[0, :, 0]).tolist() == [1.0, 0.33, 0.55, 0.33]
    for letter, name in enumerate("XO"):
        for trick in ({"shift": (1, 0)}, {"scale": 0.8}, {"angle": 15}, {"thickness": 1.8}):
            assert see.x_or_o(x_or_o.draw(letter, **trick)).said == name


@pytest.mark.slow
def test_stacked_votes_are_the_networks():
    from striate.datasets import x_or_o
    from striate.see.letters_votes import stacked_network

    found = see.x_or_o_votes(x_or_o.draw(1, shift=(1, 0)))
    assert [maps.shape for _, maps in found.steps] == [(4, 4, 3), (2, 2, 3)]
    assert (found.steps[1][1].ravel() == found.values).all() and found.said == "O"
    powers = np.exp(found.votes - found.votes.max())
    assert found.shares == pytest.approx(powers / powers.sum(), abs=1e-5)
    _, (x, y) = x_or_o.load_data(train=0, test=200, seed=3)
    assert (stacked_network().predict(x, verbose=0).argmax(axis=1) == y).mean() > 0.95


def test_tricks():
    found = see.x_or_o_tricks()
    assert found.right("agreement") < 10 and found.right("likeness") == found.right("shares") == 10
    assert "8 of 10" in str(found)
    with pytest.raises(errors.ShapeError, match="9x9 pixels"):
        see.x_or_o_votes(np.ones((8, 8)))
