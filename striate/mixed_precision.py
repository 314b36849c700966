"""`keras.mixed_precision`: policies are accepted and kept, all arithmetic is float32 (see `dtype_policies`)."""

from __future__ import annotations

from striate.dtype_policies import DTypePolicy, dtype_policy, set_dtype_policy
from striate.optimizers import LossScaleOptimizer

Policy = DTypePolicy
global_policy, set_global_policy = dtype_policy, set_dtype_policy

__all__ = ["DTypePolicy", "LossScaleOptimizer", "Policy", "dtype_policy", "global_policy", "set_dtype_policy",
           "set_global_policy"]
