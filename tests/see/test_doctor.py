"""The doctor finds each planted mistake, and nothing in a sound set-up."""

import numpy as np
import pytest

import striate as keras
from striate import layers, see


def network(*ends, conv="relu", loss="sparse_categorical_crossentropy"):
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 3, activation=conv),
                              layers.GlobalAveragePooling2D(), *ends])
    model.compile("adam", loss=loss)
    return model


def data(count=60, classes=3, seed=0):
    random = np.random.default_rng(seed)
    return random.random((count, 8, 8, 1)).astype(np.float32), random.integers(0, classes, count)


def sound():
    return network(layers.Dense(3, activation="softmax"))


def test_sound_set_up():
    x, y = data()
    found = see.doctor(sound(), x, y, validation_split=0.2)
    assert found.codes == () and "nothing found" in str(found)
    assert found.looked_at == ("layers", "loss", "inputs", "labels")


def spoilt():
    model = sound()
    kernel = model.layers[0].kernel
    values = kernel.numpy()
    values[1, 1] = np.nan
    kernel.assign(values)
    return model


@pytest.mark.parametrize("code,model", [
    ("M110", spoilt),
    ("M101", lambda: network(layers.Dense(1, activation="softmax"))),
    ("M102", lambda: network(layers.Dense(1, activation="sigmoid"), loss="categorical_crossentropy")),
    ("M103", lambda: network(layers.Dense(3))),
    ("M104", lambda: network(layers.Dense(3, activation="softmax"),
                             loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))),
    ("M107", lambda: network(layers.Dense(9), layers.Dense(3, activation="softmax"))),
    ("M109", lambda: keras.Sequential([keras.Input((64, 64, 1)), layers.Conv2D(4, 3, activation="relu"),
                                       layers.Flatten(), layers.Dense(10)]))])
def test_models(code, model):
    found = see.doctor(model())
    assert code in found.codes
    finding = next(finding for finding in found.findings if finding.code == code)
    assert finding.reason and finding.mend and code.lower() in finding.page


def test_logits_are_fine_when_the_loss_knows():
    model = network(layers.Dense(3), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert "M103" not in see.doctor(model).codes


def test_dead_relus():
    model = sound()
    model.layers[0].bias.assign(np.full(4, -50, np.float32))
    assert "M108" in see.doctor(model, data()[0]).codes


def test_data():
    x, y = data()
    assert "D202" in see.doctor(sound(), x * 255, y).codes
    broken = x.copy()
    broken[7, 0, 0, 0] = np.nan
    assert "the first is sample 7" in str(see.doctor(sound(), broken, y))
    assert "D206" in see.doctor(sound(), x, y + 1).codes
    assert "D204" in see.doctor(network(layers.Dense(3, activation="softmax"), loss="categorical_crossentropy"),
                                x, y).codes
    assert "D205" in see.doctor(sound(), x, np.eye(3)[y]).codes
    assert "D208" in see.doctor(sound(), x, np.r_[np.zeros(57, int), 1, 2, 1]).codes
    assert "D203" in see.doctor(sound(), x, y, validation_data=(x[:4], y[:4])).codes


def test_the_notebooks_split_is_all_fake():
    """Real, fake, real, fake one after the other, and validation_split=0.2: all validation images are fakes."""
    model = network(layers.Dense(2), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, _ = data(200)
    y = np.repeat([0, 1, 0, 1], 50).astype(np.float32).reshape(-1, 1)
    found = see.doctor(model, x, y, validation_split=0.2)
    assert found.codes == ("D207",)
    assert "All of them are of class 1" in str(found)
    assert see.doctor(model, x, y).codes == ("D207",)  # Also before anyone asked for a split.
    other = data(40, seed=1)[0], np.arange(40) % 2
    assert see.doctor(model, x, y, validation_data=other).codes == ()  # Then nothing is split off.
    order = np.random.default_rng(0).permutation(200)
    assert see.doctor(model, x[order], y[order], validation_split=0.2).codes == ()
