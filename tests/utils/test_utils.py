"""The helpers of `keras.utils` and the numbers of `keras.random`."""

import io
import tarfile
import zipfile

import numpy as np
import pytest

import striate as keras
from striate.errors import ArgumentError, DataError, ModelFileError, ShapeError, TypeMismatchError
from striate.utils.download import unpack


def test_to_categorical():
    assert keras.utils.to_categorical([[1], [0]], 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert keras.utils.to_categorical(np.zeros((2, 3), int), 2).shape == (2, 3, 2)
    assert keras.utils.to_categorical([]).shape == (0, 0)
    for wrong in ([-1, 0], [3], [0.5]):
        with pytest.raises(ArgumentError):
            keras.utils.to_categorical(wrong, 3)


def test_normalize():
    assert keras.utils.normalize([[3.0, 4.0], [0.0, 0.0]]).tolist() == [[0.6, 0.8], [0.0, 0.0]]
    assert keras.utils.normalize(np.array([[1.0, 3.0]]), order=1).tolist() == [[0.25, 0.75]]


@pytest.mark.parametrize("options, expected", [
    ({}, [[0, 0, 1], [2, 3, 4]]), ({"padding": "post"}, [[1, 0, 0], [2, 3, 4]]),
    ({"maxlen": 2}, [[0, 1], [3, 4]]), ({"maxlen": 2, "truncating": "post", "value": 9}, [[9, 1], [2, 3]]),
])
def test_pad_sequences(options, expected):
    assert keras.utils.pad_sequences([[1], [2, 3, 4]], **options).tolist() == expected


def test_numbers_are_no_sequences():
    with pytest.raises(ValueError, match="list of lists of numbers.*sequence=1"):
        keras.utils.pad_sequences([1, 2])


def test_split_dataset():
    x, y = np.arange(10), np.arange(10) * 2
    left, right = keras.utils.split_dataset((x, y), left_size=0.7, shuffle=True, seed=1)
    assert len(left) == 7 and int(right.cardinality()) == 3
    assert sorted(int(sample) for sample, _ in [*left, *right]) == x.tolist()
    assert all(target == 2 * sample for sample, target in [*left, *right])
    left, right = keras.utils.split_dataset({"x": x}, left_size=3, right_size=2)
    assert [int(row["x"]) for row in left] == [0, 1, 2] and [int(row["x"]) for row in right] == [3, 4]
    batched, _ = keras.utils.split_dataset(left.batch(2).unbatch(), left_size=2)
    assert [int(row["x"]) for row in batched] == [0, 1]
    with pytest.raises(DataError, match="same number of samples"):
        keras.utils.split_dataset((x, y[:3]), left_size=1)
    with pytest.raises(ArgumentError, match="fit into 10 samples"):
        keras.utils.split_dataset(x, left_size=11)
    with pytest.raises(ArgumentError, match="At least one"):
        keras.utils.split_dataset(x)


def test_pictures_there_and_back(tmp_path):
    pytest.importorskip("PIL")
    pixels = np.random.Generator(np.random.PCG64(1)).integers(0, 256, (5, 4, 3), np.uint8)
    keras.utils.save_img(tmp_path / "p.png", pixels, scale=False)
    image = keras.utils.load_img(tmp_path / "p.png")
    assert (keras.utils.img_to_array(image) == pixels).all()
    grey = keras.utils.load_img(tmp_path / "p.png", color_mode="grayscale", target_size=(10, 8))
    assert keras.utils.img_to_array(grey).shape == (10, 8, 1)
    assert np.asarray(keras.utils.array_to_img(np.array([[[0.0], [2.0]]]))).tolist() == [[0, 255]]
    boxed = keras.utils.load_img(tmp_path / "p.png", target_size=(1, 1), interpolation="box")
    assert np.abs(np.asarray(boxed, float) - pixels.mean((0, 1))).max() <= 1
    assert keras.utils.load_img(tmp_path / "p.png", target_size=(2, 2), interpolation="hamming").size == (2, 2)
    with pytest.raises(ShapeError):
        keras.utils.array_to_img(pixels[0])
    with pytest.raises(ArgumentError, match="png, jpeg"):
        keras.utils.save_img(tmp_path / "p.eps", pixels)


def test_pixels_are_rounded_as_keras_rounds_them():
    pytest.importorskip("PIL")
    numbers = np.random.Generator(np.random.PCG64(2)).normal(size=(64, 64, 1))
    shifted = numbers.astype("float32") - numbers.astype("float32").min()
    expected = (shifted / shifted.max() * 255).astype("uint8")[..., 0]
    assert (np.asarray(keras.utils.array_to_img(numbers)) == expected).all()


# ---- archives ------------------------------------------------------------------------------------------------------

def tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def link(kind, target):
    info = tarfile.TarInfo("inner")
    info.type, info.linkname = kind, target
    return info


def test_archives_unpack_into_a_folder_of_their_own(tmp_path):
    folder = unpack(tar(tmp_path / "a.tar.gz", [("x/one.txt", b"1"), ("two.txt", b"2")]))
    assert folder == tmp_path / "a.tar.gz_extracted"
    assert (folder / "x" / "one.txt").read_bytes() == b"1"
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("deep/er/one.txt", b"1")
    assert (unpack(tmp_path / "b.zip") / "deep" / "er" / "one.txt").read_bytes() == b"1"
    (tmp_path / "c.zip").write_bytes(b"neither")
    with pytest.raises(ModelFileError, match="neither a zip nor a tar"):
        unpack(tmp_path / "c.zip")


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:evil", "a\\..\\evil", "con", "nul.txt", "a\nb",
                                  "x" * 300, "/".join("a" * 70), "a//b"])
