"""Everything that can be computed on tensors, under the names of Keras 3's `keras.ops`.

Called on arrays an op computes at once; inside a traced program (a model's training step) it becomes part of that
program; on the symbolic tensors of a functional model it becomes part of the model.

    striate.ops.relu(striate.ops.matmul(x, w) + b)
"""

from striate.ops import broadcast, dispatch, windows
from striate.ops import chain as _chain  # registers the op that passes make of elementwise ops
from striate.ops.elementwise import (  # noqa: A004
    abs, absolute, add, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, cast, ceil, clip, cos, cosh,
    divide, equal, erf, exp, exp2, expm1, floor, floor_divide, greater, greater_equal, isfinite, isinf, isnan, less,
    less_equal, log, log10, log1p, log2, logaddexp, logical_and, logical_not, logical_or, logical_xor, maximum,
    minimum, mod, multiply, negative, not_equal, power, reciprocal, relu, relu_grad, rint, round, rsqrt, sigmoid,
    sign, sin, sinh, softplus, sqrt, square, squared_difference, stop_gradient, subtract, tan, tanh, true_divide,
    trunc, where,
)
from striate.ops.activation import (
    celu, elu, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_swish, hard_tanh, leaky_relu, log_sigmoid,
    log_softmax, mish, relu6, selu, silu, soft_shrink, softmax, softsign, sparse_plus, sparse_sigmoid, sparsemax,
    squareplus, swish, tanh_shrink, threshold,
)
from striate.ops.reduce import (  # noqa: A004
    all, amax, amin, any, argmax, argmin, average, count_nonzero, cumsum, logsumexp, max, mean, min, norm, prod,
    std, sum, var,
)
from striate.ops.shape import (
    array_split, broadcast_to, concatenate, expand_dims, flip, moveaxis, pad, ravel, repeat, reshape, roll, split,
    squeeze, stack, swapaxes, tile, transpose, unstack,
)
from striate.ops.create import (
    arange, array, convert_to_numpy, convert_to_tensor, empty, eye, full, full_like, identity, is_tensor, linspace,
    ndim, ones, ones_like, shape, size, tri, tril, triu, zeros, zeros_like,
)
from striate.ops.indexing import (  # noqa: A004
    argsort, get_item, in_top_k, one_hot, slice, sort, take, take_along_axis, top_k,
)
from striate.ops.random import (
    dropout, random_bernoulli, random_normal, random_uniform,
)
from striate.ops.update import (
    adam_update, flat_gradients, sgd_update,
)
from striate.ops.crossentropy import (
    binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy,
)
from striate.ops.linear import (
    UNPADDED, conv, conv2d, conv2d_input_grad, conv2d_weights_grad, conv_transpose, depthwise_conv, separable_conv,
)
from striate.ops.matrix import (
    dense, dense_input_grad, dense_weights_grad, dot, matmul, tensordot,
)
from striate.ops.einsum import (
    einsum,
)
from striate.ops.normalise import (
    batch_norm, batch_normalization, layer_normalization, moments, rms_normalization,
)
from striate.ops.pool import (
    average_pool, l2_pool, max_pool,
)

__all__ = sorted(name for name in globals() if not name.startswith("_"))
