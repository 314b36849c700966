"""Whole model files built to run code, read or write other files, or eat the memory: one for each known cause."""

import base64
import io
import json
import marshal
import zipfile

import h5py
import numpy as np
import pytest

import striate as keras
from striate.errors import ModelFileError, StriateError
from tests.attacks.harness import assert_refused, load_in_child

MARSHALLED = base64.b64encode(marshal.dumps(compile("open('/tmp/evil', 'w')", "x", "exec"))).decode()


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A saved model, and its members."""
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    path = tmp_path_factory.mktemp("good") / "m.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, members, change):
    """The model's file with `change` applied to its description, and without the list of hashes."""
    config = json.loads(members["config.json"])
    config = change(config) or config
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.0.0"}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", members["model.weights.h5"])
    return path


def layer(class_name, config, module="keras.layers", **more):
    """A change that puts a layer into the model."""
    def change(model):
        description = {"module": module, "class_name": class_name, "config": config, "registered_name": None, **more}
        model["config"]["layers"].insert(1, description)
    return change


def dense(**changes):
    """A change of the dense layer's configuration."""
    def change(model):
        model["config"]["layers"][-1]["config"].update(changes)
    return change


def metric(class_name, **config):
    """A change that has the model compiled with a metric."""
    def change(model):
        model["compile_config"]["metrics"] = [{"module": "keras.metrics", "class_name": class_name, "config": config,
                                               "registered_name": None}]
    return change


def whole(description):
    return lambda model: description


LAMBDA = {"class_name": "__lambda__", "config": {"value": {"code": MARSHALLED, "defaults": None, "closure": None}}}

