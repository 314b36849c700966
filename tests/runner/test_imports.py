"""Who finds what under `import keras` and `import tensorflow`."""

import importlib
import importlib.util
import pickle
import sys
import types

import pytest

import striate
from striate.errors import StriateError
from striate.runner import install_shim, uninstall_shim

OWNED = ("keras", "tensorflow", "tf_keras")


def test_one_identity_whatever_the_spelling(shim):
    import keras
    import tensorflow as tf
    import tensorflow.keras.layers as by_path
    import tf_keras
    from tensorflow import keras as from_tensorflow
    from tensorflow.keras import datasets, layers, models
    from tensorflow.keras.datasets import fashion_mnist
    from tensorflow.keras.optimizers import SGD
    from tensorflow.keras.optimizers.schedules import ExponentialDecay

    assert tf.keras is keras is tf_keras is from_tensorflow
    assert layers is by_path is keras.layers is tf.keras.layers is striate.layers
    assert models is striate.models and datasets.fashion_mnist is fashion_mnist
    assert SGD is striate.optimizers.SGD and ExponentialDecay is striate.optimizers.schedules.ExponentialDecay
    assert keras.Sequential is striate.Sequential and keras.losses.Loss is keras.Loss


@pytest.mark.parametrize("name", OWNED)
def test_modules_keep_a_specification_of_their_own(shim, name):
    module = importlib.import_module(name)
    assert module.__spec__.name == module.__name__
    assert module.__spec__.name.startswith("striate.")
    assert importlib.util.find_spec(name) is not None
    assert striate.layers.__spec__.name == "striate.layers"
    assert importlib.reload(module) is module


def test_versions(shim):
    import keras
    import tensorflow as tf

    assert tf.__version__ == "2.16.0+striate" == tf.version.VERSION and tf.__version__ >= "2"
    assert tf.__striate__ and keras.__version__ > "3"


def test_old_paths(shim):
    from keras import backend as K
    from keras.engine.topology import Layer
    from keras.layers.advanced_activations import LeakyReLU
    from keras.layers.convolutional import Conv2D, MaxPooling2D
    from keras.layers.core import Dense, Dropout
    from keras.layers.normalization import BatchNormalization
    from keras.optimizers.legacy import Adam
    from keras.utils import np_utils
    from keras.utils.np_utils import to_categorical
    from tensorflow.python.keras.models import Sequential

    layers = striate.layers
    assert (Conv2D, MaxPooling2D, Dense) == (layers.Conv2D, layers.MaxPooling2D, layers.Dense)
    assert (Dropout, BatchNormalization, Layer) == (layers.Dropout, layers.BatchNormalization, layers.Layer)
    assert LeakyReLU is layers.LeakyReLU and Adam is striate.optimizers.Adam
    assert Sequential is striate.Sequential
    assert np_utils.to_categorical is to_categorical is striate.utils.to_categorical
    assert K.image_data_format() == "channels_last" and K.learning_phase() == 0
    with pytest.raises(ImportError, match="NoSuchLayer"):
        from keras.layers.core import NoSuchLayer  # noqa: F401


def test_what_is_missing_is_named_with_its_line(shim):
    import keras
    import tensorflow as tf

    with pytest.raises(ModuleNotFoundError, match="keras.quantizers is not part of striate: all arithmetic is float32"):
        import keras.quantizers  # noqa: F401
    with pytest.raises(ImportError, match=r"keras\.layers\.LSTM is not part of striate: recurrent"):
        from tensorflow.keras.layers import LSTM  # noqa: F401
    with pytest.raises(AttributeError, match=r"keras\.layers\.GRU is not part of striate: recurrent"):
        keras.layers.GRU  # noqa: B018
    with pytest.raises(AttributeError, match=r"tf\.saved_model is not part .*test_imports\.py, line \d+"):
        tf.saved_model.load("folder")
    with pytest.raises(AttributeError, match=r"keras\.quantizers is not part .*test_imports\.py, line \d+.: all"):
        keras.quantizers  # noqa: B018
    assert not hasattr(tf, "saved_model") and not hasattr(keras.layers, "LSTM")


def test_objects_can_be_pickled_by_name(shim):
    import keras

    assert pickle.loads(pickle.dumps(keras.layers.Dense)) is striate.layers.Dense  # noqa: S301 - our own bytes


def test_installed_packages_do_not_see_it(shim, tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "curious_library.py"
    package.parent.mkdir()
    package.write_text("import importlib.util\nfound = importlib.util.find_spec('tensorflow')\n"
                       "try:\n    import keras\nexcept ImportError:\n    keras = None\n")
    monkeypatch.syspath_prepend(package.parent)
    library = importlib.import_module("curious_library")
    assert library.found is None and library.keras is None
    del sys.modules["curious_library"]


def test_refuses_to_mix_with_the_real_one(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", types.ModuleType("tensorflow"))
    with pytest.raises(StriateError, match="real tensorflow is already imported"):
        install_shim()


def test_nothing_is_left_behind():
    before = set(sys.modules)
    call = vars(striate.Model)["__call__"]
    install_shim()
    install_shim()
    import tensorflow as tf

    assert hasattr(striate.Model, "predict_classes") and tf.keras.preprocessing.image
    uninstall_shim()
    assert not [name for name in set(sys.modules) - before if name.partition(".")[0] in OWNED]
    assert not hasattr(striate.Model, "predict_classes") and not hasattr(striate.utils, "np_utils")
    assert vars(striate.Model)["__call__"] is call
    assert not any(type(finder).__module__.startswith("striate") for finder in sys.meta_path)
    with pytest.raises(ImportError):
        importlib.import_module("tf_keras")


def test_notebook_extension(capsys):
    shell = types.SimpleNamespace(events=types.SimpleNamespace(register=lambda *a: registered.append(a),
                                                               unregister=lambda *a: registered.remove(a)))
    registered = []
    striate.load_ipython_extension(shell)
    try:
        import keras

        assert keras.layers is striate.layers
        assert "served by striate" in capsys.readouterr().out
        keras.optimizers.SGD(lr=0.1)
        (event, tell), = registered
        tell()
        tell()
        assert event == "post_run_cell"
        assert capsys.readouterr().err == "striate adapted: lr -> learning_rate\n"
    finally:
        striate.unload_ipython_extension(shell)
    assert registered == []


def test_notebook_extension_after_the_real_one(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "keras", types.ModuleType("keras"))
    striate.load_ipython_extension(None)
    assert "restart the kernel" in capsys.readouterr().err
