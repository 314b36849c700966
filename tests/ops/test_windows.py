"""Window arithmetic against brute force and against numbers known from Keras."""

import pytest

from striate.errors import ArgumentError
from striate.ops import windows


def count_windows(length, size, stride, dilation, padding):
    """How many windows fit, by trying every start."""
    total = length + sum(padding)
    return sum(1 for start in range(0, total, stride) if start + (size - 1) * dilation < total)


@pytest.mark.parametrize("length", [1, 2, 5, 8, 17])
@pytest.mark.parametrize("size, stride, dilation, padding", [
    (1, 1, 1, (0, 0)), (3, 1, 1, (1, 1)), (3, 2, 1, (0, 1)), (2, 3, 1, (0, 0)), (3, 1, 3, (2, 4)), (5, 4, 2, (8, 0))])
def test_output_length_counts_the_windows_that_fit(length, size, stride, dilation, padding):
    assert windows.output_length(length, size, stride, dilation, padding) == count_windows(
        length, size, stride, dilation, padding)


@pytest.mark.parametrize("length", [1, 4, 7, 28, 29])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding_gives_one_output_a_stride(length, size, stride, dilation):
    before, after = windows.padding_amounts("same", length, size, stride, dilation)
    assert windows.output_length(length, size, stride, dilation, (before, after)) == -(-length // stride)
    assert after - before in (0, 1)


def test_padding_words():
    assert windows.padding_amounts("valid", 9, 3) == (0, 0)
    assert windows.padding_amounts("causal", 9, 3, dilation=2) == (4, 0)
    assert windows.padding_amounts("same", None, 4) == (1, 2)
    with pytest.raises(ArgumentError, match="Received: padding='full'"):
        windows.padding_amounts("full", 9, 3)
    with pytest.raises(ArgumentError, match="Received: length=None, stride=2"):
        windows.padding_amounts("same", None, 3, 2)


def test_unknown_length_stays_unknown():
    assert windows.output_length(None, 3) is None
    assert windows.transposed_length(None, 3) is None


@pytest.mark.parametrize("length", [1, 4, 7])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("dilation", [1, 2])
def test_transposed_padding_belongs_to_a_convolution_back_to_the_input(length, size, stride, padding, dilation):
    output = windows.transposed_length(length, size, stride, padding, dilation)
    amounts = windows.transposed_padding(size, stride, padding, dilation)
    assert min(amounts) >= 0
    assert windows.output_length(output, size, stride, dilation, amounts) == length


def test_transposed_lengths_of_keras():
    """Numbers from Keras 3's `compute_conv_transpose_output_length`."""
    assert windows.transposed_length(7, 3, 2, "same") == 14
    assert windows.transposed_length(7, 3, 2, "valid") == 15
    assert windows.transposed_length(7, 2, 3, "valid") == 21
    assert windows.transposed_length(7, 3, 2, "same", output_padding=0) == 13
    assert windows.transposed_length(7, 3, 2, "valid", output_padding=1) == 16


def test_per_axis():
    assert windows.per_axis(3, 2, "strides") == (3, 3)
    assert windows.per_axis([1, 2], 2, "strides") == (1, 2)
    for wrong in (0, (1, 0), (1, 2, 3), (1, 1.5)):
        with pytest.raises(ArgumentError, match="`strides` must be a positive integer"):
            windows.per_axis(wrong, 2, "strides")


def test_receptive_field_by_hand():
    assert windows.receptive_field([]) == (1, 1, 0)
    assert windows.receptive_field([(3, 1, 1, 1), (3, 1, 1, 1), (2, 2, 1, 0)]) == (6, 2, -2)
    assert windows.receptive_field([(7, 2, 1, 3), (3, 2, 1, 1)]) == (11, 4, -5)
    assert windows.receptive_field([(3, 1, 2, 0)]) == (5, 1, 0)
