"""Folders and series as pipelines, with the numbers that Keras gives; pictures of models."""

import wave

import numpy as np
import pytest
from PIL import Image

import striate as keras
from striate.errors import ArgumentError, DataError


@pytest.fixture
def folder(tmp_path):
    """Five pictures of two classes; the red of each says which it is."""
    for name, count in (("cats", 3), ("dogs", 2)):
        (tmp_path / name).mkdir()
        for number in range(count):
            pixels = np.zeros((4, 6, 3), np.uint8)
            pixels[..., 0] = 10 * number + (100 if name == "dogs" else 0)
            pixels[:, :3, 1] = 200
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    return tmp_path


def load(folder, **options):
    return keras.utils.image_dataset_from_directory(folder, image_size=(4, 6), verbose=False, **options)


def test_pictures_and_labels_in_the_order_of_their_paths(folder, capsys):
    found = keras.utils.image_dataset_from_directory(folder, image_size=(4, 6), shuffle=False, batch_size=4)
    assert capsys.readouterr().out == "Found 5 files belonging to 2 classes.\n"
    batches = list(found)
    assert [batch.shape for batch, _ in batches] == [(4, 4, 6, 3), (1, 4, 6, 3)] and len(found) == 2
    assert batches[0][0].dtype == "float32" and batches[0][0][:, 0, 0, 0].tolist() == [0, 10, 20, 100]
    assert batches[0][1].dtype == "int32" and batches[0][1].tolist() == [0, 0, 0, 1]
    assert found.class_names == ["cats", "dogs"] and found.file_paths[3].endswith("dogs/0.png")
    assert batches[0][0].numpy().astype("uint8").max() == 200


def test_seeded_split_is_that_of_keras(folder):
    """The order of `numpy.random.RandomState(seed).shuffle` on the files, as in Keras 3."""
    train, validation = load(folder, validation_split=0.4, subset="both", seed=7, batch_size=None)
    order = np.arange(5)
    np.random.RandomState(7).shuffle(order)
    reds = [0, 10, 20, 100, 110]
    assert [int(x[0, 0, 0]) for x, _ in validation] == [reds[row] for row in order[3:]]
    assert sorted(int(x[0, 0, 0]) for x, _ in train) == sorted(reds[row] for row in order[:3])
    alone = load(folder, validation_split=0.4, subset="validation", seed=7, batch_size=None)
    assert alone.file_paths == validation.file_paths


@pytest.mark.parametrize("options, expected", [
    ({"label_mode": "categorical"}, [[1, 0], [1, 0], [1, 0], [0, 1], [0, 1]]),
    ({"label_mode": "binary"}, [[0], [0], [0], [1], [1]]), ({"labels": [4, 3, 2, 1, 0]}, [4, 3, 2, 1, 0]),
    ({"class_names": ["dogs", "cats"]}, [0, 0, 1, 1, 1])])
def test_kinds_of_labels(folder, options, expected):
    ((_, labels),) = load(folder, shuffle=False, **options)
    assert labels.tolist() == expected


def test_pictures_alone_and_channels_first(folder):
    (pictures,) = load(folder, labels=None, shuffle=False, data_format="channels_first", color_mode="grayscale")
    assert pictures.shape == (5, 1, 4, 6)


def test_sizes_are_changed_as_tensorflow_does(folder):
    """Recorded from tf.image.resize: bilinear without smoothing, half-pixel centres."""
    small = keras.utils.image_dataset_from_directory(folder, image_size=(2, 4), shuffle=False, verbose=False)
    green = next(iter(small))[0][0, 0, :, 1]
    assert green.tolist() == [200.0, 175.0 + 25.0, 0.0, 0.0] or green.tolist() == [200.0, 200.0, 0.0, 0.0]
    cropped = keras.utils.image_dataset_from_directory(folder, image_size=(4, 4), crop_to_aspect_ratio=True,
                                                       shuffle=False, verbose=False)
    assert next(iter(cropped))[0][0, 0, :, 1].tolist() == [200, 200, 0, 0]


@pytest.mark.parametrize("options, problem", [
    ({"validation_split": 0.2, "subset": "training"}, "seed"),
    ({"validation_split": 2, "subset": "both", "seed": 1}, "0 and 1"), ({"label_mode": "words"}, "label_mode"),
    ({"class_names": ["cats"]}, "class_names"), ({"labels": [1]}, "each file")])
def test_impossible_arguments(folder, options, problem):
    with pytest.raises(ArgumentError, match=problem):
        load(folder, **options)


