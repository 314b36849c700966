"""What data sets give, where they are looked for, and what is said when they are nowhere."""

import gzip
import hashlib
import io
import tarfile

import numpy as np
import pytest

from striate import config
from striate.datasets import auto_mpg, cifar10, cifar100, dna_motifs, fashion_mnist, folder, mnist, x_or_o
from striate.datasets.idx import read_idx, write_idx
from striate.errors import ArgumentError, DataError, DownloadError, MissingDataError


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A computer without any data set and without a network."""
    monkeypatch.setattr(fashion_mnist, "_folders", lambda: [tmp_path / "own", tmp_path / "cache"])
    monkeypatch.setattr(fashion_mnist, "cache_folder", lambda name: tmp_path / "cache")
    monkeypatch.setattr(fashion_mnist, "_MIRRORS", ("http://127.0.0.1:9/",))
    return tmp_path


def test_subset_is_what_it_says():
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data(subset=True)
    assert x_train.shape == (6000, 28, 28) and x_test.shape == (1000, 28, 28) and x_train.dtype == np.uint8
    assert np.bincount(y_train).tolist() == [600] * 10
    assert np.bincount(y_test).tolist() == [100] * 10
    assert hashlib.sha256(x_train).hexdigest() == "2b17438af55637db62c122a92490b5b4275bed5719a838b5b0486ea2193a98a4"
    assert len(fashion_mnist.CLASS_NAMES) == 10


def test_subset_comes_with_its_licence():
    notice = (fashion_mnist.SUBSET_FOLDER / "NOTICE.txt").read_text("utf-8")
    assert "2017 Zalando SE" in notice and "Permission is hereby granted" in notice


def test_whole_never_becomes_the_subset(nowhere):
    with pytest.raises(DownloadError) as caught:
        fashion_mnist.load_data()
    message = str(caught.value)
    for place in (nowhere / "own", nowhere / "cache", "http://127.0.0.1:9/"):
        assert str(place) in message
    assert "load_data(subset=True)" in message


def test_whole_is_judged_by_its_unpacked_content(nowhere, monkeypatch):
    arrays = {"train-images-idx3-ubyte": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
              "train-labels-idx1-ubyte": np.array([1, 2], np.uint8),
              "t10k-images-idx3-ubyte": np.zeros((1, 3, 4), np.uint8), "t10k-labels-idx1-ubyte": np.zeros(1, np.uint8)}
    hashes = {name: ("", hashlib.sha256(write_idx(array)).hexdigest()) for name, array in arrays.items()}
    monkeypatch.setattr(fashion_mnist, "_FILES", hashes)
    (nowhere / "own").mkdir()
    (nowhere / "cache").mkdir()
    for time, (name, array) in enumerate(arrays.items()):
        # Packed with another header each time, and a wrong file in the better place.
        (nowhere / "cache" / f"{name}.gz").write_bytes(gzip.compress(write_idx(array), mtime=time))
        (nowhere / "own" / f"{name}.gz").write_bytes(gzip.compress(b"something else"))
    (x_train, y_train), _ = fashion_mnist.load_data()
    assert (x_train == arrays["train-images-idx3-ubyte"]).all() and y_train.tolist() == [1, 2]


@pytest.mark.parametrize("content", [b"", b"\0\0\x08\x01", b"\0\0\x0d\x01" + bytes(4), b"\0\0\x08\x01\0\0\0\x05abc",
                                     b"\0\0\x08\x01\0\0\0\x01abc"])
def test_damaged_idx(content):
    with pytest.raises(DownloadError):
        read_idx(content)


def test_auto_mpg_is_shuffled_and_complete():
    (x_train, y_train), (x_valid, y_valid) = auto_mpg.load_data()
    assert x_train.shape == (300, 7) and x_valid.shape == (92, 7) and y_train.dtype == np.float32
    assert np.concatenate([y_train, y_valid]).mean() == pytest.approx(23.4459, abs=1e-3)
    years = x_train[:, auto_mpg.FEATURES.index("model_year")]
    assert years.min() == 70 and years.max() == 82
    assert not (np.diff(years) >= 0).all()
    (ordered, _), _ = auto_mpg.load_data(seed=None)
    assert ordered[0].tolist() == [8, 307, 130, 3504, 12, 70, 1]
    with pytest.raises(ArgumentError, match="between 0 and 391"):
        auto_mpg.load_data(validation=392)


def test_sequences_of_dna_hold_the_word_where_they_should():
    (x, y), (x_test, y_test) = dna_motifs.load_data(train=60, test=20, misspelt=0, seed=3)
    (again, _), _ = dna_motifs.load_data(train=60, test=20, misspelt=0, seed=3)
    assert (x == again).all() and x.shape == (60, 200, 4) and (x.sum(axis=2) == 1).all()
    assert y.sum() + y_test.sum() == 40
    texts = ["".join(dna_motifs.LETTERS[letter] for letter in row) for row in x.argmax(axis=2)]
    assert all(dna_motifs.WORD in text for text, label in zip(texts, y, strict=True) if label)
    assert dna_motifs.holds_word(x).tolist() == [dna_motifs.WORD in text for text in texts]
    # Of misspelt words fewer are found, and with one letter free more of them again.
    (x, y), _ = dna_motifs.load_data(train=400, test=0)
    found = [dna_motifs.holds_word(x[y == 1], wrong).mean() for wrong in (0, 1)]
    assert found[0] < 0.75 < found[1]
    with pytest.raises(ArgumentError, match="as long as the word TGACTCA"):
        dna_motifs.load_data(length=6)


def test_x_or_o_is_the_lecture_s():
    picture, kernel = x_or_o.plain_x(), x_or_o.KERNELS[0]
    feature_map = np.array([[(picture[i:i + 3, j:j + 3] * kernel).sum() for j in range(7)] for i in range(7)])
    assert (np.round(feature_map[0] * 9).astype(int)).tolist() == [7, -1, 1, 3, 5, -1, 3]
    assert (np.round(feature_map[3] * 9).astype(int)).tolist() == [3, 3, -3, 5, -3, 3, 3]
    pooled = np.maximum(np.pad(feature_map, ((0, 1), (0, 1)), constant_values=-9), 0).reshape(4, 2, 4, 2).max((1, 3))
    expected = [[1.00, 0.33, 0.55, 0.33], [0.33, 1.00, 0.33, 0.55], [0.55, 0.33, 1.00, 0.11], [0.33, 0.55, 0.11, 0.77]]
    assert (np.trunc(pooled * 100 + 1e-3)).tolist() == (np.array(expected) * 100).round().tolist()


def test_x_or_o_is_seeded_and_balanced():
    (x, y), (x_test, _) = x_or_o.load_data(train=50, test=10, seed=5)
    (again, _), _ = x_or_o.load_data(train=50, test=10, seed=5)
    assert (x == again).all() and x.shape == (50, 9, 9, 1) and x_test.shape == (10, 9, 9, 1)
    assert set(np.unique(x)) == {-1, 1} and y.sum() == 25
    (plain, labels), _ = x_or_o.load_data(train=6, test=0, tricks=())
    assert all((picture[..., 0] == (x_or_o.plain_o() if label else x_or_o.plain_x())).all()
               for picture, label in zip(plain, labels, strict=True))
    with pytest.raises(ArgumentError, match="shifted, scaled, rotated, thicker"):
        x_or_o.load_data(tricks=["mirrored"])


def test_mnist_archive(tmp_path):
    shapes = {"x_train": (3, 2, 2), "y_train": (3,)}
    arrays = {name: np.arange(np.prod(shape), dtype=np.uint8).reshape(shape) for name, shape in shapes.items()}
    np.savez(tmp_path / "m.npz", **arrays)
    found = mnist.read_npz(tmp_path / "m.npz", shapes)
    assert all((found[name] == arrays[name]).all() for name in shapes)
    np.savez(tmp_path / "m.npz", x_train=np.zeros((3, 2, 2)), y_train=arrays["y_train"])
    with pytest.raises(DownloadError, match="should be uint8 of shape"):
        mnist.read_npz(tmp_path / "m.npz", shapes)
    np.savez(tmp_path / "m.npz", x_train=np.array([{}] * 3), y_train=arrays["y_train"])
    with pytest.raises((DownloadError, ValueError)):
        mnist.read_npz(tmp_path / "m.npz", shapes)


def cifar_archive(path, folder, rows):
    """An archive of files of rows, as CIFAR's are."""
    with tarfile.open(path, "w:gz") as archive:
        for name, batch in rows.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = batch.nbytes
            archive.addfile(member, io.BytesIO(batch.tobytes()))
    return path


