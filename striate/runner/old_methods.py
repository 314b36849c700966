"""What models and the backend could do in older Keras, in terms of what they can do now."""

from __future__ import annotations

import numpy as np

from striate.adaptations import note


def fit_generator(self, generator, steps_per_epoch=None, epochs=1, verbose=1, callbacks=None, validation_data=None,
                  validation_steps=None, validation_freq=1, class_weight=None, max_queue_size=10, workers=1,
                  use_multiprocessing=False, shuffle=True, initial_epoch=0):
    """`fit` on a generator of batches. Batches are made in this process, whatever `workers` says."""
    note("fit_generator -> fit")
    return self.fit(generator, steps_per_epoch=steps_per_epoch, epochs=epochs, verbose=verbose, callbacks=callbacks,
                    validation_data=validation_data, validation_steps=validation_steps,
                    validation_freq=validation_freq, class_weight=class_weight, shuffle=shuffle,
                    initial_epoch=initial_epoch)


def evaluate_generator(self, generator, steps=None, callbacks=None, max_queue_size=10, workers=1,
                       use_multiprocessing=False, verbose=0):
    """`evaluate` on a generator of batches."""
    note("evaluate_generator -> evaluate")
    return self.evaluate(generator, steps=steps, callbacks=callbacks, verbose=verbose)


def predict_generator(self, generator, steps=None, callbacks=None, max_queue_size=10, workers=1,
                      use_multiprocessing=False, verbose=0):
    """`predict` on a generator of batches."""
    note("predict_generator -> predict")
    return self.predict(generator, steps=steps, callbacks=callbacks, verbose=verbose)


def predict_classes(self, x, batch_size=32, verbose=0):
    """The most probable class of each sample; for one output unit, whether it exceeds one half."""
    note("predict_classes -> argmax of predict")
    scores = self.predict(x, batch_size=batch_size, verbose=verbose)
    return scores.argmax(axis=-1) if scores.shape[-1] > 1 else (scores > 0.5).astype("int32")


def predict_proba(self, x, batch_size=32, verbose=0):
    """`predict`."""
    note("predict_proba -> predict")
    return self.predict(x, batch_size=batch_size, verbose=verbose)


OF_MODELS = (fit_generator, evaluate_generator, predict_generator, predict_classes, predict_proba)


def learning_phase() -> int:
    """0: outside of `fit` layers behave as in prediction."""
    return 0


def set_learning_phase(value) -> None:
    """Accepted and noted: training and prediction are told apart by what is called."""
    note("set_learning_phase ignored")


def function(inputs, outputs, updates=None, **ignored):
    """`K.function(inputs, outputs)`: a function from a list of arrays to a list of arrays.

    Example:
        >>> maps = function([model.input], [model.layers[0].output])([images])[0]  # doctest: +SKIP
    """
    from striate.models import Model

    several = isinstance(outputs, (list, tuple))
    inputs = [tensor for tensor in inputs if hasattr(tensor, "shape")] if isinstance(inputs, (list, tuple)) else inputs
    model = Model(inputs, outputs)

    def compute(arrays):
        given = list(arrays)[:len(model.inputs)] if isinstance(arrays, (list, tuple)) else [arrays]
        found = model.predict_on_batch(given if len(given) > 1 else given[0])
        parts = [np.asarray(part) for part in (found if isinstance(found, (list, tuple)) else [found])]
        return parts if several else parts[0]

    note("K.function -> Model(inputs, outputs)")
    return compute


OF_THE_BACKEND = {"learning_phase": learning_phase, "set_learning_phase": set_learning_phase, "function": function}
