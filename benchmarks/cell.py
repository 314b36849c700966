"""One cell of the benchmark: one framework, one network, one batch size, in this (fresh) process.

    python benchmarks/cell.py striate uva 32

Prints one line of JSON: microseconds a sample of a training step (median and smallest of the timed steps), of a
prediction, seconds to the end of the first step, peak memory, and the losses of the first steps without dropout,
by which the caller checks that all frameworks compute the same thing.
"""

import json
import os
import resource
import sys
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from networks import NETWORKS, build_keras, build_torch, data  # noqa: E402

GATE_STEPS = 5


def keras_like(name):
    """The Keras module of a framework: striate itself, Keras on TensorFlow, or Keras on JAX."""
    if name == "striate":
        import striate

        return striate
    os.environ["KERAS_BACKEND"] = {"tensorflow": "tensorflow", "jax": "jax"}[name]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    return keras


def steps_of(framework, network, dropout):
    """(train(x, y) -> loss as float, predict(x)) on arrays already in the framework's own form; (convert)."""
    if framework == "torch":
        import torch

        torch.set_flush_denormal(True)
        model, step = build_torch(torch, network, dropout)

        def convert(x, y):
            return torch.tensor(x).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last), torch.tensor(y)

        def predict(x):
            model.eval()
            with torch.inference_mode():
                model(x)
            model.train()
        return step, predict, convert
    keras = keras_like(framework)
    model = build_keras(keras, network, dropout)
    if framework == "tensorflow":
        import tensorflow as tf

        call = tf.function(lambda x: model(x, training=False), jit_compile=False)
        function = model.make_train_function
        function()
        inner = model.train_function

        def train(x, y):
            return inner(iter([(x, y)]))["loss"] if False else model.train_on_batch(x, y)
        return train, call, lambda x, y: (tf.constant(x), tf.constant(y))
    return model.train_on_batch, model.predict_on_batch, lambda x, y: (x, y)


def measure(framework, name, batch, seconds):
    network = NETWORKS[name]
    x, y = data(network, batch * 4)
    started = time.perf_counter()
    train, predict, convert = steps_of(framework, network, dropout=False)
    batches = [convert(x[i * batch:(i + 1) * batch], y[i * batch:(i + 1) * batch]) for i in range(4)]
    losses = [float(np.asarray(_number(train(*batches[0]))))]
    first_step = time.perf_counter() - started
    losses += [float(np.asarray(_number(train(*batches[i % 4])))) for i in range(1, GATE_STEPS)]
    train, predict, _ = steps_of(framework, network, dropout=True)
    return {"framework": framework, "network": name, "batch": batch, "losses": losses, "first_step_s": first_step,
            "train_us": _time(lambda i: train(*batches[i % 4]), batch, seconds),
            "predict_us": _time(lambda i: predict(batches[i % 4][0]), batch, seconds / 2),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _number(value):
    value = value.detach() if hasattr(value, "detach") else value
    return value[0] if isinstance(value, (list, tuple)) else value


def _time(call, batch, seconds):
    for i in range(4):
        call(i)
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 10:
        started = time.perf_counter()
        call(len(times))
        times.append(time.perf_counter() - started)
    return {"median": float(np.median(times)) / batch * 1e6, "min": min(times) / batch * 1e6, "steps": len(times)}


if __name__ == "__main__":
    framework, name, batch = sys.argv[1:4]
    print(json.dumps(measure(framework, name, int(batch), float(sys.argv[4]) if len(sys.argv) > 4 else 3.0)))