def test_cifar10_archive(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "_PER_FILE", 2)
    rows = np.random.Generator(np.random.PCG64(1)).integers(0, 256, (6, 2, 3073), np.uint8)
    path = cifar_archive(tmp_path / "c.tar.gz", "cifar-10-batches-bin",
                         dict(zip((*cifar10._TRAIN, cifar10._TEST), rows, strict=True)))
    monkeypatch.setattr(cifar10.Archive, "find", lambda self: path)
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert x_train.shape == (10, 32, 32, 3) and y_test.shape == (2, 1)
    assert y_train[3, 0] == rows[1, 1, 0]
    # Red plane first in the file; row 5, column 7 of the picture.
    assert x_train[3, 5, 7].tolist() == [rows[1, 1, 1 + plane * 1024 + 5 * 32 + 7] for plane in range(3)]
    cifar_archive(path, "cifar-10-batches-bin", {"test_batch.bin": rows[0]})
    with pytest.raises(DownloadError, match="data_batch_1.bin"):
        cifar10.load_data()


def test_cifar100_has_classes_and_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar100, "_FILES", {"train.bin": 3, "test.bin": 2})
    rows = np.random.Generator(np.random.PCG64(1)).integers(0, 256, (5, 3074), np.uint8)
    path = cifar_archive(tmp_path / "c.tar.gz", "cifar-100-binary", {"train.bin": rows[:3], "test.bin": rows[3:]})
    monkeypatch.setattr(cifar10.Archive, "find", lambda self: path)
    (x_train, y_train), (x_test, y_test) = cifar100.load_data()
    assert x_train.shape == (3, 32, 32, 3) and x_test.shape == (2, 32, 32, 3)
    assert y_train.tolist() == rows[:3, 1:2].tolist() and x_test[1, 0, 0, 0] == rows[4, 2]
    assert cifar100.load_data("coarse")[1][1].tolist() == rows[3:, :1].tolist()
    with pytest.raises(ArgumentError, match="label_mode"):
        cifar100.load_data("both")


