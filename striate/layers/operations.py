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
    "numpy": """abs absolute add all amax amin angle any append arccos arccosh arcsin arcsinh arctan arctan2 arctanh
        argmax argmin argpartition argsort array_split average bitwise_and bitwise_invert bitwise_left_shift
        bitwise_not bitwise_or bitwise_right_shift bitwise_xor broadcast_to cbrt ceil clip concatenate conj
        conjugate copy corrcoef correlate cos cosh count_nonzero cross cumprod cumsum deg2rad diag diagflat diagonal
        diff divide divide_no_nan dot dsplit dstack einsum equal exp exp2 expand_dims expm1 fabs flip fliplr flipud
        floor floor_divide fmax fmin fmod gcd get_item greater greater_equal heaviside histogram hsplit hstack hypot
        i0 imag inner isclose isfinite isin isinf isnan isneginf isposinf isreal kron lcm ldexp left_shift less
        less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor matmul
        max maximum mean median min minimum mod moveaxis multiply nan_to_num nanargmax nanargmin nancumprod
        nancumsum nanmax nanmean nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar negative
        nextafter not_equal ones_like outer pad percentile power prod ptp quantile rad2deg ravel real reciprocal
        repeat reshape right_shift roll rot90 round searchsorted select sign signbit sin sinc sinh slogdet sort
        split sqrt square squeeze stack std subtract sum swapaxes take take_along_axis tan tanh tensordot tile trace
        transpose tril triu true_divide trunc unravel_index vander var vdot view vsplit vstack where zeros_like""",
    "nn": """adaptive_average_pool adaptive_max_pool average_pool binary_crossentropy categorical_crossentropy
        celu conv conv_transpose ctc_decode ctc_loss depth_to_space depthwise_conv dot_product_attention elu fold
        gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid log_softmax max_pool moments
        multi_hot normalize one_hot psnr relu relu6 selu separable_conv sigmoid silu soft_shrink softmax softplus
        softsign space_to_depth sparse_categorical_crossentropy sparse_plus sparse_sigmoid sparsemax squareplus
        tanh_shrink threshold unfold""",
    "core": "cast saturate_cast scatter scatter_update slice slice_update stop_gradient unstack",
    "math": """cdist erf erfc erfinv extract_sequences fft fft2 ifft2 in_top_k irfft istft logdet logsumexp rfft
        rsqrt segment_max segment_min segment_prod segment_sum stft top_k""",
    "linalg": "cholesky cholesky_inverse det eigh inv lu_factor matrix_rank norm pinv qr svd",
    "image": """affine_transform crop_images elastic_transform extract_patches gaussian_blur hsv_to_rgb
        map_coordinates pad_images perspective_transform resize rgb_to_grayscale rgb_to_hsv scale_and_translate
        sobel_edges ssim""",
}
_OF_THE_CALL = frozenset("""
    a array atol bias choicelist condition condlist constant_values coordinates data default depthwise_kernel
    end_points image1 image2 images indices inputs kernel key mask operands output output_length output_shape
    pointwise_kernel predictions q query rtol scale segment_ids sequence_lengths sorted_sequence start_indices
    start_points target target_length targets transform translation updates value values variable weights x x1 x2 xs
    y
    """.split())
"""Names of arguments that belong to the call; all others are the operation's configuration."""
_ONLY_HERE = frozenset({"transpose_a", "transpose_b"})
"""Arguments that Keras' functions do not have (and `dtype` of `take`): never written; not at their default, the call is
no operation of Keras'."""
_OTHER_NAMES = {
    "cdist": "CDist", "ctc_decode": "CTCDecode", "ctc_loss": "CTCLoss", "hsv_to_rgb": "HSVToRGB", "in_top_k": "InTopK",
    "isin": "IsIn", "psnr": "PSNR", "rgb_to_grayscale": "RGBToGrayscale", "rgb_to_hsv": "RGBToHSV",
    "searchsorted": "SearchSorted", "ssim": "SSIM", "svd": "SVD",
    **{name: name.upper() for name in ("fft", "fft2", "ifft2", "irfft", "istft", "rfft", "stft")},
}


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