def test_no_pictures(tmp_path):
    (tmp_path / "cats").mkdir()
    with pytest.raises(DataError, match="No files found"):
        load(tmp_path)


def test_a_network_trains_on_a_folder(folder):
    model = keras.Sequential([keras.layers.Input((4, 6, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(),
                              keras.layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    data = load(folder, label_mode="binary", seed=1).cache().prefetch(2)
    assert model.fit(data, epochs=30, verbose=0).history["accuracy"][-1] == 1


def test_sounds(tmp_path):
    for name, length in (("low", 6), ("high", 4)):
        (tmp_path / name).mkdir()
        with wave.open(str(tmp_path / name / "a.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(np.full(length, 16384, "<i2").tobytes())
    ((sounds, labels),) = keras.utils.audio_dataset_from_directory(tmp_path, shuffle=False, verbose=False)
    assert sounds.shape == (2, 6, 1) and sounds[0, :, 0].tolist() == [0.5] * 4 + [0] * 2 and labels.tolist() == [0, 1]
    ((cut, _),) = keras.utils.audio_dataset_from_directory(tmp_path, output_sequence_length=5, shuffle=False,
                                                           verbose=False)
    assert cut.shape == (2, 5, 1)


def test_series():
    """Recorded from keras.utils.timeseries_dataset_from_array."""
    data, targets = np.arange(20), np.arange(20) * 10
    made = keras.utils.timeseries_dataset_from_array(data, targets, 3, sampling_rate=2, sequence_stride=4, batch_size=2,
                                                     start_index=1, end_index=18)
    found = [(x.tolist(), y.tolist()) for x, y in made]
    assert found == [([[1, 3, 5], [5, 7, 9]], [10, 50]), ([[9, 11, 13], [13, 15, 17]], [90, 130])]
    (alone,) = keras.utils.timeseries_dataset_from_array(data, None, 19)
    assert alone.shape == (2, 19)
    with pytest.raises(ArgumentError, match="sampling_rate"):
        keras.utils.timeseries_dataset_from_array(data, None, 3, sampling_rate=0)


# ---- pictures of models ---------------------------------------------------------------------------------------

@pytest.fixture
def branched():
    x = keras.Input((8, 8, 1), name="image")
    one = keras.layers.Conv2D(2, 3, padding="same", activation="relu", name="conv")(x)
    return keras.Model(x, keras.layers.Dense(2, name="out")(keras.layers.Flatten(name="flat")(
        keras.layers.Add(name="sum")([one, x]))))


def test_dot_has_a_box_a_layer_and_an_arrow_a_connection(branched):
    text = keras.utils.model_to_dot(branched, show_shapes=True, show_layer_activations=True).to_string()
    assert text.count("->") == 5 and "conv (Conv2D)|Activation: relu|Input shape: (None, 8, 8, 1)" in text
    assert "conv" not in keras.utils.model_to_dot(branched, show_layer_names=False).to_string()


@pytest.mark.parametrize("ending, start", [(".png", b"\x89PNG"), (".svg", b"<svg"), (".pdf", b"%PDF"),
                                           (".dot", b"digraph")])
def test_plots_are_written(branched, tmp_path, ending, start):
    keras.utils.plot_model(branched, tmp_path / f"m{ending}", show_shapes=True, show_dtype=True, show_layer_names=True)
    assert (tmp_path / f"m{ending}").read_bytes().lstrip().startswith(start)
    with pytest.raises(ArgumentError, match="ending|written as"):
        keras.utils.plot_model(branched, tmp_path / "m.txt")


def test_small_helpers(branched):
    assert keras.utils.get_source_inputs(branched.output)[0] is branched.input
    assert keras.utils.unpack_x_y_sample_weight((1, 2)) == (1, 2, None)
    assert keras.utils.pack_x_y_sample_weight([1]) == ([1],)
    assert keras.utils.is_keras_tensor(branched.output) and not keras.utils.is_keras_tensor(np.zeros(1))
    assert [keras.utils.standardize_dtype(kind) for kind in (np.dtype("int8"), None)] == ["int8", "float32"]
    assert keras.utils.Progbar(3).target == 3
    assert keras.utils.img_to_array(Image.new("L", (3, 2)), data_format="channels_first").shape == (1, 2, 3)
    assert keras.utils.smart_resize(np.zeros((2, 9, 8, 3)), (4, 4)).shape == (2, 4, 4, 3)
