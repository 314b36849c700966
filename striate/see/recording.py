"""`Recorder`: a callback that keeps enough of a training to come back to any of its steps.

    FOLDER/timeline.json    steps with a state, hashes of the weights, losses
    FOLDER/model.keras      the network and how it is trained
    FOLDER/states/000120/   a whole state of the training (see `striate.checkpoints`), at few steps only
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from striate import checkpoints
from striate.callbacks import Callback
from striate.errors import ArgumentError, FileError, received
from striate.files import refuse_links, write_text
from striate.ranks import ranks
from striate.untrusted.kinds import of_kinds

FORMAT = 1
TIMELINE, MODEL, STATES = "timeline.json", "model.keras", "states"
STEPS_BETWEEN_HASHES = 10
_FACTS = {"format": int, "states": list[int], "hashes": dict[str, str], "losses": dict[str, float],
          "epochs": dict[str, int], "streams": list[int]}


def weights_hash(model) -> str:
    """The sha256 of all weights and statistics of a model, in their order.

    Example:
        >>> from striate import zoo
        >>> model = zoo.build("lenet5")
        >>> weights_hash(model) == weights_hash(model)
        True
    """
    digest = hashlib.sha256()
    for variable in model.variables:
        digest.update(variable.array.tobytes())
    return digest.hexdigest()


def random_layers(model) -> list:
    """The layers that draw random numbers, in their order."""
    return [layer for layer in model._flatten_layers() if hasattr(layer, "_stream")]


class Recorder(Callback):
    """Keeps sparse states of a training, and between them hashes of the weights and the loss.

    `see.time_travel` repeats the steps between two states when they are asked for, and compares the hashes: what it
    shows is what was, bit for bit. A state takes about as much space as the weights and the optimizer's slots. When
    `BackupAndRestore` takes a training up again, the recording goes on, too.

    Args:
        folder: where to keep them; new or empty.
        every: steps between two states, or "epoch".

    Raises:
        ArgumentError: `every` is neither.
        FileError: there is a recording of another training in the folder, or a symbolic link.

    Example:
        model.fit(x, y, epochs=5, callbacks=[see.Recorder("timeline")])
    """

    memory = {"_facts": dict[str, Any]}
    comes_last = 1

    def __init__(self, folder, every: int | str = "epoch"):
        super().__init__()
        if every != "epoch" and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
            raise ArgumentError(f"`every` must be 'epoch' or a positive number of steps. {received(every=every)}")
        self.folder, self.every = Path(folder), every
        self._facts: dict[str, Any] = {}
        self._goes_on = False

    def on_train_begin(self, logs=None) -> None:
        """Forgets the training before."""
        self._facts, self._goes_on = {}, False

    def set_state(self, state) -> None:
        """Goes on with the recording of an earlier process; what that recorded later is recorded again."""
        super().set_state(state)
        self._goes_on = True
        if self._facts:
            facts = of_kinds("The saved state of a Recorder", _FACTS, self._facts,
                             "Remove the saved state to begin anew.")
            steps = {name: {int(step): value for step, value in facts[name].items()}
                     for name in ("hashes", "losses", "epochs")}
            self._facts = {**facts, "format": FORMAT, **steps}

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        """Before the first one, makes the folder ready and writes the network down."""
        if self._goes_on:
            self._remove_later_states()
        elif not self._facts and ranks().from_first((self.folder / TIMELINE).exists):
            raise FileError("There is a recording in this folder already: choose another one, or remove it. "
                            + received(folder=str(self.folder)))
        if not self._facts:
            refuse_links(self.folder, TIMELINE, MODEL, STATES)
            self.folder.mkdir(parents=True, exist_ok=True)
            self.model.save(self.folder / MODEL)
            self._facts = {"format": FORMAT, "states": [], "hashes": {}, "losses": {}, "epochs": {},
                           "streams": [layer._stream for layer in random_layers(self.model)]}
        self._goes_on = False

    def _remove_later_states(self) -> None:
        refuse_links(self.folder, TIMELINE, MODEL, STATES)
        if ranks().rank or not (self.folder / STATES).is_dir():
            return
        for place in (self.folder / STATES).iterdir():
            if place.name.isdecimal() and int(place.name) not in self._facts.get("states", ()):
                shutil.rmtree(place, ignore_errors=True)

    def on_train_batch_begin(self, batch: int, logs=None) -> None:
        """Keeps the state before the first step."""
        if not self._facts["states"]:
            self._keep()

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Notes the loss and now and then a hash; keeps a state when it is time."""
        step = self.model._steps_made()
        self._facts["losses"][step] = float((logs or {}).get("loss", float("nan")))
        if isinstance(self.every, int) and step % self.every == 0:
            self._keep()
        elif step % STEPS_BETWEEN_HASHES == 0:
            self._facts["hashes"][step] = weights_hash(self.model)

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Keeps the state between two epochs."""
        self._facts["epochs"][self.model._steps_made()] = epoch + 1
        self._keep()

    def on_train_end(self, logs=None) -> None:
        """Writes down what was noted since the last state."""
        self._write()

    def _keep(self) -> None:
        step = self.model._steps_made()
        state = self.model._training.state()
        state["callbacks"] = [row for row in state["callbacks"] if not row[0].startswith(type(self).__name__)]
        checkpoints.save(self.folder / STATES / f"{step:06d}", step, state)
        if step not in self._facts["states"]:
            self._facts["states"].append(step)
        self._facts["hashes"][step] = weights_hash(self.model)
        self._write()

    def _write(self) -> None:
        write_text(self.folder / TIMELINE, json.dumps(self._facts, indent=1) + "\n")
