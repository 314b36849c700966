"""Which kind of targets a loss compares with."""

from __future__ import annotations

from typing import Any

from striate.naming import to_snake_case
from striate.serialization import public_name

_KINDS = {
    "sparse_categorical_crossentropy": "sparse",
    "categorical_crossentropy": "categorical", "categorical_focal_crossentropy": "categorical",
    "kl_divergence": "regression", "categorical_hinge": "regression", "poisson": "regression",
    "cosine_similarity": "regression",
    "binary_crossentropy": "binary", "binary_focal_crossentropy": "binary",
    "mean_squared_error": "distance", "mean_absolute_error": "distance", "huber": "distance", "log_cosh": "distance",
    "mean_absolute_percentage_error": "distance", "mean_squared_logarithmic_error": "distance",
}


def option(loss: Any, name: str) -> Any:
    """A constructor argument of one of Keras' losses, such as `from_logits`; None when it has no such argument."""
    return loss.get_config().get(name)


def kind_of(loss: Any) -> str | None:
    """ "sparse", "categorical", "binary", "distance" or "regression" (other comparisons of numbers); None for the
    user's own losses."""
    if public_name(type(loss)) is None:
        return None
    function = getattr(loss, "fn", None)
    if function is not None:
        name = (public_name(function) or "").rpartition(".")[2]
        return _KINDS.get(name)
    return _KINDS.get(to_snake_case(type(loss).__name__))
