"""The catalogue of kernels: one row each, read without importing Numba.

A row says where the kernel's factory is. Everything else about a launch (arguments, number of tasks, scratch)
is decided in `striate.plan.lower`, from shapes alone.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kernel:
    """One row: `name`, the module and the factory that make it, and what it computes in one line."""

    name: str
    module: str
    factory: str
    computes: str


KERNELS: dict[str, Kernel] = {}


def _rows(module: str, **rows: str) -> None:
    for name, computes in rows.items():
        KERNELS[name] = Kernel(name, f"striate.kernels.{module}", name, computes)


_rows("program",
      run="one thread's part of a whole program",
      serve="a worker thread's wait for programs")

_rows("conv_input_grad",
      conv_input_grad="gradient of a convolution with respect to its input",
      conv_input_grad_depthwise="the same for one filter a channel, behind strides",
      conv_input_grad_pack="weights transposed for conv_input_grad")

_rows("conv_input_grad_sparse",
      conv_input_grad_sparse="the same behind a max pooling, from the winners alone",
      conv_input_grad_sparse_pack="weights laid out for conv_input_grad_sparse")

_rows("conv_weights_grad",
      conv_weights_grad="gradient of a convolution with respect to its weights and bias",
      conv_weights_grad_sparse="the same behind a max pooling, from the winners alone",
      conv_weights_grad_sum="partial sums added in order and brought into place")

_rows("conv_weights_grad_lookup",
      conv_weights_grad_lookup="the same of a first convolution, a lane an output channel: winners by permutations")

_rows("winograd",
      winograd_weights="Winograd F(4x4,3x3), F(2x2,5x5), F(5x5,2x2): transforms and packs the weights",
      winograd_convolution="Winograd's convolution with bias, relu, 2x2 max pooling or a mask behind it")

_rows("winograd_columns",
      winograd_columns="the same by columns of frequencies: the way back begins in the registers that hold products")

_rows("winograd_gradient",
      winograd_gradient_parts="Winograd's weight gradient: of one part of the batch, in one core's cache",
      winograd_gradient_transform="Winograd's weight gradient: transforms one chunk of inputs and output gradients",
      winograd_gradient_sum="Winograd's weight gradient: adds one chunk's products",
      winograd_gradient_weights="Winograd's weight gradient: back to the weights' own shape")

_rows("winograd_rows",
      winograd_rows_pack="Winograd along the height: transforms and packs the weights",
      winograd_rows="convolution by F(6,3), F(4,5) or F(2,7) along the height, with bias, activation, pooling or mask")

_rows("winograd_rows_together",
      winograd_rows_together="the same with all points of a pixel in registers at once")

_rows("winograd_rows_gradient",
      winograd_rows_gradient="its weight gradient: transforms and products of a part of the batch",
      winograd_rows_gradient_sum="its weight gradient: parts added in order, back to the weights' own shape")

_rows("gemm",
      gemm="matrix product by register tiles, with bias, relu or mask",
      gemm_long="matrix product of a long sum and few results: parts of the sum, read where they lie",
      gemm_dots="matrix product with few columns: a vector of the sum's axis at a time",
      gemm_streams="matrix product with few columns: whole rows of the long matrix stream through",
      gemm_thin="matrix product over at most four steps: bound by memory",
      gemm_finish="sum of a narrow or long product's parts, with bias, relu or mask",
      column_sums="sum of each column",
      transpose="rows turned into columns")

_rows("conv",
      conv_pack="weights and bias of a convolution in blocks of output channels",
      conv_direct="convolution with bias, ReLU and max pooling: direct sums in register tiles",
      conv_window="convolution of few channels with bias, ReLU and max pooling: the unpooled map stays in cache")

_rows("elementwise",
      chain="any sequence of elementwise ops in one pass, interpreted block by block")

_rows("pool",
      max_pool="largest value of each window, and its place",
      avg_pool="mean of each window, padding not counted",
      pool_grad="gradient of pooling, a row of the map a task")

_rows("reduce",
      reduce_rows="sum, product, largest or smallest of contiguous rows",
      reduce_columns="the same over an axis that is not the last",
      reduce_integers="the same of int32 and bytes",
      position="where the largest or smallest number of a row is",
      softmax="softmax and its logarithm, row by row",
      softmax_grad="gradient of softmax, row by row")

_rows("norm",
      norm_sums="pivot, sum and sum of squares of each channel, a chunk of rows a task",
      norm_apply="statistics of all chunks, then batch normalisation",
      norm_grad_sums="sums of g and of g times the centred input, a chunk of rows a task",
      norm_grad_apply="gradients of batch normalisation")

_rows("norm_pool",
      norm_pool="batch normalisation and the largest of each window of its result, a chunk of rows of windows a task",
      norm_pool_grad_sums="sums of g and of g times the centred input where it won its window",
      norm_pool_grad_apply="gradients of batch normalisation and pooling")

_rows("phases",
      split_phases="rows and columns that lie apart as channels or images, for steps of two and for dilation",
      join_phases="the way back",
      phase_weights="taps of a kernel by their phase, or back")

_rows("move",
      copy="a box of numbers from one place to another, by strides",
      turn="the same where rows become columns, square by square",
      fill="one number everywhere",
      take="rows by index, converted on the way",
      take_grad="rows added up at their indices",
      one_hot="rows with a one at the place of the label")

_rows("random",
      dropout="dropout, forward and backward, its mask computed from counters",
      random_numbers="uniform or normally distributed random numbers from counters")

_rows("update",
      adam_update="one step of Adam over all weights",
      sgd_update="one step of gradient descent with momentum over all weights",
      descent="one step of plain gradient descent over all weights")

_rows("peak",
      fma_peak="multiply-adds in registers alone: the most that the processor can do",
      stream_copy="one long array copied to another: what the memory can do")
