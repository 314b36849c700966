"""Pipelines: what TensorFlow 2.21's `tf.data` gives, recorded; and what `fit` makes of them."""

import numpy as np
import pytest

import striate as keras
from striate.errors import ArgumentError, DataError
from striate.utils.pipeline import AUTOTUNE, Dataset, TensorSpec


def plain(item):
    """Elements as TensorFlow prints them: nests of (shape, dtype, values)."""
    if isinstance(item, tuple):
        return tuple(plain(part) for part in item)
    if isinstance(item, dict):
        return {key: plain(part) for key, part in item.items()}
    return [list(item.shape), item.dtype.name, item.numpy().tolist()]


COUNT = Dataset.range(5)
PAIRS = Dataset.from_tensor_slices(([1.5, 2.5, 3.5], [1, 2, 3]))
# name -> (pipeline, cardinality, first and last element) as TensorFlow gives them.
RECORDED = {
    "floats and integers of Python": (PAIRS, 3, ([[], "float32", 1.5], [[], "int32", 1]),
                                      ([[], "float32", 3.5], [[], "int32", 3])),
    "dict": (Dataset.from_tensor_slices({"a": np.ones((2, 3)), "b": [b"x", b"y"][:0] or [1, 2]}), 2,
             {"a": [[3], "float64", [1, 1, 1]], "b": [[], "int32", 1]},
             {"a": [[3], "float64", [1, 1, 1]], "b": [[], "int32", 2]}),
    "range": (Dataset.range(1, 6, 2), 3, [[], "int64", 1], [[], "int64", 5]),
    "map": (COUNT.map(lambda n: (n, 1, 2.0)), 5, ([[], "int64", 0], [[], "int32", 1], [[], "float32", 2.0]),
            ([[], "int64", 4], [[], "int32", 1], [[], "float32", 2.0])),
    "batch": (COUNT.batch(2), 3, [[2], "int64", [0, 1]], [[1], "int64", [4]]),
    "batch without remainder": (COUNT.batch(2, drop_remainder=True), 2, [[2], "int64", [0, 1]],
                                [[2], "int64", [2, 3]]),
    "batch of pairs": (PAIRS.batch(2), 2, ([[2], "float32", [1.5, 2.5]], [[2], "int32", [1, 2]]),
                       ([[1], "float32", [3.5]], [[1], "int32", [3]])),
    "unbatch": (COUNT.batch(2).unbatch(), -2, [[], "int64", 0], [[], "int64", 4]),
    "take": (COUNT.take(2), 2, [[], "int64", 0], [[], "int64", 1]),
    "take more": (COUNT.take(9), 5, [[], "int64", 0], [[], "int64", 4]),
    "take all": (COUNT.take(-1), 5, [[], "int64", 0], [[], "int64", 4]),
    "skip": (COUNT.skip(3), 2, [[], "int64", 3], [[], "int64", 4]),
    "repeat": (COUNT.repeat(2), 10, [[], "int64", 0], [[], "int64", 4]),
    "concatenate": (COUNT.concatenate(Dataset.range(2)), 7, [[], "int64", 0], [[], "int64", 1]),
    "enumerate": (PAIRS.enumerate(), 3, ([[], "int64", 0], ([[], "float32", 1.5], [[], "int32", 1])),
                  ([[], "int64", 2], ([[], "float32", 3.5], [[], "int32", 3]))),
    "zip": (Dataset.zip((COUNT, PAIRS)), 3, ([[], "int64", 0], ([[], "float32", 1.5], [[], "int32", 1])),
            ([[], "int64", 2], ([[], "float32", 3.5], [[], "int32", 3]))),
    "zip of a dict": (Dataset.zip({"n": COUNT, "m": COUNT.skip(1)}), 4, {"n": [[], "int64", 0], "m": [[], "int64", 1]},
                      {"n": [[], "int64", 3], "m": [[], "int64", 4]}),
    "filter": (COUNT.filter(lambda n: n % 2 == 0), -2, [[], "int64", 0], [[], "int64", 4]),
    "shard": (COUNT.shard(2, 1), 2, [[], "int64", 1], [[], "int64", 3]),
    "flat_map": (COUNT.take(2).flat_map(lambda n: Dataset.range(3)), -2, [[], "int64", 0], [[], "int64", 2]),
    "padded": (Dataset.range(1, 4).map(lambda n: np.full(int(n), n)).padded_batch(3), 1,
               [[3, 3], "int64", [[1, 0, 0], [2, 2, 0], [3, 3, 3]]],
               [[3, 3], "int64", [[1, 0, 0], [2, 2, 0], [3, 3, 3]]]),
    "windows": (COUNT.window(3, shift=1, drop_remainder=True).flat_map(lambda part: part.batch(3)), -2,
                [[3], "int64", [0, 1, 2]], [[3], "int64", [2, 3, 4]]),
    "generator": (Dataset.from_generator(lambda: iter([(1, 2.0)]), output_signature=(
        TensorSpec((), np.dtype("int64")), TensorSpec((), np.dtype("float32")))), -2,
        ([[], "int64", 1], [[], "float32", 2.0]), ([[], "int64", 1], [[], "float32", 2.0])),
    "cache and prefetch": (COUNT.cache().prefetch(AUTOTUNE), 5, [[], "int64", 0], [[], "int64", 4]),
}


