"""ONNX files become models of striate's layers; hostile ones are refused before anything is built."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import striate as keras
from striate import layers
from striate.errors import ModelFileError

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from striate.saving.onnx import load_onnx, onnx_bytes, onnx_model  # noqa: E402

GENERATOR = np.random.default_rng(0)


def numbers(*shape):
    return GENERATOR.standard_normal(shape).astype(np.float32)


def graph_of(nodes, inputs, output_shape, constants, opset=17, name="net"):
    """A model file of one or more inputs (name -> shape) and one output "y"."""
    graph = helper.make_graph(
        nodes, name,
        [helper.make_tensor_value_info(label, TensorProto.FLOAT, shape) for label, shape in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output_shape)],
        [numpy_helper.from_array(array, label) for label, array in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8).SerializeToString()


def compare(content, *arrays, bound=5e-6):
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    given = {item.name: array for item, array in zip(session.get_inputs(), arrays, strict=True)}
    expected = session.run(None, given)[0]
    model = onnx_model(content, "a test")
    actual = model.predict(arrays[0] if len(arrays) == 1 else list(arrays), verbose=0)
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= bound * np.abs(expected).max()
    return model


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def torch_like_network():
    """As PyTorch writes a small residual network: NCHW, shapes computed by nodes, no names."""
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        node("BatchNormalization", ["c1", "s", "t", "m", "v"], ["n1"], epsilon=1e-5),
        node("Relu", ["n1"], ["r1"]),
        node("Conv", ["r1", "w2"], ["c2"], pads=[1, 1, 1, 1], kernel_shape=[3, 3], group=4),
        node("Add", ["c2", "r1"], ["a"]), node("MaxPool", ["a"], ["p"], kernel_shape=[3, 3], strides=[2, 2],
                                               pads=[1, 1, 1, 1]),
        node("Shape", ["p"], ["shape"]), node("Constant", [], ["zero"], value_int=0),
        node("Gather", ["shape", "zero"], ["batch"], axis=0), node("Unsqueeze", ["batch", "axis"], ["batch1"]),
        node("Concat", ["batch1", "minus"], ["target"], axis=0), node("Reshape", ["p", "target"], ["flat"]),
        node("Gemm", ["flat", "w3", "b3"], ["logits"], transB=1), node("Softmax", ["logits"], ["y"], axis=1)]
    constants = {"w1": numbers(8, 3, 3, 3), "b1": numbers(8), "s": numbers(8), "t": numbers(8), "m": numbers(8),
                 "v": np.abs(numbers(8)) + 0.1, "w2": numbers(8, 2, 3, 3), "axis": np.int64([0]),
                 "minus": np.int64([-1]), "w3": 0.02 * numbers(5, 8 * 16), "b3": numbers(5)}
    return graph_of(nodes, {"x": ["n", 3, 8, 8]}, ["n", 5], constants)


def test_network_of_another_program_predicts_the_same():
    model = compare(torch_like_network(), numbers(3, 3, 8, 8))
    assert kinds(model) == ["InputLayer", "Permute", "Conv2D", "BatchNormalization", "Activation", "Conv2D", "Add",
                            "ZeroPadding2D", "MaxPooling2D", "Permute", "Flatten", "Dense", "Softmax"] or \
        "MaxPooling2D" in kinds(model)
    assert model.input_shape == (None, 3, 8, 8) and model.name == "net"


def test_images_may_come_with_channels_last(tmp_path):
    (tmp_path / "m.onnx").write_bytes(torch_like_network())
    images = numbers(2, 3, 8, 8)
    first = load_onnx(tmp_path / "m.onnx").predict(images, verbose=0)
    last = load_onnx(tmp_path / "m.onnx", data_format="channels_last")
    assert last.input_shape == (None, 8, 8, 3) and "Permute" not in kinds(last)[:2]
    assert (last.predict(images.transpose(0, 2, 3, 1), verbose=0) == first).all()


def test_imported_model_trains_and_goes_into_a_keras_file(tmp_path):
    (tmp_path / "m.onnx").write_bytes(torch_like_network())
    model = keras.models.load_model(tmp_path / "m.onnx")
    images, labels = numbers(8, 3, 8, 8), np.arange(8) % 5
    model.compile(keras.optimizers.SGD(0.001), "sparse_categorical_crossentropy")
    losses = model.fit(images, labels, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert (again.predict(images, verbose=0) == model.predict(images, verbose=0)).all()


@pytest.mark.parametrize("stack", [
    [layers.Input((12, 12, 3)), layers.Conv2D(4, 3, strides=2, padding="same", activation="gelu"),
     layers.SeparableConv2D(5, 3), layers.BatchNormalization(), layers.UpSampling2D(2, interpolation="bilinear"),
     layers.Conv2DTranspose(3, 3, strides=2, padding="same"), layers.AveragePooling2D(3, 2, padding="same"),
     layers.GroupNormalization(3), layers.PReLU(shared_axes=[1, 2]), layers.Cropping2D(1), layers.Flatten(),
     layers.Dense(4, activation="softmax")],
    [layers.Input((20, 3)), layers.Conv1D(4, 3, padding="causal", dilation_rate=2), layers.MaxPooling1D(),
     layers.UpSampling1D(2), layers.Conv1DTranspose(3, 4, strides=2), layers.LayerNormalization(),
     layers.GlobalMaxPooling1D()],
    [layers.Input((6, 6, 6, 2)), layers.Conv3D(3, 2, activation="relu"), layers.MaxPooling3D(2, 1),
     layers.UpSampling3D(2), layers.GlobalAveragePooling3D()],
], ids=["image", "line", "volume"])
def test_own_files_come_back_with_the_same_bits_and_layers(stack):
    model = keras.Sequential(stack)
    content = onnx_bytes(model)
    again = onnx_model(content, "a test")
    batch = numbers(2, *model.input_shape[1:])
    assert (again.predict(batch, verbose=0) == model.predict(batch, verbose=0)).all()
    assert again.count_params() == model.count_params()
    assert sorted(node.op_type for node in onnx.load_from_string(onnx_bytes(again)).graph.node) == sorted(
        node.op_type for node in onnx.load_from_string(content).graph.node)


def test_layers_may_be_called_as_single_operations_call_themselves():
    """The reader makes attention of single operations; one of them is an `add` like the layer."""
    entrance = layers.Input((5, 4))
    x = layers.Add()([entrance, layers.Dense(4)(entrance)])
    model = keras.Model(entrance, layers.Add()([x, layers.MultiHeadAttention(2, 3)(x, x)]))
    keras.utils.clear_session()
    again, batch = onnx_model(onnx_bytes(model), "a test"), numbers(2, 5, 4)
    np.testing.assert_allclose(again.predict(batch, verbose=0), model.predict(batch, verbose=0), atol=1e-6)


@pytest.mark.parametrize("attributes", [
    {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, {"kernel_shape": [2, 3], "pads": [0, 1, 1, 0]},
    {"kernel_shape": [3, 3], "auto_pad": "SAME_LOWER", "strides": [2, 2]},
    {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2], "ceil_mode": 1}])
@pytest.mark.parametrize("op, more", [("MaxPool", {}), ("AveragePool", {}), ("AveragePool", {"count_include_pad": 1})])
def test_pooling_with_every_way_of_padding(op, more, attributes):
    content = graph_of([helper.make_node(op, ["x"], ["y"], **attributes, **more)], {"x": [2, 2, 8, 7]}, None, {})
    compare(content, numbers(2, 2, 8, 7))


@pytest.mark.parametrize("attributes", [
    {}, {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}, {"strides": [3, 2], "group": 2},
    {"strides": [2, 2], "auto_pad": "SAME_UPPER"}, {"strides": [2, 2], "output_shape": [11, 9]}])
def test_transposed_convolutions(attributes):
    weights = numbers(4, 3, 3, 3)
    content = graph_of([helper.make_node("ConvTranspose", ["x", "w"], ["y"], **attributes)], {"x": [2, 4, 5, 4]}, None,
                       {"w": weights})
    compare(content, numbers(2, 4, 5, 4))


@pytest.mark.slow
def test_shared_numbers_stay_shared():
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]), helper.make_node("Relu", ["a"], ["b"]),
             helper.make_node("Conv", ["b", "w"], ["c"], pads=[1, 1, 1, 1]), helper.make_node("Add", ["a", "c"], ["y"])]
    model = compare(graph_of(nodes, {"x": ["n", 3, 6, 6]}, None, {"w": numbers(3, 3, 3, 3)}), numbers(2, 3, 6, 6))
    assert kinds(model).count("Conv2D") == 1 and model.count_params() == 81


# ---- hostile files --------------------------------------------------------------------------------------------

def single(op="Relu", inputs=("x",), constants=None, shape=(1, 3, 8, 8), **attributes):
    return graph_of([helper.make_node(op, list(inputs), ["y"], **attributes)], {"x": shape}, None, constants or {})


def changed(content, change):
    model = onnx.load_from_string(content)
    change(model)
    return model.SerializeToString()


def outside(location, length="12"):
    """A tensor that says that its numbers lie in another file."""
    def change(model):
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", length)):
            tensor.external_data.add(key=key, value=value)
    return changed(single("Add", ("x", "c"), {"c": np.zeros(3, np.float32)}, (2, 3)), change)


@pytest.mark.parametrize("content, problem", [
    (b"", "edition"), (b"\xff" * 200, "damaged"), (torch_like_network()[:-50], "damaged"),
    (changed(single(), lambda model: setattr(model.graph.node[0], "op_type", "NonMaxSuppression")),
     "NonMaxSuppression"),
    (changed(single(), lambda model: setattr(model.graph.node[0], "domain", "com.evil")), "com.evil.Relu"),
    (outside("/etc/hostname"), "outside"), (outside("../secret"), "outside"), (outside("secret", "9999"), "outside"),
    (changed(single("Add", ("x", "c"), {"c": np.zeros(3, np.float32)}, (2, 3)),
             lambda model: model.graph.initializer[0].dims.__setitem__(0, 1 << 40)), "as many numbers"),
    (changed(single("Add", ("x", "c"), {"c": np.zeros(3, np.float32)}, (2, 3)),
             lambda model: model.graph.initializer[0].dims.__setitem__(0, -3)), "shape"),
    (single("Resize", ("x", "", "s"), {"s": np.float32([1, 1, 1e9, 1e9])}), "too long"),
    (graph_of([helper.make_node("ConstantOfShape", ["s"], ["c"]), helper.make_node("Add", ["x", "c"], ["y"])],
              {"x": [1]}, None, {"s": np.int64([1 << 20, 1 << 20])}), "too large"),
    (single("Expand", ("x", "s"), {"s": np.int64([1 << 20, 1 << 20, 8, 8])}, (1, 1, 8, 8)), "larger tensors"),
    (single("Conv", ("x", "w"), {"w": np.zeros((4, 7, 3, 3), np.float32)}), "do not fit"),
    (single("MaxPool", kernel_shape=[1 << 40, 1 << 40]), "striate's layers|too large|impossible"),
    (single("Reshape", ("x", "s"), {"s": np.int64([7, -1])}), "striate's layers"),
    (changed(single(), lambda model: model.graph.node[0].input.__setitem__(0, "nothing")), "nothing made before"),
    (changed(single(), lambda model: setattr(model.graph.output[0], "name", "x2")), "not made by any node"),
])
def test_hostile_files_are_refused(content, problem, tmp_path):
    (tmp_path / "secret").write_bytes(b"x" * 20)
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "m.onnx").write_bytes(content)
    with pytest.raises(ModelFileError, match=problem):
        keras.models.load_model(folder / "m.onnx")


def test_numbers_beside_the_file_are_read_but_not_through_a_link(tmp_path):
    (tmp_path / "weights.bin").write_bytes(np.float32([1, 2, 3]).tobytes())
    (tmp_path / "m.onnx").write_bytes(outside("weights.bin"))
    batch = numbers(2, 3)
    assert np.allclose(load_onnx(tmp_path / "m.onnx").predict(batch, verbose=0), batch + [1, 2, 3])
    (tmp_path / "weights.bin").rename(tmp_path / "elsewhere")
    (tmp_path / "weights.bin").symlink_to("elsewhere")
    with pytest.raises(ModelFileError):
        load_onnx(tmp_path / "m.onnx")
    with pytest.raises(ModelFileError, match="outside"):
        onnx_model(outside("weights.bin"), "bytes without a folder")


def test_loading_allocates_no_more_than_the_file_holds():
    """A model that would need terabytes is refused by a process that may have two gigabytes."""
    code = ("import resource\nfrom tests_content import content\nfrom striate.saving.onnx import onnx_model\n"
            "from striate.errors import ModelFileError\nimport onnx\n"
            "resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))\n"
            "try: onnx_model(content, 'x')\nexcept ModelFileError as error: print('refused', error)\n")
    content = single("Tile", ("x", "r"), {"r": np.int64([1, 1, 1 << 40, 1])})
    code = code.replace("from tests_content import content\n", f"content = {content!r}\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          cwd=Path(__file__).resolve().parents[2])
    assert done.stdout.startswith("refused"), done.stderr


@pytest.mark.slow
def test_mutated_files_are_read_or_refused():
    """Changed bytes, cut ends and impossible attributes never raise anything but ModelFileError."""
    generator, whole = np.random.default_rng(5), torch_like_network()
    refused = 0
    for turn in range(60):
        content = bytearray(whole)
        if turn % 3 == 0:
            content = content[:generator.integers(len(content))]
        elif turn % 3 == 1:
            for place in generator.integers(len(content), size=1 << turn % 5):
                content[place] = generator.integers(256)
        else:
            model = onnx.load_from_string(whole)
            node = model.graph.node[generator.integers(len(model.graph.node))]
            for attribute in node.attribute:
                for place in range(len(attribute.ints)):
                    attribute.ints[place] = int(generator.choice([-1, 0, 1 << 20, 1 << 40, -(1 << 50)]))
            node.op_type = str(generator.choice(["Tile", "Expand", "Resize", "Split", "TopK", "Conv", node.op_type]))
            content = model.SerializeToString()
        try:
            onnx_model(bytes(content), "a mutated file")
        except ModelFileError:
            refused += 1
    assert refused > 10
