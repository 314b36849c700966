"""Models go into files and come back the same; files of real Keras are read; nothing is lost when a save fails."""

import io
import json
import os
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import striate as keras
from striate.errors import ArgumentError, FileError, ModelFileError
from striate.untrusted import read_safetensors
from striate.untrusted.tensors import safetensors_bytes

KERAS_FILES = Path(__file__).with_name("keras_files")


def trained(kind="sequential"):
    """A small trained model of each kind."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((6, 6, 1))
    body = [keras.layers.Conv2D(3, 3, activation="relu"), keras.layers.BatchNormalization(), keras.layers.Flatten(),
            keras.layers.Dropout(0.25), keras.layers.Dense(2, activation="softmax")]
    if kind == "sequential":
        model = keras.Sequential([inputs, *body])
    else:
        x = inputs
        for layer in body:
            x = layer(x)
        model = keras.Model(inputs, x)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*data(), epochs=1, batch_size=4, verbose=0)
    return model


def data():
    random = np.random.Generator(np.random.PCG64(1))
    return random.standard_normal((8, 6, 6, 1)).astype(np.float32), random.integers(0, 2, 8)


def slots(model):
    return np.concatenate([np.ravel(variable.numpy()).astype(np.float32) for variable in model.optimizer.variables])


@pytest.fixture(scope="module", params=["sequential", "functional"])
def model(request):
    return trained(request.param)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_model_that_was_never_trained_comes_back_without_a_warning(tmp_path, recwarn, ending):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.Adam(0.25), "mse")
    model.save(tmp_path / f"m.{ending}")
    again = keras.saving.load_model(tmp_path / f"m.{ending}")
    assert float(again.optimizer.learning_rate) == 0.25 and not [w.message for w in recwarn]


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_whole_model_comes_back(model, tmp_path, ending):
    path = tmp_path / f"m.{ending}"
    model.save(path)
    again = keras.saving.load_model(path)
    x, y = data()
    assert all((a == b).all() for a, b in zip(again.get_weights(), model.get_weights(), strict=True))
    assert (again.predict(x, verbose=0) == model.predict(x, verbose=0)).all()
    assert (slots(again) == slots(model)).all()
    assert again.get_config() == model.get_config() and again.get_compile_config() == model.get_compile_config()
    assert keras.saving.load_model(path, compile=False).optimizer is None
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("ending", ["weights.h5", "h5", "safetensors", "keras"])
def test_weights_come_back(model, tmp_path, ending):
    path = tmp_path / f"w.{ending}"
    (model.save if ending == "keras" else model.save_weights)(path)
    other = keras.models.clone_model(model)
    assert any((a != b).any() for a, b in zip(other.get_weights(), model.get_weights(), strict=True))
    if ending == "safetensors":
        for mine, theirs in zip(other.weights, model.weights, strict=True):
            mine.path = theirs.path
    other.load_weights(path)
    assert all((a == b).all() for a, b in zip(other.get_weights(), model.get_weights(), strict=True))


_SAVE = """
import sys
import striate as keras
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((5, 5, 1)), keras.layers.Conv2D(2, 3), keras.layers.Flatten(),
                          keras.layers.Dense(2)])
