"""Evaluating with the averages of the weights that an optimizer with `use_ema` keeps."""

from __future__ import annotations

from striate.callbacks.base import Callback
from striate.errors import ArgumentError, received


class SwapEMAWeights(Callback):
    """Puts the optimizer's average weights in place for evaluations and predictions, and the others back.

    Args:
        swap_on_epoch: also from the end of an epoch, for callbacks that save models, to the next one; it must then
            stand before them in the list.

    Raises:
        ArgumentError: (when a swap is due) the optimizer keeps no averages.

    Example:
        >>> SwapEMAWeights().swap_on_epoch
        False
    """

    memory = {"_swapped": bool}

    def __init__(self, swap_on_epoch: bool = False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch

    @property
    def _swapped(self) -> bool:
        """Kept by the optimizer, whose rule for the end of training has to know where the averages are."""
        return getattr(self.model.optimizer, "averages_in_place", False)

    @_swapped.setter
    def _swapped(self, swapped: bool) -> None:
        self.model.optimizer.averages_in_place = swapped

    def _swap(self, averages: bool) -> None:
        if averages == self._swapped:
            return
        optimizer = self.model.optimizer
        if not getattr(optimizer, "use_ema", False):
            raise ArgumentError("SwapEMAWeights must be used when `use_ema=True` is set on the optimizer. "
                                + received(optimizer=optimizer))
        for target in optimizer.targets:
            average, weights = target.slots["average"], target.variable
            kept = weights.numpy()
            weights.assign(average.array)
            average.assign(kept)
        self._swapped = averages

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        """The trained weights, for training."""
        self._swap(False)

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """The averages, if asked for."""
        self._swap(self.swap_on_epoch)

    def on_test_begin(self, logs=None) -> None:
        """The averages."""
        self._swap(True)

    def on_test_end(self, logs=None) -> None:
        """The trained weights."""
        self._swap(False)

    def on_predict_begin(self, logs=None) -> None:
        """The averages."""
        self._swap(True)

    def on_predict_end(self, logs=None) -> None:
        """The trained weights."""
        self._swap(False)

    def on_train_end(self, logs=None) -> None:
        """The trained weights; at the end of training the optimizer's own rule decides."""
        self._swap(False)
