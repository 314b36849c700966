"""Functions of `striate.ops` in a functional model: each call is one operation, described in files as Keras 3 does.

`x + y` or `ops.mean(x, axis=1)` on symbolic tensors becomes an object of a class of Keras' (`Add`, `Mean`), with the
tensors as arguments of its call and the rest as its configuration. The table says which module of Keras' the class is
in; its name is the function's in camel case.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from striate import naming, ops
from striate.errors import ArgumentError, received
from striate.layers.symbolic import Operation, symbolic_leaves
from striate.serialization import export, serialize_keras_object

_MODULES = {
    "numpy": """abs absolute add all amax amin any arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin
        argsort array_split average broadcast_to ceil clip concatenate copy cos cosh count_nonzero cumprod cumsum diff
        divide dot einsum equal exp exp2 expand_dims expm1 flip floor floor_divide get_item greater
        greater_equal hstack isclose isfinite isinf isnan less less_equal log log10 log1p log2 logaddexp logical_and
        logical_not logical_or logical_xor matmul max maximum mean median min minimum mod moveaxis multiply nan_to_num
        negative not_equal ones_like outer pad power prod ravel reciprocal repeat reshape roll rot90 round select sign
        sin sinh sort split sqrt square squeeze stack std subtract sum swapaxes take take_along_axis tan tanh tensordot
        tile transpose tril triu true_divide trunc var vstack where zeros_like""",
    "nn": """adaptive_average_pool adaptive_max_pool average_pool binary_crossentropy categorical_crossentropy celu conv
        conv_transpose depthwise_conv elu gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid
        log_softmax max_pool moments multi_hot normalize one_hot relu relu6 selu separable_conv sigmoid silu
        soft_shrink softmax softplus softsign sparse_categorical_crossentropy sparse_plus sparse_sigmoid sparsemax
        squareplus tanh_shrink threshold""",
    "core": "cast slice stop_gradient unstack",
    "math": "erf in_top_k logsumexp rsqrt top_k",
    "linalg": "norm",
    "image": "affine_transform crop_images pad_images resize rgb_to_grayscale",
}
_OF_THE_CALL = frozenset("""a array atol condition constant_values images indices inputs kernel depthwise_kernel key
    operands output pointwise_kernel predictions rtol start_indices target targets transform variable weights x x1 x2 xs
    choicelist condlist default""".split())
"""Names of arguments that belong to the call; all others are the operation's configuration."""
_ONLY_HERE = frozenset({"transpose_a", "transpose_b"})
"""Arguments that Keras' functions do not have (and `dtype` of `take`): never written; not at their default, the call is
no operation of Keras'."""
_OTHER_NAMES = {"in_top_k": "InTopK", "rgb_to_grayscale": "RGBToGrayscale"}


class FunctionCall(Operation):
    """A function of `striate.ops` with its settings; name, function and parameters belong to the subclass."""

    op: str
    function: Callable
    parameters: dict[str, inspect.Parameter]

    def __init__(self, name: str | None = None, **settings):
        super().__init__(name or naming.auto_name(type(self).__name__))
        unknown = {key: value for key, value in settings.items() if key not in self.parameters}
        if any(value not in (None, False) for value in unknown.values()):
            raise ArgumentError(f"The function {self.function.__name__} has no such arguments here. "
                                + received(**unknown))
        self.settings = {key: _as_tuple(value) for key, value in settings.items() if key not in unknown}

    def call(self, *args, **kwargs):
        """The function of arrays or traced values."""
        names = [name for name in self.parameters if name in _OF_THE_CALL]
        several = [n for n in names if self.parameters[n].kind is inspect.Parameter.VAR_POSITIONAL]
        if several:
            return self.function(*self.settings.values(), *args)
        values = dict(zip(names, args, strict=False)) | kwargs
        if "key" in values:
            values["key"] = _as_tuple(values["key"])
        return self.function(**values, **self.settings)

    def get_config(self) -> dict[str, Any]:
        """The name and the settings."""
        return {"name": self.name, **{key: serialize_keras_object(value) for key, value in self.settings.items()}}


def _as_tuple(value: Any) -> Any:
    """Lists, which is what tuples have become in a file, as tuples again."""
    return tuple(_as_tuple(part) for part in value) if isinstance(value, (list, tuple)) else value


_classes: dict[Callable, tuple[type[FunctionCall], frozenset[str]]] = {}


def _enter(module: str, name: str) -> None:
    """Makes the class of one function and enters it among what files may name."""
    function = getattr(ops.image if module == "image" else ops, name)
    title = _OTHER_NAMES.get(name) or "".join(word.capitalize() for word in name.split("_"))
    parameters = dict(inspect.signature(function).parameters)
    kind = type(title, (FunctionCall,), {"function": staticmethod(function), "parameters": parameters, "op": name,
                                         "__doc__": f"A call of `striate.ops.{name}` in a functional model.",
                                         "__module__": __name__})
    own = _ONLY_HERE | ({"dtype"} if name == "take" else set())
    _classes[inspect.unwrap(function)] = kind, own
    export(f"keras.src.ops.{module}.{title}")(kind)


for _module, _names in _MODULES.items():
    for _name in _names.split():
        _enter(_module, _name)


def describe_call(function: Callable, args: tuple, kwargs: dict) -> Any:
    """Records a call of a public function on symbolic tensors as one operation.

    Returns NotImplemented when Keras has no such operation, or a tensor stands where Keras expects a setting.
    """
    kind, own = _classes.get(function, (None, frozenset()))
    if kind is None:
        return NotImplemented
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    of_the_call, settings = [], {}
    for name, value in bound.arguments.items():
        if kind.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            of_the_call.extend(value)
        elif name in _OF_THE_CALL:
            of_the_call.append(value)
        elif name not in own:
            settings[name] = value
        elif value not in (None, False):
            return NotImplemented
    if symbolic_leaves(settings):
        return NotImplemented
    return kind(**settings)(*of_the_call)
