"""Data sets to train on, each a module with `load_data()`; `folder.load` reads folders of pictures.

`fashion_mnist`, `mnist` and `cifar10` give what Keras' modules of the same names give.
"""

from striate.datasets import auto_mpg, cifar10, fashion_mnist, folder, mnist, x_or_o

__all__ = ["auto_mpg", "cifar10", "fashion_mnist", "folder", "mnist", "x_or_o"]
