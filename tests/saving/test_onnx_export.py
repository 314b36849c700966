"""Models written as ONNX: ONNX Runtime predicts what striate predicts, with as few nodes as there are layers."""

import numpy as np
import pytest

import striate as keras
from striate import layers, ops
from striate.errors import ArgumentError

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
from striate.saving.onnx import OPSET, onnx_bytes  # noqa: E402


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def shaken(model):
    """Weights that are neither zero nor one, so that none can be left out unseen."""
    generator = np.random.default_rng(1)
    model.set_weights([np.abs(generator.normal(0.3, 0.3, weight.shape)).astype(np.float32) + 0.05
                       if "variance" in variable.path else generator.normal(0, 0.4, weight.shape).astype(np.float32)
                       for variable, weight in zip(model.weights, model.get_weights(), strict=True)])
    return model


def outputs_of_runtime(content, *arrays):
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {item.name: array for item, array in zip(session.get_inputs(), arrays, strict=True)})


def operators(content):
    return [node.op_type for node in onnx.load_from_string(content).graph.node]


def agree(model, *arrays, bound=2e-6):
    """Largest difference relative to the largest output must stay below the bound; gives the operators."""
    content = onnx_bytes(model)
    expected = model(arrays[0] if len(arrays) == 1 else list(arrays), training=False)
    expected = expected if isinstance(expected, (list, tuple)) else [expected]
    for actual, wanted in zip(outputs_of_runtime(content, *arrays), expected, strict=True):
        wanted = np.asarray(wanted)
        assert actual.shape == wanted.shape
        assert np.abs(actual - wanted).max() <= bound * max(1e-6, np.abs(wanted).max())
    return operators(content)


IMAGE, LINE, VOLUME = (9, 8, 4), (11, 4), (5, 6, 5, 2)
ROWS = [
    (layers.Conv2D(6, 3), IMAGE), (layers.Conv2D(6, 3, padding="same", strides=2), IMAGE),
    (layers.Conv2D(6, (3, 2), dilation_rate=2, padding="same", use_bias=False), IMAGE),
    (layers.Conv2D(6, 3, groups=2, activation="relu"), IMAGE),
    (layers.Conv1D(5, 3, padding="causal", dilation_rate=2), LINE), (layers.Conv1D(6, 3, groups=2), LINE),
    (layers.Conv3D(3, 2, padding="same", activation="silu"), VOLUME),
    (layers.Conv2DTranspose(3, 3, strides=2, padding="same"), IMAGE),
    (layers.Conv2DTranspose(3, 2, strides=3), IMAGE),
    (layers.Conv2DTranspose(3, 3, strides=2, output_padding=1), IMAGE),
    (layers.Conv1DTranspose(3, 4, strides=2), LINE), (layers.Conv3DTranspose(2, 3, strides=2), VOLUME),
    (layers.DepthwiseConv2D(3, depth_multiplier=2), IMAGE), (layers.DepthwiseConv1D(3), LINE),
    (layers.SeparableConv2D(5, 3, padding="same"), IMAGE), (layers.SeparableConv1D(5, 3, strides=2), LINE),
    (layers.MaxPooling2D(3, 2, padding="same"), IMAGE), (layers.AveragePooling2D(3, 2, padding="same"), IMAGE),
    (layers.LpPooling2D(2), IMAGE), (layers.MaxPooling1D(3), LINE),
    (layers.AveragePooling3D(2, padding="same"), VOLUME),
    (layers.GlobalMaxPooling2D(keepdims=True), IMAGE), (layers.GlobalAveragePooling1D(), LINE),
    (layers.BatchNormalization(), IMAGE), (layers.BatchNormalization(scale=False, center=False), LINE),
    (layers.BatchNormalization(axis=1), IMAGE), (layers.LayerNormalization(), IMAGE),
    (layers.LayerNormalization(axis=[1, 2, 3]), IMAGE), (layers.LayerNormalization(axis=1), IMAGE),
    (layers.GroupNormalization(2), IMAGE), (layers.UnitNormalization(), IMAGE),
    (layers.UpSampling2D((2, 3)), IMAGE), (layers.UpSampling2D(2, interpolation="bilinear"), IMAGE),
    (layers.UpSampling2D(2, interpolation="bicubic"), IMAGE), (layers.UpSampling1D(3), LINE),
    (layers.UpSampling3D(2), VOLUME), (layers.ZeroPadding2D(((1, 0), (2, 3))), IMAGE),
    (layers.Cropping2D(((1, 0), (2, 3))), IMAGE), (layers.Flatten(), IMAGE), (layers.Reshape((8, -1)), IMAGE),
    (layers.Permute((3, 1, 2)), IMAGE), (layers.RepeatVector(3), (5,)), (layers.Dense(3, activation="softmax"), IMAGE),
    (layers.Dense(3), (5,)), (layers.EinsumDense("abc,cd->abd", output_shape=(None, 3)), LINE),
    (layers.Rescaling(1 / 255, offset=-0.5), IMAGE),
    (layers.Normalization(mean=[1, 2, 3, 4], variance=[1, 2, 3, 4]), IMAGE),
    (layers.Resizing(5, 12), IMAGE), (layers.CenterCrop(5, 4), IMAGE), (layers.Dropout(0.5), IMAGE),
    (layers.ReLU(max_value=1.0), IMAGE), (layers.ReLU(negative_slope=0.1), IMAGE), (layers.LeakyReLU(), IMAGE),
    (layers.PReLU(shared_axes=[1, 2]), IMAGE), (layers.PReLU(), IMAGE), (layers.ELU(0.7), IMAGE),
    (layers.Softmax(axis=1), IMAGE), (layers.RandomFlip(), IMAGE),
    (layers.Lambda(lambda x: ops.square(x) + 1.0), IMAGE),
]
ROWS += [(layers.Activation(name), (6, 4)) for name in (
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu",
    "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink",
    "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus", "tanh", "tanh_shrink")]


