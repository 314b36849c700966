"""`tf.config`: says that there is no GPU; settings of TensorFlow's own are accepted and change nothing."""

from __future__ import annotations

import types
from typing import NamedTuple


class PhysicalDevice(NamedTuple):
    """A processor, as TensorFlow names it."""

    name: str
    device_type: str


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The CPU; there is never a GPU."""
    return [PhysicalDevice("/physical_device:CPU:0", "CPU")] if device_type in (None, "CPU") else []


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Accepted; results do not depend on it."""


def _accepted(*arguments, **keywords) -> None:
    """Accepted; there is nothing to set."""


list_logical_devices = get_visible_devices = list_physical_devices
set_visible_devices = set_soft_device_placement = _accepted
threading = types.SimpleNamespace(
    set_inter_op_parallelism_threads=_accepted, set_intra_op_parallelism_threads=_accepted)
optimizer = types.SimpleNamespace(set_jit=_accepted, set_experimental_options=_accepted)
experimental = types.SimpleNamespace(
    list_physical_devices=list_physical_devices, set_memory_growth=_accepted, set_visible_devices=_accepted,
    enable_op_determinism=_accepted, set_virtual_device_configuration=_accepted)
