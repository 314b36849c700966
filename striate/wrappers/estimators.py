"""The estimators: `fit`, `predict` and `transform` of scikit-learn around a compiled model.

Any number of axes is taken, so that images go in as they are: (samples, height, width, channels).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from striate.callbacks.history import finished
from striate.errors import ArgumentError, received
from striate.models import Model, clone_model


class SKLBase(BaseEstimator):
    """What the three estimators share.

    Shapes: X (samples, ...), y (samples,), or (samples, outputs) for regression and several labels. Raises
    ArgumentError when the model is not compiled.

    Args:
        model: a compiled `Model`, of which a copy with new weights is fitted; or a function of `X`, `y` and
            `model_kwargs` that gives one.
        warm_start: whether a further `fit` goes on with the weights of the one before.
        model_kwargs: further arguments of `model`, when it is a function.
        fit_kwargs: arguments of `model.fit`; those given to `fit` itself come first.

    After `fit`, `model_` is the fitted model and `history_` what `model.fit` gave.
    """

    def __init__(self, model: Model | Callable[..., Model], warm_start: bool = False,
                 model_kwargs: dict[str, Any] | None = None, fit_kwargs: dict[str, Any] | None = None):
        self.model, self.warm_start = model, warm_start
        self.model_kwargs, self.fit_kwargs = model_kwargs, fit_kwargs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags

    def __sklearn_clone__(self) -> Self:
        """The same estimator, not fitted; `sklearn.base.clone` calls it."""
        model = copy.deepcopy(self.model) if isinstance(self.model, Model) else self.model
        return type(self)(model=model, warm_start=self.warm_start, model_kwargs=self.model_kwargs,
                          fit_kwargs=self.fit_kwargs)

    @property
    def epoch_(self) -> Any:
        """The epochs of the last `fit`, by number."""
        return self.history_.epoch if hasattr(self, "history_") else 0

    def set_fit_request(self, **requests: bool | str | None) -> Self:
        """Which metadata `fit` asks for, when scikit-learn routes metadata.

        Raises:
            RuntimeError: it does not.
        """
        if not sklearn.get_config().get("enable_metadata_routing", False):
            raise RuntimeError("This method is only available when metadata routing is enabled: "
                               "sklearn.set_config(enable_metadata_routing=True).")
        self._metadata_request = MetadataRequest(owner=type(self).__name__)
        for name, alias in requests.items():
            self._metadata_request.fit.add_request(param=name, alias=alias)
        return self

    def fit(self, X, y, **kwargs: Any) -> Self:  # noqa: N803 - scikit-learn's names
        """Fits a model to samples X (n, ...) and targets y (n,) or (n, outputs).

        Args:
            X: the samples.
            y: the targets.
            kwargs: arguments of `model.fit`.

        Raises:
            ArgumentError: the model is not compiled.
            ValueError: samples or targets that cannot be used.
        """
        X, y = validate_data(self, X, y, multi_output=True, allow_nd=True, y_numeric=isinstance(self, RegressorMixin))
        y = self._prepared_target(y)
        model = self._model_for(X, y)
        if not model.compiled or model.loss is None:
            raise ArgumentError("Given model needs to be compiled, and have a loss and an optimizer. "
                                + received(model=model.name))
        self.history_ = model.fit(X, y, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        finished(self.history_)  # A search would score half a training and begin the next one.
        return self

    def _model_for(self, X, y) -> Model:  # noqa: N803
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if not isinstance(self.model, Model):
            return self.model(X=X, y=y, **(self.model_kwargs or {}))
        return clone_model(self.model)

    def predict(self, X) -> np.ndarray:  # noqa: N803
        """What the fitted model says of samples: targets like those of `fit`."""
        return self._finished_output(self._outputs(X))

    def _outputs(self, X) -> np.ndarray:  # noqa: N803
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, allow_nd=True)
        return self.model_.predict(X)

    def _prepared_target(self, y: np.ndarray) -> np.ndarray:
        type_of_target(y, input_name="y", raise_unknown=True)
        self._target_is_vector = y.ndim == 1
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _finished_output(self, y: np.ndarray) -> np.ndarray:
        return y[:, 0] if self._target_is_vector and y.ndim == 2 and y.shape[1] == 1 else y


class SKLearnClassifier(ClassifierMixin, SKLBase):
    __doc__ = f"""A classifier. Classes may be any labels; the model is trained on rows with a single one.

    {SKLBase.__doc__}
    `classes_` are the labels in the order of the model's outputs.
    """

    def _prepared_target(self, y: np.ndarray) -> np.ndarray:
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"Only binary and multiclass target types are supported. Target type: {kind}. "
                             f"Unknown label type: {kind}")
        self.classes_, places = np.unique(np.ravel(y), return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError("Classifier can't train when only one class is present.")
        return np.eye(len(self.classes_), dtype=np.float32)[places]

    def _finished_output(self, y: np.ndarray) -> np.ndarray:
        return self.classes_[y.argmax(axis=-1)]

    def decision_function(self, X) -> np.ndarray:  # noqa: N803
        """The model's outputs for samples: probabilities or scores, as its last layer gives them."""
        return self._outputs(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class SKLearnRegressor(RegressorMixin, SKLBase):
    __doc__ = f"A regressor.\n\n    {SKLBase.__doc__}"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, SKLBase):
    __doc__ = f"A step of a pipeline that hands on the model's outputs.\n\n    {SKLBase.__doc__}"

    def transform(self, X) -> np.ndarray:  # noqa: N803
        """The model's outputs for samples."""
        return self._outputs(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
