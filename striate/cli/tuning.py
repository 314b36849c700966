"""How `striate tune` judges a setting: a training on the training images, the accuracy on the validation images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from striate.callbacks.history import finished
from striate.cli import networks
from striate.cli.keeper import fed
from striate.cli.scores import score
from striate.errors import ArgumentError, NonFiniteError, received
from striate.systems.data import Data
from striate.tune import Space


class Judge:
    """Trains `model` on the data with given settings; the score is the accuracy on the validation images."""

    TRAINING = ("learning_rate", "batch_size", "optimizer")

    def __init__(self, data: Data, model: str, seed: int):
        self.data, self.model, self.seed = data, model, seed

    def check(self, space: Space) -> None:
        """Refuses names that nothing takes.

        Raises:
            ArgumentError: a name that is neither a setting of the training nor an argument of the network's function.
        """
        others = [name for name in space.names if name not in self.TRAINING]
        if others and ":" not in self.model:
            raise ArgumentError(f"What may vary is {', '.join(self.TRAINING)}, and the arguments of a network that is "
                                "given as module:function. " + received(names=others, model=self.model))

    def __call__(self, settings: Mapping[str, Any], epochs: int, place: Path) -> float:
        """The accuracy after so many epochs in all; a model in the file `place` is trained on, and replaced there."""
        from striate import saving, utils

        batch_size = int(settings.get("batch_size", self._recipe(settings, epochs).batch_size))
        utils.clear_session()
        utils.set_random_seed(self.seed)
        if place.is_file():
            model = saving.load_model(place)
        else:
            model = self._new(settings, epochs)
        steps = -(-len(self.data.train[1]) // batch_size)
        done = int(model.optimizer.iterations) // steps
        try:
            finished(model.fit(**fed(model, self.data, batch_size, self.seed), epochs=epochs, initial_epoch=done,
                               verbose=0))
        except NonFiniteError:
            return 0.0
        model.save(place)
        return score(model, *self.data.validation, classes=len(self.data.classes)).accuracy

    def _recipe(self, settings: Mapping[str, Any], epochs: int):
        recipe = networks.recipe(self.model, epochs=epochs, batch_size=settings.get("batch_size"),
                                 optimizer=settings.get("optimizer"), learning_rate=settings.get("learning_rate"),
                                 of_data=self.data.recipe)
        # A rate that rises and falls over the whole training cannot be judged before its end.
        return replace(recipe, schedule=None)

    def _new(self, settings: Mapping[str, Any], epochs: int):
        others = {name: value for name, value in settings.items() if name not in self.TRAINING}
        model = networks.build(self.model, self.data.image_shape, len(self.data.classes), others)
        return networks.compiled(model, self._recipe(settings, epochs), len(self.data.train[1]))
