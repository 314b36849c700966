"""What can happen around training steps, with Keras' names.

One of Keras' is absent: `OrbaxCheckpoint`, which writes the format of a library for JAX; `BackupAndRestore` keeps whole
states of a training.
"""

from striate.callbacks.backup import BackupAndRestore
from striate.callbacks.base import Callback, CallbackList, LambdaCallback
from striate.callbacks.checkpoint import ModelCheckpoint
from striate.callbacks.csv_logger import CSVLogger
from striate.callbacks.history import History
from striate.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from striate.callbacks.monitor import EarlyStopping, MonitorCallback
from striate.callbacks.progress import Progbar, ProgbarLogger
from striate.callbacks.remote_monitor import RemoteMonitor
from striate.callbacks.swap_weights import SwapEMAWeights
from striate.callbacks.tensorboard import TensorBoard
from striate.callbacks.terminate_on_nan import TerminateOnNaN
from striate.outside import missing

__all__ = ["BackupAndRestore", "CSVLogger", "Callback", "CallbackList", "EarlyStopping", "History", "LambdaCallback",
           "LearningRateScheduler", "ModelCheckpoint", "MonitorCallback", "Progbar", "ProgbarLogger",
           "ReduceLROnPlateau", "RemoteMonitor", "SwapEMAWeights", "TensorBoard", "TerminateOnNaN"]


def __getattr__(name: str):
    raise missing("keras.callbacks", name)