@pytest.fixture
def pictures(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    for label, name in enumerate(("real", "fake")):
        (tmp_path / name).mkdir()
        for index in range(3):
            pixels = np.full((6, 4), 40 * index + label, np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{index}.png")
    (tmp_path / "real" / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def test_folder_of_pictures(pictures):
    found = folder.load(pictures)
    assert found.class_names == ("fake", "real") and found.x.shape == (6, 6, 4, 1) and found.x.dtype == np.uint8
    assert found.y.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.x[:, 0, 0, 0].tolist() == [1, 41, 81, 0, 40, 80]
    assert found.paths[4] == pictures / "real" / "1.png" and not found.skipped
    resized = folder.load(pictures, image_size=(3, 8), color_mode="rgb", class_names=["real", "fake"])
    assert resized.x.shape == (6, 3, 8, 3) and resized.y.tolist() == [0, 0, 0, 1, 1, 1]


def test_folder_lists_what_it_could_not_read(pictures):
    broken = pictures / "real" / "1.png"
    broken.write_bytes(broken.read_bytes()[:40])
    found = folder.load(pictures)
    assert len(found.x) == 5 and list(found.skipped) == [broken]


@pytest.mark.parametrize("break_it, message", [
    (lambda path: (path / "fake" / "0.png").rename(path / "x.png"), None),
    (lambda path: __import__("shutil").rmtree(path / "real") or __import__("shutil").rmtree(path / "fake"),
     "one folder for each class"),
])
def test_folder_without_pictures(pictures, break_it, message):
    break_it(pictures)
    if message is None:
        assert len(folder.load(pictures).x) == 5
    else:
        with pytest.raises(DataError, match=message):
            folder.load(pictures)


def test_folder_with_different_sizes(pictures):
    from PIL import Image

    Image.fromarray(np.zeros((5, 5), np.uint8)).save(pictures / "fake" / "9.png")
    with pytest.raises(DataError, match=r"different sizes.*image_size=\(64, 64\)"):
        folder.load(pictures)
    with pytest.raises(MissingDataError, match="no such folder"):
        folder.load(pictures / "missing")
    with pytest.raises(ArgumentError, match="there are: fake, real"):
        folder.load(pictures, class_names=["cat"])


def test_sixteen_bit_pictures_keep_their_high_bytes(tmp_path):
    from PIL import Image

    Image.fromarray(np.array([[0, 256, 65535]], np.uint16)).save(tmp_path / "m.png")
    assert folder.read_image(tmp_path / "m.png")[0, :, 0].tolist() == [0, 1, 255]


def test_settings_name_the_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("STRIATE_DATA", str(tmp_path / "lab"))
    monkeypatch.setenv("STRIATE_CACHE_DIR", str(tmp_path / "cache"))
    places = [str(place) for place in fashion_mnist._folders()]
    assert places[0] == str(tmp_path / "lab" / "fashion-mnist")
    assert config.value("cache_dir") == tmp_path / "cache"
    assert str(tmp_path / "cache" / "datasets" / "fashion-mnist") in places
    assert places.index("/usr/share/datasets/fashion-mnist") < len(places) - 1
