"""`tf.test`: the questions about GPUs that scripts ask first."""


def is_gpu_available(*arguments, **keywords) -> bool:
    """False: striate computes on the CPU."""
    return False


def is_built_with_cuda() -> bool:
    """False."""
    return False


def gpu_device_name() -> str:
    """"": there is none."""
    return ""
