"""Makes the tenth of Fashion-MNIST that ships with striate, from the complete data set.

Rule: the first 600 training and the first 100 test images of each class in file order, the order kept.
Usage: python tools/make_fashion_mnist_subset.py   (the complete data set is found or fetched by striate itself)
"""

import lzma

import numpy as np

from striate.datasets import fashion_mnist
from striate.datasets.idx import write_idx
from striate.files import write_bytes


def first_of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Indices of the first `count` samples of each class, ascending."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:count] for label in range(10)]))


def main() -> None:
    folder = fashion_mnist.SUBSET_FOLDER
    for part, (images, labels), count in zip(("train", "t10k"), fashion_mnist.load_data(), (600, 100), strict=True):
        chosen = first_of_each_class(labels, count)
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            packed = lzma.compress(write_idx(array[chosen]), preset=9 | lzma.PRESET_EXTREME)
            write_bytes(folder / f"{name}.xz", packed)
            print(f"{name}.xz: {len(packed):,} bytes")


if __name__ == "__main__":
    main()