def test_names_that_escape(tmp_path, name):
    (tmp_path / "in").mkdir()
    with pytest.raises(ModelFileError, match="not allowed|too deeply"):
        unpack(tar(tmp_path / "in" / "a.tar", [("good.txt", b"1"), (name, b"evil")]))
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]
    assert [entry.name for entry in (tmp_path / "in").iterdir()] == ["a.tar"]


@pytest.mark.parametrize("kind, target", [(tarfile.SYMTYPE, "/etc"), (tarfile.LNKTYPE, "../../evil"),
                                          (tarfile.CHRTYPE, ""), (tarfile.FIFOTYPE, "")])
def test_links_and_devices(tmp_path, kind, target):
    with pytest.raises(ModelFileError, match="something else than files and folders"):
        unpack(tar(tmp_path / "a.tar", [(link(kind, target), b""), ("inner/evil", b"x")]))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tar"]


def test_archive_that_unpacks_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr("striate.utils.download._MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(ModelFileError, match="more than allowed"):
        unpack(tar(tmp_path / "a.tar", [("x", bytes(600)), ("y", bytes(600))]))


@pytest.mark.parametrize("options, message", [
    ({}, "specify the \"origin\""), ({"origin": "http://x/a", "md5_hash": "0" * 32}, "SHA-256"),
    ({"origin": "http://x/a", "fname": "../a"}, "plain file name"), ({"origin": "http://x/"}, "plain file name"),
])
def test_get_file_arguments(options, message):
    with pytest.raises(ArgumentError, match=message):
        keras.utils.get_file(**options)


# ---- random numbers ------------------------------------------------------------------------------------------------

def test_seeds():
    draw = keras.random.normal
    assert (draw((4,), seed=1) == draw((4,), seed=1)).all() and (draw((4,), seed=1) != draw((4,), seed=2)).any()
    generator = keras.random.SeedGenerator(5)
    first, second = draw((4,), seed=generator), draw((4,), seed=generator)
    assert (first != second).any()
    again = keras.random.SeedGenerator.from_config(generator.get_config())
    assert (draw((4,), seed=again) == first).all()
    with pytest.raises(TypeMismatchError, match="whole number"):
        draw((4,), seed="x")


def test_global_seed_starts_everything_again():
    def draws():
        keras.utils.set_random_seed(11)
        return [keras.random.uniform((3,)), keras.random.uniform((3,)),
                keras.random.uniform((3,), seed=keras.random.SeedGenerator())]
    first, second = draws(), draws()
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert (first[0] != first[1]).any() and (first[0] != first[2]).any()


def test_distributions():
    count = 50_000
    uniform = keras.random.uniform((count,), -1, 3, seed=1)
    assert uniform.min() >= -1 and uniform.max() < 3 and abs(uniform.mean() - 1) < 0.02
    normal = keras.random.normal((count,), 2, 0.5, seed=2)
    assert abs(normal.mean() - 2) < 0.01 and abs(normal.std() - 0.5) < 0.01
    truncated = keras.random.truncated_normal((count,), 0, 2, seed=3)
    assert np.abs(truncated).max() <= 4 and abs(truncated.std() / 2 - 0.8796) < 0.01
    integers = keras.random.randint((count,), -2, 3, seed=4)
    assert integers.dtype == np.int32 and np.abs(np.bincount(integers + 2) / count - 0.2).max() < 0.01
    classes = keras.random.categorical(np.log(np.array([[0.2, 0.8]], np.float32)), count, seed=5)
    assert classes.shape == (1, count) and abs(classes.mean() - 0.8) < 0.01
    assert sorted(keras.random.shuffle(np.arange(20), seed=6)) == list(range(20))
    dropped = keras.random.dropout(np.ones(count, np.float32), 0.25, seed=7)
    assert set(np.unique(dropped)) == {0, np.float32(4 / 3)} and abs(dropped.mean() - 1) < 0.01
    with pytest.raises(ArgumentError, match="exceed `minval`"):
        keras.random.randint((2,), 3, 3)
