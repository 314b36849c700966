"""Data sets to train on, each a module with `load_data()`, and readers of the user's own pictures and tables.

`fashion_mnist`, `mnist`, `cifar10` and `cifar100` give what Keras' modules of the same names give. `folder.load` reads
folders of pictures, `survey` looks through them first, `tables` reads `.npz` and CSV files.
"""

from striate.datasets import (auto_mpg, brain_food, cifar10, cifar100, dna_motifs, fashion_mnist, folder, mnist,
                              pictures, simulated_ca, survey, tables, x_or_o)
from striate.outside import refusing

__getattr__ = refusing("keras.datasets")
__all__ = ["auto_mpg", "brain_food", "cifar10", "cifar100", "dna_motifs", "fashion_mnist", "folder", "mnist",
           "pictures", "simulated_ca", "survey", "tables", "x_or_o"]
