"""A recorded training can be visited at any step, bit for bit, and nothing else passes for it."""

import json

import numpy as np
import pytest
from PIL import Image

import striate as keras
from striate import errors, layers, see
from striate.see.recording import weights_hash


class Weights(keras.callbacks.Callback):
    """Keeps the weights after every step."""

    def __init__(self):
        super().__init__()
        self.after = {}

    def on_train_batch_end(self, batch, logs=None):
        self.after[self.model._steps_made()] = [variable.array.copy() for variable in self.model.variables]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded") / "timeline"
    random = np.random.default_rng(0)
    x, y = random.random((60, 8, 8, 1)).astype(np.float32), random.integers(0, 3, 60)
    layers.Dropout(0.1)  # The streams of random numbers do not begin with the model.
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu", name="first"),
                              layers.BatchNormalization(), layers.Dropout(0.4), layers.Flatten(),
                              layers.Dense(3, activation="softmax")], name="small")
    model.compile("adam", "sparse_categorical_crossentropy")
    weights = Weights()
    model.fit(x, y, epochs=3, batch_size=8, verbose=0, validation_split=0.2,
              callbacks=[weights, see.Recorder(folder)])
    return folder, x[:48], y[:48], weights.after


def test_every_step_comes_back_to_the_bit(recorded):
    folder, x, y, after = recorded
    seen = []

    def take(step, model):
        seen.append(step)
        for was, now in zip(after[step], model.variables, strict=True):
            assert np.array_equal(was, now.array)
    line = see.Timeline(folder, x, y)
    assert line.steps == (0, 18) and line.states == [0, 6, 12, 18]
    line.visit(list(after), take)
    assert seen == list(range(1, 19))


def test_hashes_are_recorded_and_equal(recorded, tmp_path):
    folder, x, y, after = recorded
    travel = see.time_travel(folder, x, y, image=x[0], steps=[0, 5, 10, 12, 18])
    recorded_hashes = json.loads((folder / "timeline.json").read_text())["hashes"]
    assert set(recorded_hashes) == {"0", "6", "10", "12", "18"}
    for step, text in zip(travel.steps, travel.hashes, strict=True):
        assert recorded_hashes.get(str(step), text) == text
    assert (travel.weights[1] == after[5][0]).all()
    assert travel.maps.shape == (5, 6, 6, 4) and travel.outputs.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert [travel.epoch(step) for step in travel.steps] == [0, 0, 1, 2, 3]
    assert Image.open(travel.save(tmp_path / "travel.gif")).n_frames == 5
    assert "after 5 steps" in travel.save(tmp_path / "travel.html").read_text() and "first moved by" in str(travel)


def test_states_need_no_data(recorded):
    folder, x, _, after = recorded
    travel = see.time_travel(folder, image=x[3])
    assert travel.steps == (0, 6, 12, 18) and (travel.weights[2] == after[12][0]).all()
    with pytest.raises(errors.ArgumentError, match="give x and y, or choose among the states: 0, 6, 12, 18"):
        see.time_travel(folder, steps=[7])
    with pytest.raises(errors.ArgumentError, match="made the steps 0 to 18"):
        see.time_travel(folder, steps=[19])


def test_other_data_are_refused(recorded):
    folder, x, y, _ = recorded
    with pytest.raises(errors.ArgumentError, match="its data differs in x"):
        see.time_travel(folder, x + 0.1, y, steps=[3])


def test_another_course_is_noticed(recorded):
    folder, x, y, _ = recorded
    slower = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 1e-5)
    with pytest.raises(errors.GraphError, match="went another way"):
        see.time_travel(folder, x, y, steps=[11], callbacks=[slower])


def test_the_seed_stays(recorded):
    folder, x, y, _ = recorded
    keras.utils.set_random_seed(77)
    see.time_travel(folder, x, y, steps=[2])
    from striate import seeds

    assert seeds.global_seed() == 77


def test_recordings_are_not_overwritten(recorded, tmp_path):
    folder, x, y, _ = recorded
    model = see.Timeline(folder).model
    with pytest.raises(errors.FileError, match="a recording in this folder already"):
        model.fit(x, y, verbose=0, callbacks=[see.Recorder(folder)])
    with pytest.raises(errors.ArgumentError, match="positive number of steps"):
        see.Recorder(tmp_path, every=0)
    with pytest.raises(errors.FileError, match="There is no recording here"):
        see.Timeline(tmp_path)
    assert weights_hash(model) == weights_hash(model)
