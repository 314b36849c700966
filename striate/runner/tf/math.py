"""`tf.math`: the functions of `tf` itself."""

from striate.runner.tf import functions
from striate.runner.tf.functions import *  # noqa: F403

__all__ = [*functions.__all__]
