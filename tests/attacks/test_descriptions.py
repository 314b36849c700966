"""Descriptions of every layer with one value made hostile, drawn by `--seed`: a model, or a refusal; never anything
else, and never much memory or work. Some dozens in continuous integration, thousands at night.
"""

import copy
import io
import json
import random
import zipfile

import pytest

import striate as keras
from striate import layers, serialization
from striate.errors import StriateError
from tests.attacks.harness import load_in_child

HOSTILE = [1 << 22, 1 << 26, 1 << 31, 1 << 40, 0, -1, 1e300, "x", "/etc/passwd", "é" * 99, None, True, [], {}, [[[]]],
           [1 << 31] * 2, [1e9] * 3, {"class_name": "function", "config": "get_file"},
           {"class_name": "__numpy__", "config": {"value": [1], "dtype": "S1000000000"}},
           {"module": "subprocess", "class_name": "Popen", "config": {"args": "true"}, "registered_name": "Popen"}]
NEEDED = {"units": 2, "filters": 2, "kernel_size": 3, "rate": 0.3, "input_dim": 5, "output_dim": 3, "size": 2, "n": 2,
          "padding": 1, "cropping": 1, "height": 6, "width": 6, "factor": 0.2, "height_factor": 0.2, "pool_size": 2,
          "width_factor": 0.2, "stddev": 0.2, "output_size": 2, "scale": 1.0, "target_height": 4, "target_width": 4}
SHAPES = [(8, 8, 3), (8, 4), (6,), (6, 6, 6, 2)]


def modelled(kind):
    """A model with a layer of this class, as the members of its file; None if it needs more than one tensor."""
    wanted = {name: NEEDED[name] for name in serialization.constructor_arguments(kind) if name in NEEDED
              and name not in ("padding", "scale", "axis")}
    for arguments in ({}, wanted, wanted | {"padding": 1}):
        for shape in SHAPES:
            try:
                model = keras.Sequential([keras.Input(shape), kind(**arguments)])
                content = keras.saving.model_bytes(model)
            except (StriateError, TypeError, ValueError, NotImplementedError):
                continue
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return {name: archive.read(name) for name in archive.namelist()}
    return None


def places(item, path=()):
    """Paths of all values in a description."""
    pairs = item.items() if isinstance(item, dict) else enumerate(item[:3]) if isinstance(item, list) else ()
    for key, value in pairs:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(description, path, value):
    result = copy.deepcopy(description)
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return result


@pytest.mark.slow
def test_drawn_values(tmp_path, seed, by_level, record_property):
    draw = random.Random(seed)
    kinds = [kind for _, kind in sorted(vars(layers).items())
             if isinstance(kind, type) and issubclass(kind, layers.Layer)]
    kinds = draw.sample(kinds, min(len(kinds), by_level(4, 12, 999)))
    each, tried = by_level(2, 4, 40), 0
    for kind in kinds:
        members = modelled(kind)
        if members is None:
            continue
        description = json.loads(members["config.json"])
        last = ("config", "layers", len(description["config"]["layers"]) - 1)
        found = [(*last, *path) for path in places(description["config"]["layers"][-1])]
        for _ in range(each):
            path, value = draw.choice(found), draw.choice(HOSTILE)
            with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
                archive.writestr("metadata.json", '{"keras_version": "3.0.0"}')
                archive.writestr("config.json", json.dumps(changed(description, path, value)))
                archive.writestr("model.weights.h5", members["model.weights.h5"])
            report = load_in_child(tmp_path / "m.keras", kind="model")
            assert report["outcome"] in ("loaded", "refused"), (kind.__name__, path, value, report)
            tried += 1
    assert tried >= each
    record_property("descriptions", tried)
