"""`keras.preprocessing`: pictures changed at random, folders of pictures, words."""

import importlib

import numpy as np
import pytest

import striate
from striate.runner.preprocessing import affine, image, sequence, text

generator = np.random.default_rng(6)


def pictures(count=10):
    return generator.integers(0, 256, (count, 6, 8, 1)).astype(np.float32)


def test_rescaled_batches_in_order():
    x = pictures()
    flow = image.ImageDataGenerator(rescale=1 / 255).flow(x, np.arange(10), batch_size=4, shuffle=False)
    assert len(flow) == 3 and flow.n == 10
    batches = [next(flow) for _ in range(4)]
    assert np.allclose(np.concatenate([batch[0] for batch in batches[:3]]), x / 255)
    assert batches[2][1].tolist() == [8, 9] and batches[3][1].tolist() == [0, 1, 2, 3]


def test_orders_and_changes_repeat_with_the_seed():
    def run():
        flow = image.ImageDataGenerator(horizontal_flip=True, rotation_range=30).flow(pictures_, labels, 4, seed=9)
        return [next(flow) for _ in range(6)]

    pictures_, labels = pictures(), np.arange(10)
    first, second = run(), run()
    assert all((a == b).all() and (c == d).all() for (a, c), (b, d) in zip(first, second, strict=True))
    order = [np.concatenate([batch[1] for batch in part]).tolist() for part in (first[:3], first[3:])]
    assert sorted(order[0]) == sorted(order[1]) == list(range(10)) and order[0] != order[1]


def test_flips():
    x = pictures(60)
    changed = next(image.ImageDataGenerator(horizontal_flip=True).flow(x, batch_size=60, shuffle=False))
    same = [(one == other).all() for one, other in zip(changed, x, strict=True)]
    mirrored = [(one == other[:, ::-1]).all() for one, other in zip(changed, x, strict=True)]
    assert all(a != b for a, b in zip(same, mirrored, strict=True)) and 15 < sum(mirrored) < 45


@pytest.mark.parametrize(("fill_mode", "expected"), [
    ("nearest", [3, 4, 4, 4]), ("constant", [3, 4, 9, 9]), ("reflect", [3, 4, 4, 3]), ("wrap", [3, 4, 1, 2]),
])
def test_shifts_and_what_appears_outside(fill_mode, expected):
    row = np.float32([1, 2, 3, 4]).reshape(1, 4, 1)
    assert affine.transformed(row, affine.matrix(right=2), fill_mode, cval=9)[0, :, 0].tolist() == expected


def test_rotation_by_right_angles_is_exact():
    square = generator.integers(0, 9, (5, 5, 2)).astype(np.float32)
    assert np.allclose(affine.transformed(square, affine.matrix(90)), np.rot90(square, -1), atol=1e-4) or np.allclose(
        affine.transformed(square, affine.matrix(90)), np.rot90(square), atol=1e-4)
    assert np.allclose(affine.transformed(square, affine.matrix(180)), square[::-1, ::-1], atol=1e-4)


def test_zoom_keeps_the_centre():
    spot = np.zeros((9, 9, 1), np.float32)
    spot[4, 4] = 1
    assert affine.transformed(spot, affine.matrix(zoom=(0.5, 0.5)))[4, 4, 0] == 1
    assert affine.transformed(spot, affine.matrix(zoom=(0.5, 0.5))).sum() > 2


def test_statistics():
    x = pictures(30)
    generator_ = image.ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
    with pytest.raises(ValueError, match=r"generator\.fit"):
        next(generator_.flow(x))
    generator_.fit(x)
    batch = next(generator_.flow(x, batch_size=30))
    assert abs(batch.mean()) < 1e-4 and abs(batch.std() - 1) < 1e-3
    own = next(image.ImageDataGenerator(samplewise_center=True).flow(x))
    assert np.abs(own.mean(axis=(1, 2, 3))).max() < 1e-3


def test_splits():
    generator_ = image.ImageDataGenerator(validation_split=0.2)
    x, y = pictures(), np.arange(10)
    parts = [generator_.flow(x, y, 10, shuffle=False, subset=part) for part in ("validation", "training")]
    assert [next(part)[1].tolist() for part in parts] == [[0, 1], [2, 3, 4, 5, 6, 7, 8, 9]]
    with pytest.raises(ValueError, match="subset"):
        image.ImageDataGenerator().flow(x, y, subset="training")