@pytest.mark.parametrize("name", RECORDED)
def test_elements_are_those_of_tensorflow(name):
    pipeline, cardinality, first, last = RECORDED[name]
    elements = list(pipeline)
    assert plain(elements[0]) == first and plain(elements[-1]) == last
    assert int(pipeline.cardinality()) == cardinality and pipeline.cardinality().dtype == "int64"
    assert list(map(plain, pipeline)) == list(map(plain, elements)), "a second pass gives the same"
    if cardinality >= 0:
        assert len(pipeline) == len(elements) == cardinality
    else:
        assert not hasattr(pipeline, "__len__")


@pytest.mark.parametrize("make, expected", [
    (lambda d: d.repeat(), -1), (lambda d: d.repeat().take(3), 3), (lambda d: d.repeat().batch(2), -1),
    (lambda d: d.repeat().skip(2), -1), (lambda d: d.repeat(0), 0), (lambda d: d.take(0).repeat(), 0),
    (lambda d: d.skip(-1), 0), (lambda d: d.filter(bool).repeat(2), -2), (lambda d: d.filter(bool).repeat(), -1),
    (lambda d: d.concatenate(d.repeat()), -1), (lambda d: d.repeat().concatenate(d.filter(bool)), -1),
    (lambda d: Dataset.zip(d, d.repeat()), 5), (lambda d: Dataset.zip(d, d.filter(bool)), -2)])
def test_cardinality_follows_tensorflows_rules(make, expected):
    assert int(make(COUNT).cardinality()) == expected


def test_shuffle_draws_from_its_buffer_and_repeats_with_the_seed():
    keras.utils.set_random_seed(3)
    order = [int(n) for n in Dataset.range(100).shuffle(10, seed=1)]
    assert sorted(order) == list(range(100)) and all(number < place + 10 for place, number in enumerate(order))
    again = Dataset.range(100).shuffle(10, seed=1)
    assert [int(n) for n in again] == order != [int(n) for n in again]
    fixed = Dataset.range(20).shuffle(20, reshuffle_each_iteration=False)
    assert [int(n) for n in fixed] == [int(n) for n in fixed]


def test_a_pass_that_was_broken_off_is_not_cached():
    calls = []
    cached = COUNT.map(lambda n: calls.append(n) or n).cache()
    list(cached.take(2))
    assert [int(n) for n in cached] == [0, 1, 2, 3, 4] and [int(n) for n in cached] == [0, 1, 2, 3, 4]
    assert len(calls) == 7


def test_small_things():
    assert int(COUNT.reduce(0, lambda total, n: total + n)) == 10
    assert int(COUNT.take(1).get_single_element()) == 0
    assert [int(n) for n in COUNT.take_while(lambda n: n < 2)] == [0, 1]
    assert list(COUNT.apply(lambda d: d.take(1)).as_numpy_iterator()) == [0]
    with pytest.raises(DataError, match="exactly one"):
        COUNT.get_single_element()
    for wrong in (lambda: COUNT.batch(0), lambda: COUNT.shuffle(0), lambda: COUNT.shard(2, 2),
                  lambda: Dataset.from_tensor_slices(([1], [1, 2])), lambda: Dataset.from_tensor_slices(3)):
        with pytest.raises(ArgumentError):
            wrong()


@pytest.fixture
def model():
    network = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    return network


def test_endless_data_need_a_number_of_steps(model):
    endless = Dataset.from_tensor_slices((np.ones((8, 2), "f"), np.ones((8, 1), "f"))).batch(4).repeat()
    for run in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ArgumentError, match="never end.*steps"):
            run(endless, verbose=0)
    with pytest.raises(ArgumentError, match="validation_steps"):
        model.fit(endless, steps_per_epoch=2, validation_data=endless, verbose=0)
    history = model.fit(endless, steps_per_epoch=3, epochs=2, validation_data=endless, validation_steps=1, verbose=0)
    assert len(history.history["val_loss"]) == 2
    assert len(model.predict(endless, steps=3, verbose=0)) == 12


def test_negative_epochs_are_refused(model):
    with pytest.raises(ArgumentError, match="epochs"):
        model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=-1, verbose=0)
    assert model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=0, verbose=0).history == {}


@pytest.mark.parametrize("make, shapes", [
    (lambda data: data, [(2,), ()]), (lambda data: data.batch(3), [(None, 2), (None,)]),
    (lambda data: data.shuffle(9).batch(4, drop_remainder=True).prefetch(1), [(4, 2), (4,)]),
    (lambda data: data.batch(3).map(lambda x, y: (x[:, :1], y)).cache().repeat(), [(None, 1), (None,)]),
    (lambda data: Dataset.zip((data, data)).batch(2).map(lambda one, other: (one[0], other[1])), [(None, 2), (None,)]),
    (lambda data: data.batch(3).unbatch().take(2), [(2,), ()]),
])
def test_element_spec(make, shapes):
    data = make(Dataset.from_tensor_slices((np.ones((8, 2), np.float32), np.arange(8))))
    assert [(spec.shape, spec.dtype) for spec in data.element_spec] == list(zip(shapes, ["float32", "int64"],
                                                                                strict=True))


def test_looking_at_the_form_of_elements_begins_no_pass():
    one, other = (Dataset.range(20).shuffle(20, seed=1).batch(5) for _ in range(2))
    assert one.element_spec.shape == (None,)
    assert [batch.tolist() for batch in one] == [batch.tolist() for batch in other]
    with pytest.raises(DataError, match="no element"):
        print(Dataset.range(0).element_spec)
