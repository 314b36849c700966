"""The frameworks behind one interface. A framework's module is imported only when it is asked for.

Each class is made with (network, with_dropout) and has
    prepare(x, y) -> a batch in the framework's own form, made once and outside of all times
    train(batch) -> the loss as a float: one whole training step on that batch
    predict(batch) -> the outputs as a NumPy array
    version() -> the version as text

Every framework is used in its fastest form, which is not always its most comfortable one: TensorFlow through a
`tf.function` around the whole step (with or without XLA), Keras on JAX through one jitted stateless step with donated
buffers, PyTorch eagerly with channels-last memory, a fused optimiser and denormals flushed. striate is timed through
the step that `fit` makes. `fit` and `train_on_batch` of Keras, which cost more, are not compared.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import numpy as np

from benchmarks import keras_model
from benchmarks.networks import Network


class Striate:
    """This project."""

    def __init__(self, network: Network, with_dropout: bool):
        import striate

        self.network, self.model = network, keras_model.build(striate, network, with_dropout)

    def prepare(self, x, y):
        from striate.models.training.data import Batch

        return Batch(self.model._prepare(x, keras_model.targets(self.network, y)))

    def train(self, batch) -> float:
        from striate.models.training import loops

        loss = self.model._mean_losses
        loss.reset()
        loops.train_step(self.model, batch)
        return loss.results()["loss"]

    def predict(self, batch):
        return self.model.predict_on_batch(batch.examples.x)

    @staticmethod
    def version() -> str:
        import striate

        return striate.__version__


class TensorFlow:
    """Keras on TensorFlow; the step is one `tf.function`."""

    compiled_by_xla = False

    def __init__(self, network: Network, with_dropout: bool):
        os.environ["KERAS_BACKEND"] = "tensorflow"
        import keras
        import tensorflow as tf

        self.tf, self.network = tf, network
        model = keras_model.build(keras, network, with_dropout)
        loss_of, variables = model.loss, model.trainable_variables
        model.optimizer.build(variables)

        def step(x, y):
            with tf.GradientTape() as tape:
                loss = loss_of(y, model(x, training=True))
            model.optimizer.apply(tape.gradient(loss, variables), variables)
            return loss
        self._step = tf.function(step, jit_compile=self.compiled_by_xla)
        self._predict = tf.function(lambda x: model(x, training=False), jit_compile=self.compiled_by_xla)

    def prepare(self, x, y):
        return self.tf.constant(x), self.tf.constant(keras_model.targets(self.network, y))

    def train(self, batch) -> float:
        return float(self._step(*batch))

    def predict(self, batch):
        return self._predict(batch[0]).numpy()

    @staticmethod
    def version() -> str:
        import keras
        import tensorflow as tf

        return f"{tf.__version__}, Keras {keras.__version__}"


class TensorFlowXla(TensorFlow):
    """The same, compiled by XLA."""

    compiled_by_xla = True


class Jax:
    """Keras on JAX; the step is one jitted function of the whole state."""

    def __init__(self, network: Network, with_dropout: bool):
        os.environ["KERAS_BACKEND"] = "jax"
        import jax
        import keras

        self.jax, self.network = jax, network
        model = keras_model.build(keras, network, with_dropout)
        optimizer, loss_of = model.optimizer, model.loss
        optimizer.build(model.trainable_variables)

        def compute(trainable, others, x, y):
            outputs, others = model.stateless_call(trainable, others, x, training=True)
            return loss_of(y, outputs), others

        def step(state, x, y):
            trainable, others, slots = state
            (loss, others), gradients = jax.value_and_grad(compute, has_aux=True)(trainable, others, x, y)
            trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
            return loss, (trainable, others, slots)
        self.state = tuple([variable.value for variable in group] for group in (
            model.trainable_variables, model.non_trainable_variables, optimizer.variables))
        self._step = jax.jit(step, donate_argnums=0)
        self._predict = jax.jit(lambda state, x: model.stateless_call(state[0], state[1], x, training=False)[0])

    def prepare(self, x, y):
        return self.jax.device_put(x), self.jax.device_put(keras_model.targets(self.network, y))

    def train(self, batch) -> float:
        loss, self.state = self._step(self.state, *batch)
        return float(loss)

    def predict(self, batch):
        return np.asarray(self._predict(self.state, batch[0]))

    @staticmethod
    def version() -> str:
        import jax
        import keras

        return f"{jax.__version__}, Keras {keras.__version__}"


class Torch:
    """PyTorch, eager."""

    compiles = False

    def __init__(self, network: Network, with_dropout: bool):
        import torch

        from benchmarks import torch_model

        torch.set_num_threads(len(os.sched_getaffinity(0)))
        torch.set_flush_denormal(True)
        self.torch, self.network, self.library = torch, network, torch_model
        self.model = torch_model.build(network, with_dropout)
        self.optimizer, self.loss_of = torch_model.optimizer(network, self.model), torch_model.loss(network)
        self.called = torch.compile(self.model) if self.compiles else self.model

    def prepare(self, x, y):
        return self.library.to_batch(self.network, x, y)

    def train(self, batch) -> float:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss_of(self.called(batch[0]), batch[1])
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def predict(self, batch):
        if self.model.training:
            self.model.eval()
        with self.torch.inference_mode():
            return self.called(batch[0]).numpy()

    @staticmethod
    def version() -> str:
        import torch

        return torch.__version__


class TorchCompiled(Torch):
    """The same through `torch.compile`, which needs a C++ compiler on the machine."""

    compiles = True


class OnnxRuntime:
    """ONNX Runtime, which only predicts; the model comes from PyTorch, exported in a process of its own."""

    def __init__(self, network: Network, with_dropout: bool):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.onnx")
            subprocess.run([sys.executable, "-m", "benchmarks.onnx_export", path], input=_described(network),
                           text=True, check=True, capture_output=True)
            self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def prepare(self, x, y):
        return np.ascontiguousarray(np.moveaxis(x, -1, 1))

    def predict(self, batch):
        return self.session.run(None, {"x": batch})[0]

    @staticmethod
    def version() -> str:
        import onnxruntime

        return onnxruntime.__version__


def _described(network: Network) -> str:
    import json

    return json.dumps(network.described())


FRAMEWORKS = {"striate": Striate, "tensorflow": TensorFlow, "tensorflow-xla": TensorFlowXla, "torch": Torch,
              "torch-compiled": TorchCompiled, "jax": Jax, "onnxruntime": OnnxRuntime}
"""Names on the command line and in results."""