@pytest.fixture
def folder(tmp_path):
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for number in range(3):
            pixels = np.full((4, 5, 3), 100 * label + number)
            striate.utils.save_img(tmp_path / name / f"{number}.png", pixels, scale=False)
    return tmp_path


def test_folders(folder, capsys):
    flow = image.ImageDataGenerator(rescale=0.5).flow_from_directory(
        folder, target_size=(8, 8), batch_size=4, class_mode="binary", shuffle=False)
    assert capsys.readouterr().out == "Found 6 images belonging to 2 classes.\n"
    x, y = next(flow)
    assert x.shape == (4, 8, 8, 3) and y.tolist() == [0, 0, 0, 1] and x[3].max() == 50
    assert flow.class_indices == {"cat": 0, "dog": 1} and flow.classes.tolist() == [0, 0, 0, 1, 1, 1]
    assert flow.filenames[3].endswith("0.png") and flow.image_shape == (8, 8, 3) and flow.samples == 6
    rows = next(image.ImageDataGenerator().flow_from_directory(folder, (4, 4), color_mode="grayscale", shuffle=False))
    assert rows[0].shape == (6, 4, 4, 1) and rows[1].tolist() == [[1, 0]] * 3 + [[0, 1]] * 3


def test_old_ways_to_train(shim, folder):
    importlib.import_module("keras")
    model = striate.Sequential([striate.Input((4, 4, 3)), striate.layers.Flatten(), striate.layers.Dense(2, "softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=["acc"])
    flow = image.ImageDataGenerator(rescale=1 / 255).flow_from_directory(folder, (4, 4), batch_size=2)
    history = model.fit_generator(flow, steps_per_epoch=4, epochs=2, validation_data=flow, verbose=0)
    assert len(history.history["val_acc"]) == 2 and int(model.optimizer.iterations) == 8
    assert len(model.evaluate_generator(flow, steps=3)) == 2
    assert model.predict_generator(flow, steps=3).shape == (6, 2)
    assert set(model.predict_classes(np.zeros((3, 4, 4, 3)))) <= {0, 1}
    first = striate.backend.function([model.input], [model.layers[0].output])
    assert first([np.ones((2, 4, 4, 3))])[0].shape == (2, 48)


def test_words():
    tokenizer = text.Tokenizer(num_words=4, oov_token="?")
    tokenizer.fit_on_texts(["The cat saw the dog.", "The cat!"])
    assert tokenizer.word_index == {"?": 1, "the": 2, "cat": 3, "saw": 4, "dog": 5}
    assert tokenizer.texts_to_sequences(["the dog", "a cat"]) == [[2, 1], [1, 3]]
    assert tokenizer.texts_to_matrix(["cat cat"], mode="count").tolist() == [[0, 0, 0, 2]]
    assert tokenizer.sequences_to_texts([[2, 3]]) == ["the cat"]
    assert sequence.pad_sequences([[1], [1, 2]], maxlen=2).tolist() == [[0, 1], [1, 2]]


def test_folders_as_pipelines(folder, capsys):
    import striate.runner.preprocessing as preprocessing

    load = preprocessing.image_dataset_from_directory
    data = load(folder, image_size=(4, 4), batch_size=4, shuffle=False)
    assert capsys.readouterr().out == "Found 6 files belonging to 2 classes.\n"
    assert data.class_names == ["cat", "dog"] and len(data.file_paths) == 6 and len(data) == 2
    x, y = next(iter(data))
    assert x.shape == (4, 4, 4, 3) and x.dtype == np.float32 and y.numpy().tolist() == [0, 0, 0, 1]
    parts = [load(folder, image_size=(4, 4), validation_split=0.34, subset=part, seed=1, label_mode="binary")
             for part in ("training", "validation")]
    assert "Using 2 files for validation." in capsys.readouterr().out
    assert len(parts[0].file_paths) == 4
    assert sorted(parts[0].file_paths + parts[1].file_paths) == sorted(data.file_paths)
    seen = {(float(row.max()), float(label[0])) for batch in parts[0] for row, label in zip(*batch, strict=True)}
    assert len(seen) == 4
    assert seen <= {(100.0 * label + number, float(label)) for label in (0, 1) for number in range(3)}
    with pytest.raises(ValueError, match="seed"):
        load(folder, image_size=(4, 4), validation_split=0.5, subset="training")
    alone = load(folder, labels=None, image_size=(4, 4), batch_size=None)
    assert next(iter(alone)).shape == (4, 4, 3)
