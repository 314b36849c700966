"""Files of models whose optimizer is wrapped in `LossScaleOptimizer`, as Keras writes them for mixed precision."""

import io
import zipfile

import h5py
import numpy as np

from striate import Input, Sequential, layers, optimizers, saving


def test_a_file_of_a_scaled_loss_holds_what_keras_holds(tmp_path):
    x, y = np.ones((4, 2), "float32"), np.zeros((4, 1), "float32")
    trained = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="ones")])
    inner = optimizers.Adam(0.1)
    trained.compile(optimizers.LossScaleOptimizer(inner, initial_scale=8.0, dynamic_growth_steps=2), "mse")
    for _ in range(3):
        trained.train_on_batch(x, y)
    trained.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive, \
            h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        own, inner = file["optimizer/vars"], file["optimizer/inner_optimizer/vars"]
        assert [own[str(index)][()] for index in range(6)] == [0, 0.0, 1, 16.0, 3, np.float32(0.1)]
        assert len(own) == len(inner) + 4 == 10 and inner["0"][()] == 3
        np.testing.assert_array_equal(own["6"], inner["2"])
    again = saving.load_model(tmp_path / "model.keras")
    for one in (trained, again):
        one.train_on_batch(x, y)
    for one, other in zip(trained.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