ATTACKS = {
    "CVE-2024-3660 lambda": layer("Lambda", {"name": "l", "function": LAMBDA, "arguments": {}}),
    "CVE-2024-3660 old lambda": layer("Lambda", {"name": "l", "function": [MARSHALLED, None, None],
                                                 "function_type": "lambda"}),
    "lambda of an own function": layer("Lambda", {"name": "l", "arguments": {"repeats": 1 << 40}, "function": {
        "module": "builtins", "class_name": "function", "config": "repeat", "registered_name": "function"}}),
    "CVE-2025-1550 any module": layer("Popen", {"args": ["touch", "/tmp/evil"]}, module="subprocess"),
    "CVE-2025-1550 any function": dense(activation={"module": "builtins", "class_name": "function", "config": "eval",
                                                    "registered_name": "eval"}),
    "CVE-2025-1550 nested function": dense(activation={"module": "os", "class_name": "function", "config": "system",
                                                       "registered_name": "system"}),
    "CVE-2025-8747 own function as gadget": dense(activation={
        "module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "get_file"}),
    "CVE-2025-8747 own function as layer": layer("get_file", {"fname": "x", "origin": "http://127.0.0.1:9/x"},
                                                 module="keras.utils"),
    "CVE-2025-9906 switch": layer("enable_unsafe_deserialization", {}, module="keras.config"),
    "CVE-2025-49655 torch wrapper": layer("TorchModuleWrapper", {"module": {"class_name": "__bytes__",
                                                                            "config": "gASV"}}),
    "CVE-2025-12058 vocabulary": layer("StringLookup", {"vocabulary": "/etc/passwd"}),
    "CVE-2026-1462 saved model": layer("TFSMLayer", {"filepath": "/tmp/evil"}),
    "load_model as class": whole({"module": "keras.saving", "class_name": "load_model",
                                  "config": {"filepath": "/etc/passwd"}, "registered_name": None}),
    "module that runs on import": layer("x", {}, module="antigravity"),
    "no model": whole({"module": "keras.layers", "class_name": "Dense", "config": {"units": 2}}),
    "not a description": whole({"a": 1}),
    "class name is a list": whole({"class_name": ["x"], "config": {}}),
    "config is a text": whole({"module": "keras", "class_name": "Sequential", "config": "x"}),
    "more weights than the file has": dense(units=1 << 40),
    "many more weights": dense(units=300_000_000),
    "negative units": dense(units=-3),
    "units are a text": dense(units="3"),
    "units are missing": dense(units=None),
    "huge kernel": layer("Conv2D", {"filters": 1 << 30, "kernel_size": [1000, 1000], "padding": "same"}),
    "huge padding": layer("ZeroPadding2D", {"padding": [1 << 40, 1 << 40]}),
    "orthogonal matrix": dense(units=60_000, kernel_initializer={"module": "keras.initializers",
                                                                 "class_name": "Orthogonal", "config": {}}),
    "array of texts of a gigabyte": layer("Rescaling", {"scale": {"class_name": "__numpy__", "config": {
        "value": ["x"], "dtype": "S1000000000"}}}),
    "array of objects": layer("Rescaling", {"scale": {"class_name": "__numpy__", "config": {
        "value": [1.0], "dtype": "object"}}}),
    "a million million windows": layer("AdaptiveAveragePooling2D", {"output_size": [1 << 40, 1 << 40]}),
    "a hundred thousand windows": layer("AdaptiveMaxPooling2D", {"output_size": [100_000, 4]}),
    "resized to a million lines": layer("Resizing", {"height": 1 << 30, "width": 4}),
    "a window of gigabytes": layer("RandomGaussianBlur", {"kernel_size": [1 << 31, 1 << 31]}),
    "a thousand million thresholds": metric("AUC", num_thresholds=1 << 30),
    "a table of every pair of classes": metric("MeanIoU", num_classes=1 << 30),
    "long text": layer("Flatten", {"name": "x" * 200_000}),
    "wrong weights": dense(units=4),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if "windows" in name else name
                                  for name in ATTACKS])
def test_attack(tmp_path, good, name):
    assert_refused(write(tmp_path / "m.keras", good, ATTACKS[name]), "", kind="model")


def test_good_model_loads_in_the_same_process(tmp_path, good):
    report = load_in_child(write(tmp_path / "m.keras", good, lambda model: None), kind="model")
    assert report["outcome"] == "loaded", report


@pytest.mark.parametrize("name", ["CVE-2024-3660 lambda", "CVE-2024-3660 old lambda", "CVE-2025-1550 any module",
                                  "CVE-2025-8747 own function as layer", "CVE-2026-1462 saved model"])
def test_no_guard_that_is_open_when_nobody_set_it(good, name):
    """CVE-2026-12481: descriptions that come in by `from_config`, `model_from_json` or a copy are no less closed."""
    config = json.loads(good["config.json"])
    ATTACKS[name](config)
    ways = [lambda: keras.Sequential.from_config(config["config"]),
            lambda: keras.models.model_from_json(json.dumps(config)),
            lambda: keras.saving.deserialize_keras_object(config)]
    for way in ways:
        with pytest.raises(StriateError):
            way()


# ---- small texts that are much work --------------------------------------------------------------------------------

def functional(*more, output="a"):
    """A change: the model is functional, with one input, and with these layers, of which `output` is the output."""
    inputs = {"module": "keras.layers", "class_name": "InputLayer", "name": "x", "inbound_nodes": [],
              "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "x"}}
    return whole({"module": "keras.src.models.functional", "class_name": "Functional", "config": {
        "name": "a", "layers": [inputs, *more], "input_layers": [["x", 0, 0]], "output_layers": [[output, 0, 0]]}})


def called(description, name, *takes):
    """A layer's description with calls, each of which takes the output (layer, call) that is given."""
    calls = [{"args": [{"class_name": "__keras_tensor__", "config": {
        "shape": [None, 4], "dtype": "float32", "keras_history": [*place, 0]}}], "kwargs": {}} for place in takes]
    return {**description, "name": name, "inbound_nodes": calls}


def rectified(name):
    return {"module": "keras.layers", "class_name": "ReLU", "config": {"name": name}}


@pytest.mark.slow
@pytest.mark.parametrize("text", ["[" * 200_000, '{"a": ' * 50_000, '{"class_name": "Dense", "class_name": "Lambda"}',
                                  '{"config": NaN}', "[]", "no JSON"], ids=lambda text: text[:12])
def test_texts_of_descriptions(text):
    """What `model_from_json` is given may be a stranger's as well as a file."""
    with pytest.raises(ModelFileError):
        keras.models.model_from_json(text)


def test_models_in_models_each_called_ten_times(tmp_path, good):
    """A few kilobytes that stand for 10,000,000 calls are refused when a few hundred thousand operations are made."""
    inner = functional(called(rectified("a"), "a", ("x", 0)))(None)
    for _ in range(6):
        chain = called(inner, "a", ("x", 0), *(("a", index) for index in range(9)))
        inner = functional(chain)(None)
        inner["config"]["output_layers"] = [["a", 10, 0]]
    path = write(tmp_path / "m.keras", good, whole(inner))
    assert path.stat().st_size < 50_000
    assert_refused(path, "more operations than any honest one", kind="model")


@pytest.mark.slow
def test_layers_in_the_wrong_order_take_no_longer(tmp_path, good):
    """Each of 3,000 layers needs the one behind it in the file."""
    chain = [called(rectified(f"l{index}"), f"l{index}", (f"l{index - 1}" if index else "x", 0))
             for index in range(3000)]
    change = functional(*reversed(chain), output="l2999")
    assert load_in_child(write(tmp_path / "m.keras", good, change), kind="model")["outcome"] == "loaded"


@pytest.mark.slow
def test_a_thousand_layers_on_top_of_each_other(tmp_path, good):
    def change(model):
        model["config"]["layers"][1:1] = [rectified(f"l{index}") for index in range(1500)]
    assert load_in_child(write(tmp_path / "m.keras", good, change), kind="model")["outcome"] == "loaded"


def test_operations_that_would_compute_at_once(tmp_path, good):
    """A call without any tensor of the model would be made with numbers while the file is read."""
    tile = {"module": "keras.src.ops.numpy", "class_name": "Tile", "config": {"name": "t", "repeats": [1 << 30]},
            "name": "t", "inbound_nodes": [{"args": [[1.0, 2.0]], "kwargs": {}}]}
    change = functional(tile, called(rectified("a"), "a", ("x", 0)))
    assert_refused(write(tmp_path / "m.keras", good, change), "without a tensor of the model", kind="model")


def test_patches_without_end(tmp_path, good):
    patches = {"module": "keras.src.ops.image", "class_name": "ExtractPatches",
               "config": {"name": "a", "size": 1 << 26}}
    inner = functional(called(patches, "a", ("x", 0)))(None)
    inner["config"]["layers"][0]["config"]["batch_shape"] = [None, 8, 8, 3]
    assert_refused(write(tmp_path / "m.keras", good, whole(inner)), "larger tables than any honest one", kind="model")


@pytest.mark.parametrize("place", [("x", 7), ("x", -1), ("nowhere", 0), ("a", 0), ("x", "0"), (["x"], 0)])
def test_calls_that_lead_nowhere(tmp_path, good, place):
    change = functional(called(rectified("a"), "a", place))
    assert_refused(write(tmp_path / "m.keras", good, change), "", kind="model")


def test_yaml_is_no_language_of_ours(tmp_path):
    """CVE-2021-37678: a file of YAML is no model (tests/attacks/test_doors.py: nothing imports a reader of it)."""
    path = tmp_path / "m.keras"
    path.write_text('!!python/object/apply:os.system ["touch /tmp/evil"]\n')
    assert_refused(path, "neither a .keras file nor HDF5", kind="model")


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "<img src=x onerror=alert(1)>", "a/b/../../../../c"])
def test_names_of_layers_are_no_paths(tmp_path, good, name):
    """CVE-2026-12479: a layer's name never becomes part of a path."""
    report = load_in_child(write(tmp_path / "m.keras", good, dense(name=name)), kind="model")
    assert report["outcome"] in ("loaded", "refused"), report


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\x9b31m", "a\nTotal params: 0", "a\x07", "gnp.\u202ea", "\ud800"])
@pytest.mark.parametrize("place", ["layer", "model", "input", "metric", "loss", "optimizer"])
def test_names_do_not_steer_the_terminal(tmp_path, good, place, name):
    """Names are printed by `summary()`, progress bars and messages, and in the pages of reports."""
    path, parts = tmp_path / "m.keras", json.loads(good["config.json"])
    compiled = {"optimizer": "sgd", "loss": "mse", "metrics": ["mae"]}
    if place in ("metric", "loss", "optimizer"):
        kind, module = {"metric": ("MeanAbsoluteError", "metrics"), "loss": ("MeanSquaredError", "losses"),
                        "optimizer": ("SGD", "optimizers")}[place]
        item = {"module": f"keras.{module}", "class_name": kind, "config": {"name": name}, "registered_name": None}
        parts["compile_config"] = compiled | ({"metrics": [item]} if place == "metric" else {place: item})
    else:
        layers = parts["config"]["layers"]
        owner = {"layer": layers[-1]["config"], "input": layers[0]["config"], "model": parts["config"]}[place]
        assert "name" in owner
        owner["name"] = name
    assert_refused(write(path, good, lambda config: parts), "characters that are shown", kind="model")


@pytest.mark.parametrize("name", ["CVE-2024-3660 lambda", "CVE-2025-1550 any module", "CVE-2025-12058 vocabulary"])
def test_the_second_door_is_the_same(tmp_path, good, name):
    """CVE-2025-9905: `.h5` files go through the same table and the same reader."""
    config = json.loads(good["config.json"])
    ATTACKS[name](config)
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array([b"dense"])
    (tmp_path / "m.h5").write_bytes(memory.getvalue())
    assert_refused(tmp_path / "m.h5", "", kind="model")


def test_metrics_behind_the_second_door(tmp_path):
    """How a model was compiled is bounded in `.h5` files as well."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        del file.attrs["striate_seal"]
        metrics = [{"class_name": "AUC", "config": {"num_thresholds": 1 << 30}}]
        file.attrs["training_config"] = json.dumps(json.loads(file.attrs["training_config"]) | {"metrics": metrics})
    assert_refused(tmp_path / "m.h5", "larger tables than any honest one", kind="model")
