"""Folders before they are trained on: splits, doubles, damaged files; data in single files; the simulator."""

import gzip
import io

import numpy as np
import pytest
from PIL import Image

from striate.datasets import auto_mpg, brain_food, simulated_ca, tables
from striate.datasets.audit import audit
from striate.datasets.survey import survey, survey_of
from striate.errors import ArgumentError, DataError, DownloadError


def picture(path, value, size=(4, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(value)
    Image.fromarray(random.integers(0, 256, size, np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    for index in range(20):
        picture(tmp_path / "cats" / f"{index}.png", index)
        picture(tmp_path / "dogs" / f"{index}.png", 100 + index)
    return tmp_path


def test_split_is_stratified_seeded_and_complete(folder):
    found = survey(folder)
    assert found.class_names == ("cats", "dogs") and len(found.paths) == 40
    parts = found.split(seed=3)
    assert {part: len(rows) for part, rows in parts.items()} == {"train": 28, "validation": 6, "test": 6}
    assert all(np.bincount(found.labels[rows]).tolist() == [len(rows) // 2] * 2 for rows in parts.values())
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(40))
    assert all(np.array_equal(parts[part], survey(folder).split(seed=3)[part]) for part in parts)
    assert not np.array_equal(parts["test"], found.split(seed=4)["test"])


def test_pictures_with_the_same_pixels_stay_together(folder):
    for index in range(10):
        picture(folder / "cats" / f"copy{index}.bmp", 5)
    found = survey(folder)
    for seed in range(6):
        parts = found.split(seed)
        holding = [part for part, rows in parts.items()
                   if any("copy" in found.paths[row].name or found.paths[row].name == "5.png"
                          and found.labels[row] == 0 for row in rows)]
        assert len(holding) == 1


def test_parts_of_the_folder_are_kept(folder):
    for part in ("train", "val"):
        for name in ("cats", "dogs"):
            for index in range(8):
                picture(folder / "parted" / part / name / f"{index}.png", hash((part, name, index)) % 1000)
    found = survey(folder / "parted")
    parts = found.split()
    assert set(found.given) == {"train", "validation"} and len(parts["validation"]) == 16
    assert len(parts["train"]) + len(parts["test"]) == 16 and len(parts["test"]) >= 2
    (folder / "parted" / "val" / "birds").mkdir()
    with pytest.raises(DataError, match="birds"):
        survey(folder / "parted")


def test_too_few_pictures_and_too_few_classes(tmp_path):
    for index in range(2):
        picture(tmp_path / "cats" / f"{index}.png", index)
    with pytest.raises(DataError, match="two class folders"):
        survey(tmp_path)
    for index in range(9):
        picture(tmp_path / "dogs" / f"{index}.png", 50 + index)
    with pytest.raises(DataError, match="at least 3 different pictures"):
        survey(tmp_path).split()


def test_damaged_files_and_sizes_are_told(folder):
    (folder / "cats" / "bad.png").write_bytes(b"bad")
    picture(folder / "dogs" / "large.png", 999, (8, 6))
    found = survey(folder)
    assert [path.name for path in found.unreadable] == ["bad.png"]
    assert found.grey and found.value_range is None and found.sizes.max(axis=0).tolist() == [8, 6]


def test_audit_counts_and_compares():
    parts = {"train": (["a", "b", "c", "c"], [0, 0, 0, 0], ["1", "2", "3", "4"]),
             "test": (["a", "d", "b"], [0, 1, 1], ["5", "6", "7"])}
    found = audit(parts, ["x", "o"], {"f.png": "f.png is damaged"})
    assert found.counts == {"train": {"x": 4, "o": 0}, "test": {"x": 1, "o": 2}}
    assert found.doubles == 1 and found.across == {"train and test": 2} and found.conflicts == [("2", "7")]
    said = " ".join(found.findings())
    assert "2 pictures are the same in train and test" in said and "f.png is damaged" in said
    assert audit({"train": (["a", "b"], [0, 1], ["1", "2"])}, ["x", "o"]).findings() == []


def test_npz_with_and_without_parts(tmp_path):
    x = np.zeros((6, 4, 4), np.uint8)
    np.savez(tmp_path / "a.npz", x=x, y=np.array(["b", "a", "b", "a", "a", "b"]))
    found = tables.load_npz(tmp_path / "a.npz")
    assert found.class_names == ("a", "b") and found.parts["all"][1].tolist() == [1, 0, 1, 0, 0, 1]
    np.savez(tmp_path / "b.npz", x_train=x, y_train=np.arange(6) % 3, x_test=x[:2], y_test=[[2], [1]],
             class_names=["r", "g", "b"])
    found = tables.load_npz(tmp_path / "b.npz")
    assert found.class_names == ("r", "g", "b") and found.parts["test"][1].tolist() == [2, 1]
    np.savez(tmp_path / "c.npz", x=x, y=np.eye(3)[[2, 0, 1, 1, 0, 2]])
    found = tables.load_npz(tmp_path / "c.npz")
    assert found.class_names == ("0", "1", "2") and found.parts["all"][1].tolist() == [2, 0, 1, 1, 0, 2]


@pytest.mark.parametrize(("arrays", "message"), [
    ({"a": np.zeros(3)}, "x_train and y_train"),
    ({"x": np.zeros((3, 2, 2)), "y": np.zeros(2)}, "one label"),
    ({"x": np.zeros((2, 2, 2)), "y": np.array([0.5, 1])}, "whole numbers"),
    ({"x": np.zeros((2, 2, 2)), "y": np.array([-1, 1])}, "whole numbers"),
    ({"x": np.zeros((2, 2, 2)), "y": np.array([np.nan, 1])}, "whole numbers"),
    ({"x": np.zeros((2, 2, 2)), "y": np.array([[1, 2], [0, 1]])}, "one-hot rows"),
    ({"x": np.zeros((2, 2, 2)), "y": np.array([["a", "b"], ["c", "d"]])}, "one-hot rows"),
    ({"x": np.array([object()]), "y": np.zeros(1)}, "no array of numbers"),
])
def test_npz_that_cannot_be_used(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        tables.load_npz(tmp_path / "a.npz")


def test_npz_that_is_none(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(DataError):
        tables.load_npz(tmp_path / "a.npz")
    with pytest.raises(DataError, match="no such file"):
        tables.load_npz(tmp_path / "b.npz")


def test_csv_of_pixels_of_paths_and_of_numbers(tmp_path):
    pixels = [[index % 3, *range(index, index + 16)] for index in range(5)]
    text = "label," + ",".join(f"p{index}" for index in range(16)) + "\n"
    (tmp_path / "pixels.csv").write_text(text + "\n".join(",".join(map(str, row)) for row in pixels))
    found = tables.load_csv(tmp_path / "pixels.csv")
    assert found.parts["all"][0].shape == (5, 4, 4, 1) and found.parts["all"][0][2, 0, 3, 0] == 5
    assert found.class_names == ("0", "1", "2")

    picture(tmp_path / "one.png", 1)
    picture(tmp_path / "two.png", 2)
    (tmp_path / "paths.csv").write_text("file;class\none.png;cat\ntwo.png;dog\n")
    listed = tables.load_csv(tmp_path / "paths.csv")
    assert listed == [(tmp_path / "one.png", "cat"), (tmp_path / "two.png", "dog")]
    assert survey_of(tmp_path, listed).class_names == ("cat", "dog")
    (tmp_path / "paths.csv").write_text("file\tspecies\none.png\tcat\ntwo.png\tdog\n")
    assert tables.load_csv(tmp_path / "paths.csv") == listed
    (tmp_path / "paths.csv").write_text("file,age,species\none.png,3,cat\ntwo.png,4,dog\n")
    with pytest.raises(ArgumentError, match="call it 'class'"):
        tables.load_csv(tmp_path / "paths.csv")
    assert tables.load_csv(tmp_path / "paths.csv", "species") == listed

    (tmp_path / "cars.csv").write_text("mpg,weight,name\n18,3504,\n15,3693,\nNA,2000,\n")
    with pytest.raises(DataError, match="number in every column: there is none at all in name"):
        tables.load_csv(tmp_path / "cars.csv")
    (tmp_path / "cars.csv").write_text("weight,mpg\n3504,18\n3693,15\n2000,NA\n")
    table = tables.load_csv(tmp_path / "cars.csv")
    assert table.target == "mpg" and table.columns == ("weight",) and table.y.tolist() == [18, 15]
    assert tables.load_csv(tmp_path / "cars.csv", "weight").y.tolist() == [3504, 3693]
    with pytest.raises(ArgumentError, match="weight, mpg"):
        tables.load_csv(tmp_path / "cars.csv", "price")
    (tmp_path / "commas.csv").write_text("weight;mpg\n3504,5;18,25\n3693,0;1,125\n")
    table = tables.load_csv(tmp_path / "commas.csv")
    assert table.x.tolist() == [[3504.5], [3693]] and table.y.tolist() == [18.25, 1.125]
    (tmp_path / "commas.csv").write_text("weight;mpg\n3,504;18\n3693;15\n")  # a thousand, or a part of one?
    assert tables.load_csv(tmp_path / "commas.csv").x.tolist() == [[3693]]
    (tmp_path / "latin.csv").write_bytes("größe;mpg\n1;2\n".encode("latin-1"))
    with pytest.raises(DataError, match="not in UTF-8"):
        tables.load_csv(tmp_path / "latin.csv")
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1\n")
    with pytest.raises(DataError, match="Line 3"):
        tables.load_csv(tmp_path / "ragged.csv")


def test_simulated_frames_depend_on_seed_and_session_alone():
    x, y, sessions = simulated_ca.load_sessions([2, 7], frames=6)
    again, labels, _ = simulated_ca.load_sessions([7], frames=6)
    assert x.shape == (12, 128, 128, 1) and x.dtype == np.float32 and y.tolist().count(1) == 6
    assert np.array_equal(x[sessions == 7], again) and np.array_equal(y[sessions == 7], labels)
    assert not np.array_equal(again, simulated_ca.load_sessions([7], frames=6, seed=1)[0])
    with pytest.raises(ArgumentError, match="even number"):
        simulated_ca.load_sessions([1], frames=5)


@pytest.mark.slow
def test_simulated_frames_are_normalised_and_not_trivially_told_apart():
    x, y, sessions = simulated_ca.load_sessions([0, 1, 6], frames=40)
    window = simulated_ca.session(6).window
    inside = x[sessions == 6][:, window, 0]
    assert np.abs(inside.mean(axis=1)).max() < 1e-4 and np.abs(inside.std(axis=1) - 1).max() < 1e-3
    assert (x[sessions == 6][:, ~window, 0] == 0).all()
    # Least squares on raw pixels, trained on two sessions, does not know the third.
    flat, wanted = x.reshape(len(x), -1).astype(np.float64), y * 2.0 - 1
    train = sessions < 6
    weights = flat[train].T @ np.linalg.solve(flat[train] @ flat[train].T + 1e3 * np.eye(train.sum()), wanted[train])
    assert ((flat[~train] @ weights > 0) == y[~train].astype(bool)).mean() < 0.8
    # Mean brightness and spread tell nothing.
    assert np.abs(x[y == 0].std(axis=(1, 2, 3)).mean() - x[y == 1].std(axis=(1, 2, 3)).mean()) < 0.02


@pytest.fixture
def bucket(monkeypatch, tmp_path):
    """The course's files on a server of this computer: 12 images each, all of the value that the file's number says."""
    from tests.datasets.web import serving

    images = np.full((12, 128, 128), 3, "<f4")
    monkeypatch.setenv("STRIATE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("STRIATE_DATA", raising=False)
    with serving(gzip.compress(images.tobytes())) as site:
        monkeypatch.setattr(brain_food, "_URL", site.url.replace("data.gz", ""))
        yield site


def test_brain_files_are_streamed_once(bucket, tmp_path):
    (x_train, y_train), (x_test, y_test) = brain_food.load_data(5, train_files=(0, 1), test_files=(7,))
    assert x_train.shape == (20, 128, 128, 1) and (x_train == 3).all() and y_test.tolist() == [0] * 5 + [1] * 5
    assert y_train.tolist() == ([0] * 5 + [1] * 5) * 2
    asked = len(bucket.requests)
    assert {path for path, _ in bucket.requests} == {f"/{kind}_{n}.gz" for kind in ("real", "fake") for n in (0, 1, 7)}
    brain_food.load_data(5, train_files=(0, 1), test_files=(7,))
    assert len(bucket.requests) == asked
    with pytest.raises(DownloadError, match="at least 13 images"):
        brain_food.load_data(13, train_files=(0,), test_files=(7,))
    with pytest.raises(ArgumentError, match="0 to 9"):
        brain_food.load_data(5, train_files=(10,))


def test_brain_files_of_the_users_own(monkeypatch, tmp_path):
    (tmp_path / "brain-food").mkdir()
    for kind in ("real", "fake"):
        for number in (0, 7):
            memory = io.BytesIO()
            with gzip.GzipFile(fileobj=memory, mode="wb") as file:
                file.write(np.full((4, 128, 128), number, "<f4").tobytes())
            (tmp_path / "brain-food" / f"{kind}_{number}.gz").write_bytes(memory.getvalue())
    monkeypatch.setenv("STRIATE_DATA", str(tmp_path))
    train, test = brain_food.load_data(4, train_files=(0,), test_files=(7,))
    assert (train[0] == 0).all() and (test[0] == 7).all()
    assert brain_food.on_this_computer() == tmp_path / "brain-food"
    (tmp_path / "brain-food" / "real_0.gz").write_bytes(b"no gzip")
    with pytest.raises(DownloadError, match="damaged"):
        brain_food.load_data(4, train_files=(0,), test_files=(7,))


def test_auto_mpg_splits_are_shuffled_by_their_seed():
    (one, _), (valid, _) = auto_mpg.load_data(seed=1)
    assert one.shape == (300, 7) and valid.shape == (92, 7)
    assert not np.array_equal(one, auto_mpg.load_data(seed=2)[0][0])
