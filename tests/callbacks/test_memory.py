"""What callbacks remember has a kind, by which a saved state is checked."""

from pathlib import Path

import numpy as np
import pytest

from striate import Sequential, callbacks, layers, optimizers, see
from striate.cli.keeper import Keeper
from striate.errors import ArgumentError

FACTS = {"format": 1, "states": [0], "hashes": {}, "losses": {}, "epochs": {}, "streams": []}
REMEMBERED = [
    (lambda path: callbacks.History(), {"history": {"loss": [1.0]}, "epoch": [0]},
     [("history", {"loss": 1.0}), ("history", []), ("epoch", ["x"]), ("epoch", 3)]),
    (lambda path: callbacks.CSVLogger(path / "log.csv"), {"keys": ["loss"], "_content": "epoch,loss\r\n"},
     [("keys", True), ("keys", [["loss"]]), ("keys", ["\ud800"]), ("_content", 5)]),
    (lambda path: callbacks.EarlyStopping(), {"wait": 1, "stopped_epoch": 0, "best_epoch": 2, "best": 0.5,
                                              "best_weights": [np.zeros(2)]},
     [("wait", "x"), ("wait", True), ("wait", 1.5), ("best", {}), ("best", 10 ** 400), ("best_weights", np.zeros(3)),
      ("best_weights", [[0.0]]), ("best_epoch", None)]),
    (lambda path: callbacks.ReduceLROnPlateau(), {"best": None, "wait": 0, "cooldown_counter": 0},
     [("best", "x"), ("cooldown_counter", []), ("wait", None)]),
    (lambda path: callbacks.ModelCheckpoint(path / "m.keras"), {"best": 0.5, "_batches_since_saving": 0, "_epoch": 0},
     [("best", "x"), ("best", np.zeros(2)), ("_batches_since_saving", "x"), ("_epoch", 2 ** 64)]),
    (lambda path: callbacks.TensorBoard(path), {"_step": 3}, [("_step", "x"), ("_step", 1.5)]),
    (lambda path: callbacks.SwapEMAWeights(), {"_swapped": False}, [("_swapped", "x"), ("_swapped", None)]),
    (lambda path: Keeper(path, 1, None), {"history": {"loss": [1.0]}},
     [("history", {"loss": 1}), ("history", {"loss": ["x"]}), ("history", [1.0])]),
    (lambda path: see.Recorder(path), {"_facts": FACTS},
     [("_facts", 1), ("_facts", {"states": []}), *(("_facts", FACTS | {name: "x"}) for name in FACTS)]),
]


NAMES = [type(make(Path())).__name__ for make, *_ in REMEMBERED]


@pytest.mark.parametrize(("make", "good", "bad"), REMEMBERED, ids=NAMES)
def test_a_memory_of_the_wrong_kind_is_said_to_be_damaged(tmp_path, make, good, bad):
    """Whoever can write a state can write its hashes."""
    def told(state):
        callback = make(tmp_path)
        callback.set_model(Sequential([layers.Dense(1)]))
        callback.model.optimizer = optimizers.SGD()
        callback.set_state(state)
        return callback.get_state()

    assert set(told(good)) == set(good)
    for name, value in bad:
        with pytest.raises(ArgumentError, match="The saved state of .* (is damaged: `|holds something else)"):
            told(good | {name: value})
    for name in good:
        with pytest.raises(ArgumentError, match="holds something else than it should"):
            told({other: value for other, value in good.items() if other != name})


def test_every_callback_that_remembers_says_of_what_kind():
    found, waiting = set(), [callbacks.Callback]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.memory and kind.__module__.startswith("striate."):
            assert isinstance(kind.memory, dict), f"{kind.__name__} must say of what kind the values are"
            found.add(kind.__name__)
    assert found >= set(NAMES)
