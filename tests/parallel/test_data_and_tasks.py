"""Data larger than the memory, tasks spread over ranks, and what goes over the wire."""

import json

import numpy as np
import pytest

from striate.errors import ArgumentError, DataError, TypeMismatchError
from striate.parallel import map_tasks, open_stored, write_stored
from striate.parallel.wire import decode, encode
from tests.parallel.job import digest, made


@pytest.fixture
def stored(tmp_path):
    """The images of a network in parts of several lengths."""
    _, x, y = made("mixed", 1)
    borders = [0, 5, 6, 14, 26]
    parts = [{"x": x[a:b], "y": y[a:b]} for a, b in zip(borders, borders[1:], strict=False)]
    return write_stored(tmp_path / "data", parts), x, y


@pytest.mark.slow
def test_ranks_read_stored_data_in_one_order(run, stored):
    data, _, _ = stored
    order = {"task": "stored", "folder": str(data.folder), "shards": 3}
    alone = run(None, **order)
    assert run(3, **order) == alone


def test_stored_data_are_the_arrays(stored):
    data, x, y = stored
    rows = np.array([25, 0, 13, 5, 6])
    found = data.read(rows)
    assert np.array_equal(found["x"], x[rows]) and np.array_equal(found["y"], y[rows])
    model, _, _ = made("mixed", 1)
    model.fit(data.batches(6), epochs=2, verbose=0)
    other, _, _ = made("mixed", 1)
    other.fit(x, y, batch_size=6, shuffle=False, epochs=2, verbose=0)
    assert digest(model) == digest(other)
    assert model.evaluate(data.batches(7), verbose=0) == other.evaluate(x, y, batch_size=7, verbose=0)
    assert np.array_equal(model.predict(data.batches(7), verbose=0), other.predict(x, batch_size=7, verbose=0))


@pytest.mark.parametrize("mixed", [1, 2, 4])
def test_an_epoch_has_every_row_once_and_can_begin_anywhere(stored, mixed):
    batches = stored[0].batches(4, shuffle=True, mixed=mixed)
    whole = list(batches.order(1, 2))
    assert sorted(np.concatenate(whole).tolist()) == list(range(26)) and [len(b) for b in whole] == [4] * 6 + [2]
    for first in range(8):
        assert [b.tolist() for b in batches.order(1, 2, first)] == [b.tolist() for b in whole[first:]]
    assert [b.tolist() for b in batches.order(1, 3)] != [b.tolist() for b in whole]


def test_damaged_stored_data_are_refused(stored, tmp_path):
    data = stored[0]
    with pytest.raises(DataError, match="no index.json"):
        open_stored(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no parts"):
        write_stored(tmp_path / "empty", [])
    with pytest.raises(DataError, match="first part's"):
        write_stored(tmp_path / "odd", [{"x": np.zeros((2, 3))}, {"x": np.zeros((2, 4))}])
    index = json.loads((data.folder / "index.json").read_text())
    for change, message in (({"rows": 4}, "not what its"), ({"x": "../part-00000-x.npy"}, "lie in its folder"),
                            ({"x": "part-00009-x.npy"}, "cannot be read")):
        changed = {**index, "files": [index["files"][0] | change, *index["files"][1:]]}
        (data.folder / "index.json").write_text(json.dumps(changed))
        with pytest.raises(DataError, match=message):
            open_stored(data.folder).read(np.array([0]))
    (data.folder / "index.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        open_stored(data.folder)
    with pytest.raises(ArgumentError, match="mixed"):
        data.batches(4, mixed=0)


@pytest.mark.slow
def test_tasks_are_shared_out_and_their_results_come_in_order(run):
    wanted = [[1, number ** 2, [float(number)] * 2] for number in range(7)]
    assert run(3, task="mapped", count=7) == wanted
    assert map_tasks(lambda number: (number, None), [1, 2]) == [(1, None), (2, None)]


@pytest.mark.slow
def test_folds_and_an_ensemble_over_ranks_are_those_of_one_process(run):
    scores, together = run(None, task="folds", count=4)
    assert len({weights for _, weights in scores}) == 4
    assert run(3, task="folds", count=4) == [scores, together]


@pytest.mark.slow
def test_a_search_over_ranks_is_that_of_one_process(run, tmp_path):
    found = [run(ranks, task="tuned", folder=str(tmp_path / str(ranks))) for ranks in (None, 2)]
    assert found[0] == found[1]
    for ranks in (None, 2):
        assert sorted(path.name for path in (tmp_path / str(ranks)).iterdir()) == [
            *(f"trial-{number:04d}.keras" for number in range(6)), "tune.json"]


def test_the_wire_carries_plain_values_and_arrays_only():
    nest = {"a": [1, 2.5, None, True, "word"], "b": (np.float32(3), np.zeros((2, 0)), np.arange(3, dtype=np.uint8))}
    found = decode(encode(nest))
    assert found["a"] == nest["a"] and isinstance(found["b"], tuple)
    assert [part.dtype for part in found["b"]] == [np.float32, np.float64, np.uint8]
    assert found["b"][1].shape == (2, 0) and found["b"][2].tolist() == [0, 1, 2]
    assert len(encode([np.zeros(3)])) == len(encode([np.ones(3)]))
    for item in (object(), np.array([object()]), np.array(["text"]), {1, 2}):
        with pytest.raises(TypeMismatchError, match="sent to other ranks"):
            encode([item])