model.compile("adam", "mse")
model.save(sys.argv[1])
"""


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_bytes_are_reproducible(tmp_path, ending):
    contents = []
    for number, seed in enumerate(("1", "2")):
        path = tmp_path / f"{number}.{ending}"
        subprocess.run([sys.executable, "-c", _SAVE, str(path)], check=True, cwd=tmp_path,
                       env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])})
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_date_is_that_of_the_build(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    trained().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        assert json.loads(archive.read("metadata.json"))["date_saved"] == "1970-01-02@00:00:00"


# ---- files of Keras ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["sequential", "functional"])
@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_models_of_keras(name, ending):
    expected = np.load(KERAS_FILES / f"{name}.npz")
    model = keras.saving.load_model(KERAS_FILES / f"{name}.{ending}")
    np.testing.assert_allclose(model.predict(expected["x"], verbose=0), expected["y"], atol=1e-5, rtol=1e-4)
    assert (slots(model) == expected["optimizer"]).all()
    model.load_weights(KERAS_FILES / f"{name}.weights.h5")
    np.testing.assert_allclose(model.predict(expected["x"], verbose=0), expected["y"], atol=1e-5, rtol=1e-4)


def test_a_model_of_keras_with_masks():
    expected = np.load(KERAS_FILES / "masks.npz")
    model = keras.saving.load_model(KERAS_FILES / "masks.keras")
    np.testing.assert_allclose(model.predict(expected["x"], verbose=0), expected["y"], atol=1e-5, rtol=1e-4)


# ---- what does not fit ---------------------------------------------------------------------------------------------

def other_shape():
    return keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Conv2D(3, 3), keras.layers.BatchNormalization(),
                             keras.layers.Flatten(), keras.layers.Dense(7)])


@pytest.mark.parametrize("ending", ["weights.h5", "h5", "keras"])
def test_weights_that_do_not_fit_change_nothing(tmp_path, ending):
    path = tmp_path / f"w.{ending}"
    source = trained()
    (source.save if ending == "keras" else source.save_weights)(path)
    target = other_shape()
    before = target.get_weights()
    with pytest.raises(ModelFileError, match="shape|needs"):
        target.load_weights(path)
    assert all((a == b).all() for a, b in zip(before, target.get_weights(), strict=True))
    if ending != "keras":
        with pytest.warns(UserWarning, match="Skipped"):
            target.load_weights(path, skip_mismatch=True)
        assert (target.layers[0].get_weights()[0] == source.layers[0].get_weights()[0]).all()


def test_wrong_arguments(tmp_path):
    model = trained()
    for ending in ("txt", "pkl", "pt", "weights"):
        with pytest.raises(ArgumentError, match="ending|saved as"):
            model.save(tmp_path / f"m.{ending}")
    with pytest.raises(ArgumentError, match="no weights yet"):
        keras.Sequential([keras.layers.Dense(2)]).save(tmp_path / "m.keras")
    with pytest.raises(ModelFileError, match="There is no file"):
        keras.saving.load_model(tmp_path / "missing.keras")
    model.save(tmp_path / "m.keras")
    with pytest.raises(ArgumentError, match="overwrite"):
        model.save(tmp_path / "m.keras", overwrite=False)
    with pytest.warns(UserWarning, match="never runs code"):
        keras.saving.load_model(tmp_path / "m.keras", safe_mode=False)
    with pytest.warns(UserWarning, match="follows from its ending"):
        model.save(tmp_path / "m.keras", save_format="tf")
    assert keras.saving.load_model(tmp_path / "m.keras").count_params() == model.count_params()
    model.save_weights(tmp_path / "w.h5")
    with pytest.raises(ModelFileError, match="perhaps only weights"):
        keras.saving.load_model(tmp_path / "w.h5")


def test_failing_save_keeps_the_old_file(tmp_path, monkeypatch):
    model, path = trained(), tmp_path / "m.keras"
    model.save(path)
    old = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr("striate.files.os.fsync", full)
    with pytest.raises(FileError, match="disk is full"):
        model.save(path)
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["m.keras"]


def test_any_changed_byte_is_noticed(tmp_path):
    model, path = trained(), tmp_path / "m.keras"
    model.save(path)
    good, weights = path.read_bytes(), model.get_weights()
    random = np.random.Generator(np.random.PCG64(4))
    for position in random.integers(0, len(good), 40):
        bad = bytearray(good)
        bad[position] ^= 1 << random.integers(8)
        path.write_bytes(bad)
        try:
            loaded = keras.saving.load_model(path, compile=False)
        except ModelFileError:
            continue
        # A bit of the zip directory that says nothing, such as the date: then everything else is as it was.
        assert all((a == b).all() for a, b in zip(loaded.get_weights(), weights, strict=True)), position


def test_file_of_a_newer_striate(tmp_path):
    path = tmp_path / "m.keras"
    trained().save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    metadata = json.loads(members["metadata.json"])
    metadata["striate"]["format"] = 99
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, json.dumps(metadata) if name == "metadata.json" else content)
    with pytest.raises(ModelFileError, match="newer striate. Update"):
        keras.saving.load_model(path)


# ---- classes of the user's, safetensors ----------------------------------------------------------------------------

class Twice(keras.layers.Layer):
    """A layer with a layer inside."""

    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.inner = keras.layers.Dense(units)
        self.more = [keras.layers.Dense(units), keras.layers.Dense(units)]

    def call(self, inputs):
        x = self.inner(inputs)
        for layer in self.more:
            x = layer(x)
        return 2.0 * x

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_classes_of_the_user_s(tmp_path):
    model = keras.Sequential([keras.Input((3,)), Twice(4)])
    x = np.ones((2, 3), np.float32)
    model.save(tmp_path / "m.keras")
    with pytest.raises(ModelFileError, match="custom_objects"):
        keras.saving.load_model(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", custom_objects={"Twice": Twice})
    assert (again.predict(x, verbose=0) == model.predict(x, verbose=0)).all()
    from striate.untrusted import H5Reader, read_archive

    members = read_archive((tmp_path / "m.keras").read_bytes(),
                           {"metadata.json": None, "config.json": None, "model.weights.h5": None}, "m")
    with H5Reader(members["model.weights.h5"], "w") as reader:
        assert "layers/twice/inner/vars/0" in reader.datasets and "layers/twice/more/dense_1/vars/1" in reader.datasets


def test_safetensors_agree_with_the_reference():
    safetensors = pytest.importorskip("safetensors.numpy")
    random = np.random.Generator(np.random.PCG64(2))
    tensors = {"a": random.standard_normal((3, 2)).astype(np.float32), "b": np.arange(5, dtype=np.int64),
               "c": np.array(True), "d": np.zeros((0, 4), np.float16)}
    theirs = safetensors.load(safetensors_bytes(tensors, {"format": "np"}))
    mine, metadata = read_safetensors(safetensors.save(tensors, {"format": "np"}), "x")
    for name, value in tensors.items():
        assert (theirs[name] == value).all() and (mine[name] == value).all() and mine[name].dtype == value.dtype
    assert metadata == {"format": "np"}


def test_adafactor_s_state_as_keras_writes_it(tmp_path):
    """In a file of Keras' the places that stay empty, those of vectors, hold whole zeros."""
    model = trained()
    model.compile(keras.optimizers.Adafactor(0.01), "sparse_categorical_crossentropy")
    model.fit(*data(), epochs=1, batch_size=4, verbose=0)
    model.save(tmp_path / "own.keras")
    with zipfile.ZipFile(tmp_path / "own.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    memory, changed = io.BytesIO(members["model.weights.h5"]), 0
    with h5py.File(memory, "r+") as file:
        del file.attrs["striate_seal"]
        group = file["optimizer/vars"]
        for name in [name for name in group if int(name) > 1 and group[name].shape == ()]:
            del group[name]
            group[name], changed = np.int32(0), changed + 1
    assert changed
    members |= {"model.weights.h5": memory.getvalue(), "metadata.json": b'{"keras_version": "3.15.1"}'}
    with zipfile.ZipFile(tmp_path / "theirs.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = keras.saving.load_model(tmp_path / "theirs.keras")
    for mine, theirs in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


def _doubled(x):
    return 2 * x


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_a_lambda_is_never_read_but_its_model_takes_the_weights(tmp_path, name):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(_doubled), keras.layers.Dense(2)])
    model.save(tmp_path / name)
    with pytest.raises(ModelFileError, match="holds a `Lambda`"):
        keras.saving.load_model(tmp_path / name, custom_objects={"_doubled": _doubled}, safe_mode=False)
    again = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(_doubled), keras.layers.Dense(2)])
    again.load_weights(tmp_path / name)
    np.testing.assert_array_equal(again(np.ones((1, 3), "float32")), model(np.ones((1, 3), "float32")))
