"""Models whose images have any size: shapes are unknown while the model is made, and known when it runs."""

import numpy as np
import pytest

import striate
from striate import layers
from striate.engine import infer
from striate.errors import ShapeError
from striate.ops.spec import TensorType

N = None
CASES = [
    (layers.Conv2D(2, 3, strides=2, padding="same"), (N, N, N, 3), (N, N, N, 2)),
    (layers.Conv2D(2, 3, strides=2, padding="same"), (N, N, 5, 3), (N, N, 3, 2)),
    (layers.AveragePooling2D(2, padding="same"), (N, 7, N, 3), (N, 4, N, 3)),
    (layers.UpSampling2D(3), (N, N, 4, 5), (N, N, 12, 5)),
    (layers.UpSampling2D(2, interpolation="bilinear"), (N, N, N, 1), (N, N, N, 1)),
    (layers.Conv2DTranspose(2, 3, strides=2), (N, N, 5, 3), (N, N, 11, 2)),
    (layers.Cropping2D(1), (N, N, 6, 1), (N, N, 4, 1)),
    (layers.Flatten(), (N, N, 3), (N, N)),
    (layers.Reshape((-1, 2)), (N, N, 4), (N, N, 2)),
    (layers.Dense(7), (N, N, N, 2), (N, N, N, 7)),
    (layers.Resizing(4, 5, interpolation="bilinear"), (N, N, N, 3), (N, 4, 5, 3)),
]


@pytest.mark.parametrize("layer, shape, expected", CASES, ids=lambda item: getattr(item, "name", str(item)))
def test_shapes(layer, shape, expected):
    assert tuple(layer.compute_output_shape(shape)) == expected
    assert type(layer).from_config(layer.get_config())(striate.Input(shape[1:])).shape == expected


@pytest.mark.slow
def test_one_model_predicts_images_of_every_size():
    inputs = striate.Input((None, None, 1))
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(inputs)
    x = layers.UpSampling2D(2)(x)
    x = layers.Concatenate()([x, inputs])
    outputs = striate.ops.depth_to_space(layers.Conv2D(4, 3, padding="same")(x), 2)
    model = striate.Model(inputs, outputs)
    assert model.output_shape == (None, None, None, 1)
    weights = model.get_weights()
    for height, width in ((6, 8), (10, 4)):
        x = np.random.rand(2, height, width, 1).astype("float32")
        y = model.predict(x, verbose=0)
        fixed = striate.models.clone_model(model, input_tensors=striate.Input((height, width, 1)))
        fixed.set_weights(weights)
        assert y.shape == (2, 2 * height, 2 * width, 1)
        np.testing.assert_array_equal(y, fixed.predict(x, verbose=0))


def test_what_cannot_work_is_refused():
    with pytest.raises(ShapeError):
        infer(lambda x: striate.ops.matmul(x, np.ones((7, 2), np.float32)), [TensorType((None, None, 3))])