@pytest.mark.parametrize("layer, shape", ROWS, ids=lambda item: getattr(item, "name", None))
def test_layer_predicts_the_same_in_onnx_runtime(layer, shape):
    inputs = keras.Input(shape)
    agree(shaken(keras.Model(inputs, layer(inputs))), numbers(3, *shape))


@pytest.mark.slow
def test_network_has_one_node_a_layer_and_turns_its_images_once():
    model = shaken(keras.Sequential([
        layers.Input((12, 12, 3)), layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(),
        layers.MaxPooling2D(), layers.SeparableConv2D(6, 3), layers.Dropout(0.3), layers.GlobalAveragePooling2D(),
        layers.Dense(5, activation="softmax")]))
    assert agree(model, numbers(2, 12, 12, 3)) == ["Transpose", "Conv", "Relu", "BatchNormalization", "MaxPool", "Conv",
                                                   "Conv", "ReduceMean", "Gemm", "Softmax"]


def test_branches_shared_layers_and_several_outputs():
    left, right = keras.Input((8, 8, 2), name="left"), keras.Input((8, 8, 2), name="right")
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    one, two = shared(left), shared(right)
    joined = layers.Concatenate()([kind()([one, two]) for kind in (layers.Add, layers.Multiply, layers.Maximum)])
    model = shaken(keras.Model([left, right], [layers.Flatten(name="flat")(joined), ops.mean(joined, axis=-1)]))
    agree(model, numbers(2, 8, 8, 2), numbers(2, 8, 8, 2, seed=3))
    graph = onnx.load_from_string(onnx_bytes(model)).graph
    assert [item.name for item in graph.input] == ["left", "right"] and graph.output[0].name == "flat"
    assert sum(tensor.name.startswith("shared/") for tensor in graph.initializer) == 2


def test_channels_first_models_need_no_transpose():
    model = shaken(keras.Sequential([
        layers.Input((3, 9, 9)), layers.Conv2D(4, 3, data_format="channels_first"), layers.BatchNormalization(axis=1),
        layers.MaxPooling2D(data_format="channels_first"),
        layers.GlobalAveragePooling2D(data_format="channels_first")]))
    assert "Transpose" not in agree(model, numbers(2, 3, 9, 9))


def test_models_inside_models_and_classes_of_the_users():
    inner = keras.Sequential([layers.Input((6, 6, 2)), layers.Conv2D(3, 3, activation="tanh")])

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner, self.norm, self.dense = inner, layers.BatchNormalization(), layers.Dense(2)

        def call(self, x, training=None):
            return self.dense(layers.Flatten()(self.norm(self.inner(x), training=training)))
    net = Net()
    with pytest.raises(ArgumentError, match="input_signature"):
        onnx_bytes(net)
    net(numbers(1, 6, 6, 2))
    agree(shaken(net), numbers(3, 6, 6, 2))
    inputs = keras.Input((6, 6, 2))
    agree(keras.Model(inputs, layers.Flatten()(inner(inputs))), numbers(3, 6, 6, 2))


def test_embedding_with_integers_and_a_mask():
    model = shaken(keras.Sequential([layers.Input((5,), dtype="int32"), layers.Embedding(7, 3, mask_zero=True),
                                     layers.GlobalAveragePooling1D(), layers.Dense(2)]))
    tokens = np.array([[1, 2, 0, 0, 0], [3, 4, 5, 6, 1]], np.int32)
    agree(model, tokens)


def test_file_says_its_shapes_and_is_the_same_every_time(tmp_path):
    model = keras.Sequential([layers.Input((8, 8, 1), name="pixels"), layers.Conv2D(2, 3, name="edges"),
                              layers.Flatten(), layers.Dense(3, name="classes")])
    model.export(tmp_path / "m.onnx", format="onnx", verbose=False)
    content = (tmp_path / "m.onnx").read_bytes()
    assert content == onnx_bytes(model)
    graph = onnx.load_from_string(content).graph
    assert [dim.dim_param or dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim] == ["batch", 8, 8, 1]
    assert graph.input[0].name == "pixels" and graph.output[0].name == "classes"
    assert {item.name: [dim.dim_value for dim in item.type.tensor_type.shape.dim][1:] for item in graph.value_info}[
        "edges/Conv"] == [2, 6, 6]
    assert onnx.load_from_string(content).opset_import[0].version == OPSET


def test_refusals_say_what_is_wrong(tmp_path):
    model = keras.Sequential([layers.Input((4,)), layers.Dense(2)])
    with pytest.raises(ArgumentError, match='format="onnx"'):
        model.export(tmp_path / "m", format="tf_saved_model")
    inputs = keras.Input((4,))
    with pytest.raises(ArgumentError, match="arctan2"):
        onnx_bytes(keras.Model(inputs, ops.arctan2(inputs, inputs)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["brain_small", "residual", "separable", "signal", "fast92"])
def test_networks_of_the_zoo(name):
    from striate import zoo
    from striate.saving.onnx import onnx_model

    model = zoo.build(name)
    agree(model, numbers(2, *model.input_shape[1:]))
    assert onnx_model(onnx_bytes(model), name).count_params() == model.count_params()
