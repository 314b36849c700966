"""ONNX' own node tests, for the operators that striate reads: each is passed, or refused with a reason."""

import warnings
from collections import Counter

import numpy as np
import pytest

from striate.errors import ModelFileError

onnx = pytest.importorskip("onnx")
from onnx import numpy_helper  # noqa: E402

from striate.saving.onnx import OPERATORS, onnx_model  # noqa: E402

pytestmark = pytest.mark.slow
NARROW = {"float64": "float32", "float16": "float32", "int64": "int32"}
NOT_NUMBERS_ALIKE = {"test_cast_FLOAT_to_BFLOAT16", "test_castlike_FLOAT_to_BFLOAT16"}
"""bfloat16 is read as float32, whose numbers are more exact."""
AT_LEAST = 880
"""How many tests of onnx 1.23 are passed at least; older editions have fewer."""


def cases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests

        return [case for case in load_model_tests(kind="node") if case.name not in NOT_NUMBERS_ALIKE
                and not case.name.startswith("test_attention")
                and all(node.op_type in OPERATORS and not node.domain for node in case.model.graph.node)]


def outputs(model, arrays):
    found = model._graph.run([array.astype(NARROW.get(array.dtype.name, array.dtype)) for array in arrays])
    return found if isinstance(found, (list, tuple)) else [found]


def computed(case, arrays):
    """The outputs; inputs that say how (shapes, axes) become constants of the file where they must be."""
    try:
        return outputs(onnx_model(case.model.SerializeToString(), case.name), arrays)
    except ModelFileError as error:
        if "constant" not in str(error):
            raise
    frozen = onnx.ModelProto.FromString(case.model.SerializeToString())
    frozen.graph.initializer.extend(numpy_helper.from_array(array, item.name) for item, array in
                                    zip(list(frozen.graph.input)[1:], arrays[1:], strict=False))
    return outputs(onnx_model(frozen.SerializeToString(), case.name), arrays[:1])


def test_node_tests_of_onnx():
    counts, wrong = Counter(), []
    for case in cases():
        given, expected = ([numpy_helper.to_array(item) if hasattr(item, "data_type") else item for item in side]
                           for side in case.data_sets[0])
        if any(item is None or isinstance(item, list) or np.size(item) == 0 for item in given):
            counts["no plain tensors"] += 1
            continue
        try:
            actual = computed(case, [np.asarray(item) for item in given])
        except ModelFileError:
            counts["refused"] += 1
            continue
        good = all(np.shape(one) == np.shape(other) and np.allclose(
            np.asarray(one, np.float64), np.asarray(other, np.float64), rtol=max(case.rtol, 1e-3), atol=1e-5,
            equal_nan=True) for one, other in zip(actual, expected, strict=False))
        counts["passed" if good else "wrong"] += 1
        wrong += [] if good else [case.name]
    print(dict(counts))
    assert not wrong
    assert counts["passed"] >= (AT_LEAST if tuple(map(int, onnx.__version__.split(".")[:2])) >= (1, 23) else 600)
