"""One measurement of a network in Keras' words, in a process of its own, printed as JSON:

    python -m benchmarks.keras_cell FRAMEWORK NETWORK SECONDS

It runs under any interpreter that has the framework, and imports striate only to measure it.
"""

from __future__ import annotations

import json
import os
import sys
import time

from benchmarks.keras_networks import NETWORKS, sample, set_weights

BATCH, BATCHES = 64, 4
"""Samples of a batch; batches of an epoch."""
OWN = "striate"


def measure(framework: str, name: str, seconds: float) -> dict:
    """Measures one network in this process: {"train_us", "predict_us", "outputs", "loss"}."""
    keras = _library(framework)
    keras.utils.set_random_seed(0)
    model = NETWORKS[name](keras)
    set_weights(model)
    x, y, loss = sample(model, BATCH * BATCHES)
    model.compile(keras.optimizers.Adam(1e-4), loss)
    outputs = model.predict(x[:4], verbose=0).reshape(4, -1)[:, :8].tolist()
    first = float(model.evaluate(x[:BATCH], y[:BATCH], batch_size=BATCH, verbose=0))
    model.fit(x, y, batch_size=BATCH, verbose=0)
    train = _fastest(lambda epochs: model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0, shuffle=False), seconds)
    predict = _fastest(lambda epochs: [model.predict(x, batch_size=BATCH, verbose=0) for _ in range(epochs)], seconds)
    return {"train_us": train, "predict_us": predict, "outputs": outputs, "loss": first}


def _library(framework: str):
    if framework == OWN:
        import striate

        return striate
    os.environ |= {"KERAS_BACKEND": framework, "TF_CPP_MIN_LOG_LEVEL": "3"}
    import keras

    return keras


def _fastest(run, seconds: float) -> float:
    """Microseconds a sample of the fastest of three runs of about so many seconds in all."""
    run(1)
    started = time.perf_counter()
    run(1)
    epochs = max(1, round(seconds / 3 / (time.perf_counter() - started)))
    times = []
    for _ in range(3):
        started = time.perf_counter()
        run(epochs)
        times.append((time.perf_counter() - started) / epochs)
    return 1e6 * min(times) / (BATCH * BATCHES)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
