"""The command `striate` with Fashion-MNIST cut down to 120 + 40 pictures: the decks' scripts stay as they are."""

from striate.cli import main
from striate.datasets import fashion_mnist
from striate.utils import set_random_seed

_whole = fashion_mnist.load_data


def _few():
    (x_train, y_train), (x_test, y_test) = _whole(subset=True)
    return (x_train[::50], y_train[::50]), (x_test[::25], y_test[::25])


fashion_mnist.load_data = _few
set_random_seed(3)
main()
