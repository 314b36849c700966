"""Fashion-MNIST: 70,000 grey pictures of clothes, 28x28 pixels, 10 classes.

Made by Zalando Research (Xiao, Rasul and Vollgraf 2017), MIT licence. A tenth of it ships with striate; the whole is
found on the computer or downloaded. Every file is checked by the SHA-256 of its *unpacked* content, because the
packed files of different sources differ in their headers while the pictures are the same.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from striate import config
from striate.datasets.fetch import cache_folder, fetch
from striate.datasets.idx import read_idx
from striate.errors import DownloadError

CLASS_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
               "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SUBSET_FOLDER = Path(__file__).parent / "data" / "fashion_mnist_10_percent"
_FOLDER = "fashion-mnist"
_MIRRORS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
_FILES = {
    # name: (SHA-256 of the packed file of the mirrors, SHA-256 of the unpacked IDX data)
    "train-images-idx3-ubyte": ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
    "train-labels-idx1-ubyte": ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    "t10k-images-idx3-ubyte": ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                               "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    "t10k-labels-idx1-ubyte": ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                               "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
}
_SUBSET = {
    # name: SHA-256 of the bytes after the header
    "train-images-idx3-ubyte": "2b17438af55637db62c122a92490b5b4275bed5719a838b5b0486ea2193a98a4",
    "train-labels-idx1-ubyte": "f16e201ddc15b401c509545575d23793b230f5735ae378c1ced3a6156cb72251",
    "t10k-images-idx3-ubyte": "3d7f6d64869a3f2d1afe64ae33ffb9b20670a91b31e3bbf0657e3999ec7b35cf",
    "t10k-labels-idx1-ubyte": "6b25654537ff83dd6c40fe0a122c7778d8219b2a88ff02c36dbdd21152fdb075",
}

Pairs = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def load_data(subset: bool = False) -> Pairs:
    """The pictures and labels, as Keras gives them.

    Args:
        subset: True gives the tenth that ships with striate (6,000 + 1,000 pictures: the first 600 and 100 of each
            class), without any search. False gives the whole, looked for in the folder `STRIATE_DATA`, in
            striate's cache, in the system's data sets, in Keras' cache, and on the internet, in this order.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 arrays of shapes (60000, 28, 28), (60000,), (10000, 28, 28)
        and (10000,); the labels 0..9 index `CLASS_NAMES`.

    Raises:
        DownloadError: the whole is nowhere to be found; the message lists every place that was tried.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data(subset=True)
        >>> x_train.shape, y_test.shape
        ((6000, 28, 28), (1000,))
    """
    read = _read_subset if subset else _read_whole
    return ((read("train-images-idx3-ubyte"), read("train-labels-idx1-ubyte")),
            (read("t10k-images-idx3-ubyte"), read("t10k-labels-idx1-ubyte")))


def on_this_computer() -> Path | None:
    """The folder where the whole lies, if there is one; its contents are checked when they are read."""
    return next((folder for folder in _folders()
                 if all((folder / name).is_file() or (folder / f"{name}.gz").is_file() for name in _FILES)), None)


def _folders() -> Iterator[Path]:
    """Where the files may lie on this computer, best first."""
    own = config.value("data")
    if own is not None:
        yield own / _FOLDER
        yield own
    yield cache_folder(_FOLDER)
    yield Path("/usr/share/datasets") / _FOLDER
    yield Path("~/.keras/datasets").expanduser() / _FOLDER


def _read_whole(name: str) -> np.ndarray:
    tried = []
    for folder in _folders():
        for path in (folder / f"{name}.gz", folder / name):
            content, problem = _unpacked(path, _FILES[name][1])
            if content is not None:
                return read_idx(content, str(path))
            tried.append(f"  {path}: {problem}")
    try:
        path = fetch(cache_folder(_FOLDER) / f"{name}.gz", [f"{mirror}{name}.gz" for mirror in _MIRRORS],
                     sha256=_FILES[name][0], max_bytes=64 << 20)
    except DownloadError as error:
        raise DownloadError("Fashion-MNIST is not on this computer. Looked at:\n" + "\n".join(tried) + f"\n{error}\n"
                            "A tenth of it ships with striate: load_data(subset=True).") from error
    return read_idx(gzip.decompress(path.read_bytes()), str(path))


def _unpacked(path: Path, sha256: str) -> tuple[bytes | None, str]:
    """The content of a packed or plain file if it is the right one, and else the reason why not."""
    if not path.is_file():
        return None, "not there"
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, ValueError) as error:
        return None, f"cannot be read ({error})"
    if hashlib.sha256(content).hexdigest() != sha256:
        return None, "is another file (wrong SHA-256)"
    return content, ""


def _read_subset(name: str) -> np.ndarray:
    path = SUBSET_FOLDER / f"{name}.xz"
    array = read_idx(lzma.decompress(path.read_bytes()), str(path))
    if hashlib.sha256(array.data).hexdigest() != _SUBSET[name]:
        raise DownloadError(f"{path} is damaged: it has the wrong SHA-256. Install striate again.")
    return array
