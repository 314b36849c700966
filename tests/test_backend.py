"""`keras.backend` under its old names."""

import numpy as np
import pytest

import striate as keras

K = keras.backend


def test_every_listed_name_is_there():
    assert [name for name in K.__all__ if not callable(getattr(K, name))] == []
    assert sorted(set(K.__all__)) == sorted(K.__all__)


def test_old_names_compute():
    x = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    assert np.asarray(K.permute_dimensions(x, (0, 2, 1))).shape == (1, 3, 2)
    assert np.asarray(K.batch_flatten(x)).shape == (1, 6)
    assert np.asarray(K.flatten(x)).tolist() == [0, 1, 2, 3, 4, 5]
    assert (K.int_shape(keras.Input((4, 4, 1))), K.ndim(x)) == ((None, 4, 4, 1), 3)
    assert float(K.mean(K.pow(x, 2.0))) == pytest.approx(55 / 6)
    assert np.asarray(K.gather(np.array([5.0, 7.0], np.float32), [1, 0])).tolist() == [7, 5]


@pytest.mark.parametrize(("arguments", "expected"), [
    ({"initializer": "ones", "shape": (2,)}, [1, 1]), ({"initializer": keras.initializers.Zeros(), "shape": [1]}, [0]),
    ({"initializer": np.float32([3])}, [3]), ({"initial_value": [4.0]}, [4]), ({"value": lambda: np.float32([5])}, [5]),
])
def test_a_variable_is_made_of_a_value_or_an_initializer(arguments, expected):
    assert keras.Variable(**arguments).numpy().tolist() == expected


@pytest.mark.parametrize(("arguments", "message"), [
    ({}, "made of one value"), ({"value": 1.0, "initializer": 2.0}, "made of one value"),
    ({"initializer": "ones"}, "needs a `shape`"), ({"value": [1.0], "shape": (2,)}, "must have its `shape`"),
])
def test_a_variable_of_nothing_or_too_much_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        keras.Variable(**arguments)


def test_values_of_variables():
    variable = keras.Variable(np.float32(2))
    K.set_value(variable, np.float32(3))
    assert float(K.get_value(variable)) == 3
